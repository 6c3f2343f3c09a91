"""How far a model's probabilities can be believed: reliability by voxel, expected calibration error, temperature.

Confidence is the expected Dice of a mask under the model's probabilities. Probabilities of a network that was trained
with a Dice loss are too sure; one temperature for all logits, fitted on held-out cases, mends that (Guo et al., On
Calibration of Modern Neural Networks, ICML 2017). Masks do not change: the threshold stays at a logit of zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit

from encoders.geometry import Box
from encoders.learning.cases import Case
from encoders.segmenters.embedded import EmbeddedSegmenter
from eval.held_out import truths, volume_of

BINS = 10
MARGIN_MM = 15.0
"""Voxels count within this of the structure's box: far away everything is surely nothing."""
RANGE = (0.5, 20.0)
"""Of temperatures to try."""


@dataclass(frozen=True, eq=False)
class Voxels:
    """Logits (N,) and truth (N,) bool of one structure of one case."""

    structure: str
    logits: np.ndarray
    truth: np.ndarray


@dataclass(frozen=True)
class Bin:
    """Voxels whose probability lies in one tenth: how many, their mean probability, and the share that is right."""

    voxels: int
    probability: float
    share: float


def reliability(probability: np.ndarray, truth: np.ndarray) -> list[Bin]:
    """The reliability curve in `BINS` bins of equal width; empty ones are left out."""
    place = np.minimum((probability * BINS).astype(int), BINS - 1)
    bins = []
    for n in range(BINS):
        inside = place == n
        if inside.any():
            bins.append(
                Bin(int(inside.sum()), float(probability[inside].mean()), float(truth[inside].mean()))
            )
    return bins


def calibration_error(bins: Iterable[Bin]) -> float:
    """Expected calibration error: mean distance between probability and share, weighed by voxels."""
    known = list(bins)
    total = sum(b.voxels for b in known)
    return sum(b.voxels * abs(b.probability - b.share) for b in known) / total if total else 0.0


def fit_temperature(samples: Iterable[Voxels]) -> float:
    """The temperature with the least cross-entropy, every structure weighing the same. Raises ValueError for none."""
    known = list(samples)
    if not known:
        raise ValueError("a temperature needs at least one structure with a reference")

    def cost(log_temperature: float) -> float:
        total = 0.0
        for sample in known:
            x = sample.logits / np.exp(log_temperature)
            total += float(np.mean(np.logaddexp(0, x) - x * sample.truth))
        return total

    low, high = np.log(RANGE)
    return float(np.exp(minimize_scalar(cost, bounds=(low, high), method="bounded").x))


def voxels_of(segmenter: EmbeddedSegmenter, case: Case, structures: Sequence[str]) -> list[Voxels]:
    """Logits and truth around every structure that a held-out case knows, on the case's grid.

    The case has the spacing of the pass that the structures come from.
    """
    known = {name: (mask, counts) for name, mask, counts, _ in truths(case, structures)}
    voxels = []
    for name, found in segmenter.logits(volume_of(case), list(known)).items():
        if name not in known:
            continue
        mask, counts = (array[found.box.slices] for array in known[name])
        box = Box.of_mask(mask)
        if box is None:
            continue
        near = box.grown(round(MARGIN_MM / case.spacing_mm), mask.shape).slices
        where = counts[near]
        values = found.logits.cpu().numpy().astype(np.float32)[near]
        voxels.append(Voxels(name, values[where], mask[near][where]))
    return voxels


def calibrate(scans: Iterable[tuple[EmbeddedSegmenter, Case]], structures: Sequence[str]) -> dict[str, Any]:
    """What cases say of models that never saw them: the temperature, and calibration errors before and after it.

    {"temperature", "structures": {id: {"before", "after"}}, "curve"}, errors as means over cases. The temperature is
    fitted and measured on the same cases, so the errors after it are optimistic.
    """
    samples = [sample for model, case in scans for sample in voxels_of(model, case, structures)]
    temperature = fit_temperature(samples)

    def error(structure: str, t: float) -> float:
        own = [s for s in samples if s.structure == structure]
        errors = [calibration_error(reliability(expit(s.logits / t), s.truth)) for s in own]
        return round(float(np.mean(errors)), 4)

    every = np.concatenate([s.logits for s in samples]), np.concatenate([s.truth for s in samples])
    return {
        "temperature": round(temperature, 3),
        "structures": {
            name: {"before": error(name, 1.0), "after": error(name, temperature)}
            for name in dict.fromkeys(s.structure for s in samples)
        },
        "curve": [asdict(b) for b in reliability(expit(every[0] / temperature), every[1])],
    }
