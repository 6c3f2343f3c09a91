"""RECIST 1.1 response from the lesions of two scans: a two-point comparison whose baseline is the prior scan.

The smallest sum since the start of treatment (the nadir) is not known from two scans, so progression is judged
against the prior. Thresholds: `data/recist.yaml`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import yaml

Response = Literal["CR", "PR", "SD", "PD", "NE"]

TINY = 1e-6
"""Rounding of sums and percentages: a threshold that is met exactly is met."""


@cache
def rules() -> dict[str, Any]:
    """The thresholds, `assistant/data/recist.yaml`."""
    return yaml.safe_load(files("assistant").joinpath("data/recist.yaml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Followed:
    """One lesion at two times.

    organ: what the limit of targets an organ counts by.
    before_mm, after_mm: longest axial diameter; None: not there at that time.
    evaluable: False when it is gone and the place where it was is not in the later scan.
    """

    organ: str
    before_mm: float | None
    after_mm: float | None
    evaluable: bool = True


@dataclass(frozen=True)
class Judgement:
    """response: NE when it cannot be told. why: one of the keys of `compare.why` in the wording.

    targets: which of the lesions were followed as targets, by index.
    before_mm, after_mm: sums of the targets' longest diameters. percent: change of the sum; None without targets.
    new: how many lesions are new.
    borderline: another class would follow if each target's sum differed by one voxel's side in the later scan.
    """

    response: Response
    why: str
    targets: tuple[int, ...]
    before_mm: float
    after_mm: float
    percent: float | None
    new: int
    borderline: bool = False


def choose_targets(lesions: Sequence[Followed]) -> tuple[int, ...]:
    """The largest measurable lesions of the prior: at most five in all and two an organ, by index.

    Of equally large ones that which is larger later, so that the order in which they come decides nothing.
    """
    data, taken = rules(), Counter[str]()
    chosen: list[int] = []

    def size(n: int) -> tuple[float, float]:
        return lesions[n].before_mm or 0.0, lesions[n].after_mm or 0.0

    for n in sorted(range(len(lesions)), key=size, reverse=True):
        lesion = lesions[n]
        measurable = (lesion.before_mm or 0.0) >= data["target_mm"] - TINY
        if measurable and taken[lesion.organ] < data["most_per_organ"] and len(chosen) < data["most_targets"]:
            chosen.append(n)
            taken[lesion.organ] += 1
    return tuple(chosen)


def judge(lesions: Sequence[Followed], voxel_mm: float = 0.0) -> Judgement:
    """The response of a patient.

    voxel_mm: the in-plane side of a voxel of the later scan, the least error of a diameter; 0 to leave it out.
    """
    targets = choose_targets(lesions)
    before = sum(lesions[n].before_mm or 0.0 for n in targets)
    after = sum(lesions[n].after_mm or 0.0 for n in targets)
    new = sum(lesion.before_mm is None for lesion in lesions)
    percent = 100 * (after - before) / before if targets else None
    gone = all(lesion.after_mm is None for lesion in lesions if lesion.before_mm is not None)

    def judged(response: Response, why: str, borderline: bool = False) -> Judgement:
        return Judgement(response, why, targets, before, after, percent, new, borderline)

    if new:
        return judged("PD", "new")
    if not targets:
        return judged("NE", "no_target")
    if any(not lesions[n].evaluable for n in targets):
        return judged("NE", "not_evaluable")
    if after == 0.0:
        return judged("CR", "gone") if gone else judged("PR", "others_remain")
    step = voxel_mm * len(targets)
    response = _by_sum(before, after)
    around = {_by_sum(before, max(after + d, 0.0)) for d in (-step, step)} if step else {response}
    return judged(response, "sum", borderline=around != {response})


def _by_sum(before: float, after: float) -> Response:
    data, change = rules(), after - before
    percent = 100 * change / before
    if percent >= data["progress_percent"] - TINY and change >= data["progress_mm"] - TINY:
        return "PD"
    return "PR" if percent <= data["partial_percent"] + TINY else "SD"
