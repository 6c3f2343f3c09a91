"""Which lesion of one scan is which of another, when the scans are not registered.

A lesion is placed relative to the box of its organ, so that breathing, another position on the table and another
grid matter little. Lesions of one kind in one organ are paired so that the sum of the costs is smallest
(`scipy.optimize.linear_sum_assignment`); a cost is the distance of the two places in mm, plus a part for unequal
size. A pair is sure only when it is near and no exchange of partners would be nearly as good.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from assistant.recist import rules
from encoders.geometry import Geometry
from encoders.segmenters.base import Mask

Point = npt.NDArray[np.floating]

NEVER = 1e6
"""The cost of what must not be a pair, mm."""


@dataclass(frozen=True, eq=False)
class Placed:
    """A lesion and its organ. box: low and high corner of the organ, RAS+ mm; None when it was not found.

    centre: of the lesion, RAS+ mm. diameter_mm: its longest axial diameter.
    """

    organ: str | None
    centre: Point
    diameter_mm: float
    box: tuple[Point, Point] | None = None
    organ_whole: bool = True

    @classmethod
    def of(
        cls, lesion: Mask, diameter_mm: float, organ: Mask | None, geometry: Geometry, whole: bool = True
    ) -> Placed:
        """From a present lesion mask and the mask of its organ; whole: the organ is not cut off."""
        centre = _world(lesion, geometry).mean(axis=0)
        if organ is None or organ.box is None:
            return cls(None if organ is None else organ.structure, centre, diameter_mm)
        points = _world(organ, geometry)
        corners = points.min(axis=0), points.max(axis=0)
        return cls(organ.structure, centre, diameter_mm, corners, whole)


@dataclass(frozen=True)
class Pair:
    """before, after: indices into the two lists; None: a lesion without a partner.

    distance_mm: between the two places, relative to the organ; None when there was no organ to go by.
    doubt: "" when sure, else why not: "far" apart, a "rival" fits nearly as well, the "organ" is cut off, no
        "place" to go by, perhaps a "part" of another lesion.
    """

    before: int | None
    after: int | None
    distance_mm: float | None = None
    doubt: str = ""


def pair(before: Sequence[Placed], after: Sequence[Placed]) -> list[Pair]:
    """All lesions of two scans, each once: pairs first, then those that vanished and those that are new."""
    from scipy.optimize import linear_sum_assignment

    reach = rules()["pairing"]["reach_mm"]
    distances = np.array([[_distance(a, b) for b in after] for a in before]).reshape(len(before), len(after))
    sizes = np.array([[_size(a, b) for b in after] for a in before]).reshape(len(before), len(after))
    costs = np.where(np.nan_to_num(distances) <= reach, np.nan_to_num(distances) + sizes, NEVER)
    rows, columns = linear_sum_assignment(np.minimum(costs, NEVER))
    matched = [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if costs[i, j] < NEVER]
    pairs = [
        Pair(
            i,
            j,
            _given(distances[i, j]),
            _doubt(before[i], after[j], distances[i, j], _rival(costs, matched, i, j)),
        )
        for i, j in matched
    ]
    firsts, seconds = {i for i, _ in matched}, {j for _, j in matched}
    gone = [
        Pair(i, None, doubt=_part(distances[i], [b.diameter_mm for b in after]))
        for i in range(len(before))
        if i not in firsts
    ]
    new = [
        Pair(None, j, doubt=_part(distances[:, j], [a.diameter_mm for a in before]))
        for j in range(len(after))
        if j not in seconds
    ]
    return [*pairs, *gone, *new]


def _distance(a: Placed, b: Placed) -> float:
    """mm between two places, each as a fraction of its organ's box, in a box of their mean size; NaN when there is
    no organ to go by, infinite in different organs.
    """
    if a.box is None or b.box is None:
        return float("nan") if a.organ == b.organ or None in (a.organ, b.organ) else float("inf")
    if a.organ != b.organ:
        return float("inf")
    (low_a, high_a), (low_b, high_b) = a.box, b.box
    size_a, size_b = np.maximum(high_a - low_a, 1.0), np.maximum(high_b - low_b, 1.0)
    apart = (a.centre - low_a) / size_a - (b.centre - low_b) / size_b
    return float(np.linalg.norm(apart * (size_a + size_b) / 2))


def _size(a: Placed, b: Placed) -> float:
    ratio = max(a.diameter_mm, 1.0) / max(b.diameter_mm, 1.0)
    return float(rules()["pairing"]["size_mm"] * abs(np.log(ratio)))


def _rival(costs: npt.NDArray, matched: Sequence[tuple[int, int]], i: int, j: int) -> float:
    """What it would cost more, at least, if lesion i or j had another partner, mm."""
    partner_of, partner_for = dict(matched), {b: a for a, b in matched}
    exchanges = [
        costs[i, b] + (costs[a, j] - costs[a, b] if (a := partner_for.get(b)) is not None else 0.0)
        for b in range(costs.shape[1])
        if b != j
    ]
    exchanges += [costs[a, j] for a in range(costs.shape[0]) if a not in partner_of]
    return float(min(exchanges, default=NEVER) - costs[i, j])


def _doubt(a: Placed, b: Placed, distance: float, rival: float) -> str:
    data = rules()["pairing"]
    if np.isnan(distance):
        return "place"
    if not (a.organ_whole and b.organ_whole):
        return "organ"
    if rival < data["rival_mm"]:
        return "rival"
    return "far" if distance > data["sure_mm"] else ""


def _part(distances: npt.NDArray, diameters: Sequence[float]) -> str:
    """Whether a lesion without a partner lies inside one of the other scan: a part of one that split, or merged."""
    inside = np.asarray(distances) <= np.asarray(diameters) / 2
    return "part" if inside.any() else ""


def _given(distance: float) -> float | None:
    return None if np.isnan(distance) else round(float(distance), 1)


def _world(mask: Mask, geometry: Geometry) -> Point:
    assert mask.box is not None
    return geometry.to_world(np.argwhere(mask.voxels) + mask.box.start)
