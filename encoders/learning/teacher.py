"""Labels predicted by earlier weights, for the next round of training (self-training)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from encoders.checkpoints import load_model
from encoders.device import device
from encoders.geometry import Geometry
from encoders.inference import StudyFeatures, decode_in_parts, extract_features
from encoders.postprocess import judge, plausible
from encoders.volume import Volume
from prompts.ontology import ontology


def predictions(
    hu: np.ndarray, spacing: float, weights: Path, structures: Sequence[str], sure: float = 0.85
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """(structure, mask, uncertain) per structure on the CT's own isotropic RAS+ grid, bool (X, Y, Z).

    A voxel is uncertain when its probability lies between 1 - `sure` and `sure`, or when the anatomy rules of
    `postprocess.yaml` dropped it; the mask holds the certain ones. Structures whose volume or density is not plausible
    are left out. On a finer grid than the weights' own, logits are interpolated.
    """
    model = load_model(weights).to(device()).eval()
    volume = Volume(hu, Geometry(hu.shape, np.diag([spacing, spacing, spacing, 1.0])))
    study = extract_features(model, volume)
    text = model.embeddings(structures)
    middle, width = study.body.shape[0] / 2, study.body.shape[0]
    for index, logits in decode_in_parts(model, study, text):
        verdict = judge(
            logits.cpu().numpy(), ontology()[structures[index]], study.grid.voxel_ml, middle, width
        )
        probability = torch.sigmoid(_whole(logits, study, hu.shape)).numpy()
        mask = _whole(torch.from_numpy(verdict.keep * 2.0 - 1), study, hu.shape).numpy() > 0
        if not plausible(structures[index], hu[mask], spacing**3 / 1000):
            continue
        mask &= probability >= sure
        yield structures[index], mask, (probability > 1 - sure) & ~mask


def _whole(values: torch.Tensor, study: StudyFeatures, shape: tuple[int, ...]) -> torch.Tensor:
    """Logits on the body's part of the model's grid, interpolated to the CT's grid of `shape`."""
    whole = torch.full(study.grid.shape, -20.0)
    whole[study.body.slices] = values.float().cpu()
    if tuple(shape) == study.grid.shape:
        return whole
    return F.interpolate(whole[None, None], list(shape), mode="trilinear")[0, 0]
