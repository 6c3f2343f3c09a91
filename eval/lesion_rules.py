"""What counts as a lesion, chosen on lesions that were planted in a held-out CT.

For each organ: the level from which on a voxel belongs to a lesion, and the smoothed logit that a piece must reach.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cc3d
import numpy as np

from encoders.detail import nearest
from encoders.postprocess import host_organs
from encoders.segmenters.embedded import EmbeddedSegmenter
from encoders.segmenters.lesions import Candidates, Pieces, Rule, pieces
from eval.dataset import read_dataset

LEVELS = (-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0)
LEAST_MM = 10.0
"""Lesions of this diameter and more decide."""
LEAST_IOU = 0.1
"""A piece that overlaps a lesion less than this (intersection over union) is not it, but false."""
NEVER = 99.0
"""A peak that no logit reaches."""
MOST_FALSE = 1.0
"""False ones a scan that are accepted."""


@dataclass(frozen=True, eq=False)
class Scan:
    """Of one case and organ: the highest logit (X, Y, Z) of its kinds of lesion, the organ, the planted ones.

    unasked: lesions that the CT had before.
    """

    values: np.ndarray
    host: np.ndarray
    truth: np.ndarray
    voxel_ml: float
    unasked: np.ndarray | None = None


@dataclass(frozen=True)
class Lesion:
    """A planted lesion. peak: the highest smoothed logit of what hits it, -inf for none. dice: with that piece."""

    diameter_mm: float
    peak: float
    dice: float


@dataclass(frozen=True)
class Chosen:
    """The rule of one organ's lesions, and how it did on some scans.

    found: of the lesions of 10 mm and more. dice: mean over the found ones.
    """

    lesions: tuple[str, ...]
    rule: dict[str, float]
    found: int
    lesions_of_10_mm: int
    false_a_scan: float
    dice: float
    scans: int

    @property
    def sensitivity(self) -> float:
        return self.found / max(self.lesions_of_10_mm, 1)


def examine(scan: Scan, rule: Rule) -> tuple[list[Lesion], list[float]]:
    """The planted lesions of a scan, and the peaks of the pieces that hit neither them nor `unasked` ones, at the
    rule's level.
    """
    seen = pieces(scan.values, scan.host, rule, scan.voxel_ml)
    sizes = np.bincount(seen.parts.ravel(), minlength=len(seen.peaks) + 1)
    both, hit = _hits(scan.truth, seen, sizes)
    wanted, count = both.sum(1), len(both) - 1
    lesions = []
    for number in range(1, count + 1):
        best = max(np.flatnonzero(hit[number]), key=lambda n: seen.peaks[n - 1], default=None)
        diameter = float(np.cbrt(6 / np.pi * wanted[number] * 1000 * scan.voxel_ml))
        if best is None:
            lesions.append(Lesion(diameter, -np.inf, 0.0))
            continue
        dice = 2 * both[number, best] / (wanted[number] + sizes[best])
        lesions.append(Lesion(diameter, float(seen.peaks[best - 1]), float(dice)))
    right: np.ndarray = np.any(hit, axis=0)
    if scan.unasked is not None:
        right |= np.any(_hits(scan.unasked, seen, sizes)[1], axis=0)
    return lesions, seen.peaks[seen.usable & ~right[1:]].tolist()


def _hits(lesions: np.ndarray, seen: Pieces, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Voxels that each lesion (a component of the mask, row 0 none) shares with each piece (column 0 none), and whether
    that is a hit. sizes: voxels of each piece.
    """
    numbers, count = cc3d.connected_components(lesions, connectivity=26, return_N=True)
    both = np.zeros((count + 1, len(sizes)))
    np.add.at(both, (numbers[lesions], seen.parts[lesions]), 1)
    hit = both >= LEAST_IOU * (both.sum(1)[:, None] + sizes - both)
    hit[:, 1:] &= seen.usable
    hit[:, 0] = False
    hit[0] = False
    return both, hit


