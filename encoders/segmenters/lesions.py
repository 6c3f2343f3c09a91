"""Lesions in the closer passes: pieces of the logits that are high enough, large enough, and lie in their organ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cc3d
import numpy as np
import torch
from scipy import ndimage
from scipy.special import expit
from torch import Tensor

from encoders.detail import FineStudy, Neighbourhood, decode_near, nearest, reach_mm
from encoders.geometry import Box, Geometry
from encoders.inference import StudyFeatures
from encoders.postprocess import Verdict, confidence_of, host_organs
from encoders.segmenters.base import Asked, Progress
from encoders.segmenters.found import Found
from encoders.universal import UniversalModel

CLOSING_MM = 7.5
"""A lesion that the organ's mask leaves out makes a bay or a hole of about this half-width in it."""

SMOOTHING_MM = 7.5
"""Side of the cube that logits are averaged over before the highest of a piece counts: a lesion of 10 mm fills it, a
vessel, a duct or a fissure does not."""


@dataclass(frozen=True)
class Rule:
    """What counts as a lesion.

    level: logit from which on a voxel belongs to it. peak: the least highest smoothed logit of a piece. inside: the
    least share of a piece that lies in the organ. min_ml: the least volume of a piece.
    """

    level: float = 0.0
    peak: float = 0.0
    inside: float = 0.6
    min_ml: float = 0.1


@dataclass(frozen=True, eq=False)
class Candidates:
    """The logits (n, X, Y, Z) of n kinds of lesion of one organ on `box` of a grid, and the organ itself, bool."""

    kinds: tuple[Asked, ...]
    logits: Tensor
    host: np.ndarray
    box: Box
    grid: Geometry

    def rivals(self, asked: Asked) -> list[int]:
        """Rows of the other kinds that the same place may be."""
        return [
            n for n, kind in enumerate(self.kinds) if kind.structure != asked.structure and not kind.phrase
        ]


def look(
    model: UniversalModel,
    study: StudyFeatures,
    fine: FineStudy,
    wanted: Mapping[Asked, Tensor],
    first: Mapping[Asked, Found],
    progress: Progress | None = None,
) -> Candidates | None:
    """What a model says of lesions that lie in the same organs, near the first masks of those; None when there is none.

    wanted: unit-length embeddings (text_dim,). The model's other kinds of lesion in these organs come along, since a
    cyst is no tumour. The organs are drawn anew from the same windows where the model knows them.
    """
    known = [a.structure for a in first if not a.phrase]
    hosts = host_organs(next(iter(wanted)).structure, known)
    if not hosts:
        return None
    whole = np.logical_or.reduce([first[Asked(h)].verdict.keep for h in hosts])
    reach = max(reach_mm(asked.structure) for asked in wanted)
    place = Neighbourhood.around(whole, reach, study, fine)
    if place is None:
        return None
    own = model.config.structures
    others = [s for s in own if host_organs(s, known) == hosts and Asked(s) not in wanted]
    kinds = (*wanted, *(Asked(s) for s in others))
    organs = hosts if set(hosts) <= set(own) else ()
    text = torch.cat([torch.stack(list(wanted.values())), model.embeddings([*others, *organs])])
    logits = decode_near(model, fine, place, text, progress)
    if organs:
        host = (logits[len(kinds) :].amax(0) > 0).cpu().numpy()
    else:
        host = nearest(whole, study.grid, study.body.start, fine.grid, place.box)
    return Candidates(kinds, logits[: len(kinds)], closed(host, fine.grid.spacing[0]), place.box, fine.grid)


def closed(host: np.ndarray, spacing: float) -> np.ndarray:
    """An organ's mask with its bays and holes filled, see `CLOSING_MM`."""
    steps = max(round(CLOSING_MM / spacing), 1)
    return ndimage.binary_closing(np.pad(host, steps + 1), iterations=steps)[
        tuple(slice(steps + 1, -steps - 1) for _ in host.shape)
    ]


@dataclass(frozen=True, eq=False)
class Pieces:
    """Connected pieces of what is above a rule's level. parts: (X, Y, Z), 0 none, n the piece `peaks[n - 1]`.

    peaks: the highest smoothed logit of each. usable: whether it is large enough and lies in the organ.
    """

    parts: np.ndarray
    peaks: np.ndarray
    usable: np.ndarray


def pieces(values: np.ndarray, host: np.ndarray, rule: Rule, voxel_ml: float) -> Pieces:
    """The 26-connected pieces of (X, Y, Z) logits above the rule's level."""
    parts, count = cc3d.connected_components(values > rule.level, connectivity=26, return_N=True)
    sizes = np.bincount(parts.ravel(), minlength=count + 1)[1:]
    inside = np.bincount(parts[host], minlength=count + 1)[1:]
    smooth = smoothed(values, voxel_ml)
    peaks = np.asarray(ndimage.maximum(smooth, parts, np.arange(1, count + 1)) if count else [])
    return Pieces(parts, peaks, (sizes * voxel_ml >= rule.min_ml) & (inside >= rule.inside * sizes))


def smoothed(values: np.ndarray, voxel_ml: float) -> np.ndarray:
    """The mean over a cube, see `SMOOTHING_MM`, of an isotropic grid."""
    side = max(round(SMOOTHING_MM / (1000 * voxel_ml) ** (1 / 3)), 1)
    return ndimage.uniform_filter(values.astype(np.float32), side)


def judged(seen: Candidates, asked: Asked, rule: Rule) -> Found:
    """The pieces of one kind; a piece is of the kind with the largest sum of logits in it."""
    own = seen.logits[seen.kinds.index(asked)].cpu().numpy()
    rivals = seen.logits[seen.rivals(asked)].cpu().numpy()
    values = np.maximum(own, rivals.max(0)) if len(rivals) else own
    found = pieces(values, seen.host, rule, seen.grid.voxel_ml)
    numbers = np.arange(1, len(found.peaks) + 1)
    chosen = found.usable & (found.peaks >= rule.peak)
    for rival in rivals:
        chosen &= sums(own, found.parts, numbers) >= sums(rival, found.parts, numbers)
    keep = np.isin(found.parts, numbers[chosen])
    shifted = np.where(keep, values - rule.level, np.minimum(own - rule.level, -1.0)).astype(np.float32)
    if keep.any():
        sure = confidence_of(expit(shifted), keep)
    else:
        highest = smoothed(values, seen.grid.voxel_ml)[seen.host].max(initial=-20.0)
        sure = float(expit(rule.peak - highest))
    return Found(Verdict(keep, sure), torch.from_numpy(shifted), seen.box, seen.grid)


def sums(values: np.ndarray, parts: np.ndarray, numbers: Sequence[int] | np.ndarray) -> np.ndarray:
    """The sum of values in each numbered part."""
    return np.asarray(ndimage.sum_labels(values, parts, numbers))