def choose(scans: Sequence[Scan], lesions: Sequence[str]) -> Chosen:
    """The level and peak that find most lesions of 10 mm and more with at most one false piece a scan.

    Among equals the one with fewer false pieces, then the one with the better masks.
    """
    best = Chosen(tuple(lesions), {"level": 0.0, "peak": NEVER}, 0, 0, 0.0, 0.0, len(scans))
    for level in LEVELS:
        results = [examine(scan, Rule(level=level)) for scan in scans]
        false = [p for _, wrong in results for p in wrong]
        large = [x.peak for found, _ in results for x in found if x.diameter_mm >= LEAST_MM]
        peaks = sorted({p for p in large if np.isfinite(p)})
        for peak in peaks:
            # half-way down to the next lower logit of anything, so that equal ones are not split
            lower = [p for p in [*false, *peaks] if p < peak]
            threshold = round((peak + max(lower, default=peak)) / 2, 2)
            made = _outcome(results, {"level": level, "peak": threshold}, lesions)
            if made.false_a_scan <= MOST_FALSE and _merit(made) > _merit(best):
                best = made
    return best


def measured(chosen: Chosen, scans: Sequence[Scan]) -> Chosen:
    """The same rule on other scans."""
    results = [examine(scan, Rule(level=chosen.rule["level"])) for scan in scans]
    return _outcome(results, chosen.rule, chosen.lesions)


def _merit(chosen: Chosen) -> tuple[float, float, float]:
    return chosen.found, -chosen.false_a_scan, chosen.dice


def _outcome(
    results: Sequence[tuple[list[Lesion], list[float]]], rule: dict[str, float], lesions: Sequence[str]
) -> Chosen:
    """How a rule does on scans that were examined at its level."""
    planted = [x for found, _ in results for x in found if x.diameter_mm >= LEAST_MM]
    hits = [x for x in planted if x.peak >= rule["peak"]]
    false = sum(p >= rule["peak"] for _, wrong in results for p in wrong)
    dice = round(float(np.mean([x.dice for x in hits])), 3) if hits else 0.0
    scans = len(results)
    return Chosen(tuple(lesions), rule, len(hits), len(planted), false / scans, dice, scans)


def choose_rules(segmenter: EmbeddedSegmenter, folder: Path, tested: Path | None = None) -> dict[str, Chosen]:
    """The rule of each organ whose lesions a closer pass draws and the data set holds, by the organ's name.

    tested: a data set of other CTs, on which the chosen rules are measured then; without one the numbers are those of
    the scans that the rules were chosen on, and too good.
    """
    groups: dict[tuple[str, ...], list[str]] = {}
    for lesion, number in segmenter.drawn.items():
        hosts = host_organs(lesion, tuple(segmenter.drawn))
        if number == len(segmenter.passes) - 1 and hosts:
            groups.setdefault(hosts, []).append(lesion)
    chosen = {
        hosts: choose(scans, groups[hosts]) for hosts, scans in _scans(segmenter, folder, groups).items()
    }
    if tested:
        others = _scans(segmenter, tested, {hosts: groups[hosts] for hosts in chosen})
        chosen = {hosts: measured(chosen[hosts], scans) for hosts, scans in others.items()}
    return {" and ".join(hosts): rule for hosts, rule in chosen.items()}


def _scans(
    segmenter: EmbeddedSegmenter, folder: Path, groups: dict[tuple[str, ...], list[str]]
) -> dict[tuple[str, ...], list[Scan]]:
    """What the segmenter says of each case, by the organs that lesions lie in; only organs that have some."""
    from tqdm import tqdm

    from assistant.study import open_study

    scans: dict[tuple[str, ...], list[Scan]] = {hosts: [] for hosts in groups}
    for case in tqdm(read_dataset(folder).cases, desc=folder.name, unit="case"):
        volume = open_study(case.image).volume
        known = dict(case.truths(volume.shape))
        for hosts, lesions in groups.items():
            seen = segmenter.candidates(volume, lesions[:1]).get(lesions[0])
            if seen is None:
                continue
            here = [volume.geometry.to_canonical(known[x]) for x in lesions if x in known]
            whole = np.logical_or.reduce(here) if here else np.zeros(volume.canonical().shape, bool)
            own = volume.geometry.to_canonical(case.unasked(volume.shape))
            scans[hosts].append(_scan(seen, whole, own, volume.canonical().geometry))
    return {hosts: found for hosts, found in scans.items() if any(scan.truth.any() for scan in found)}


def _scan(seen: Candidates, truth: np.ndarray, own: np.ndarray, geometry: Any) -> Scan:
    values = seen.logits.amax(0).cpu().numpy()
    planted, before = (nearest(mask, geometry, (0, 0, 0), seen.grid, seen.box) for mask in (truth, own))
    return Scan(values, seen.host, planted, seen.grid.voxel_ml, before)
