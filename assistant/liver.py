"""The lobes and the Couinaud segments of the liver, from its vessels where those are found.

The segments are sectors around the inferior vena cava, split by the three hepatic veins, and upper and lower
halves split at the level of the portal vein. Where the veins are not found the sectors are shares of the volume,
a geometric approximation. All positions are RAS+ millimetres.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.floating]
Labels = npt.NDArray[np.str_]
Chosen = npt.NDArray[np.bool_]

LIVER_LOBES = ("liver_lobe_left", "liver_lobe_right")
LIVER_SEGMENTS = tuple(f"liver_segment_{n}" for n in range(1, 9))

# Shares of the volume used when no landmark is there.
LEFT_LOBE_VOLUME = 0.35
MEDIAL_OF_LEFT_VOLUME = 0.45
ANTERIOR_OF_RIGHT_VOLUME = 0.5
CAUDATE_REACH_MM = 15.0

VEINS_APART = np.deg2rad(15.0)
"""Neighbouring hepatic veins lie at least this far apart around the vena cava, or they cannot be told apart."""

SMALLEST_VEIN = 0.05
"""The share of all vein voxels that each of the three must have."""


def divide_lobes(points: Points, landmarks: Mapping[str, Points]) -> tuple[Labels, str]:
    """Left and right functional lobe at the Cantlie plane: the middle hepatic vein, or from the vena cava to the
    gallbladder fossa.
    """
    sectors = _sectors(points, landmarks)
    return np.where(sectors.left, *LIVER_LOBES), sectors.method


def divide_segments(points: Points, landmarks: Mapping[str, Points]) -> tuple[Labels, str]:
    """Couinaud segments as sectors around the vena cava, upper and lower at the level of the portal vein."""
    sectors, level = _sectors(points, landmarks), _hilum(points, landmarks)
    upper = points[:, 2] > (np.median(points[:, 2]) if level is None else level)
    left, medial, anterior = sectors.left, sectors.medial, sectors.anterior
    labels = np.empty(len(points), dtype="<U40")
    for chosen, number in (
        (left & medial, 4),
        (left & ~medial & upper, 2),
        (left & ~medial & ~upper, 3),
        (~left & anterior & upper, 8),
        (~left & anterior & ~upper, 5),
        (~left & ~anterior & upper, 7),
        (~left & ~anterior & ~upper, 6),
        (left & (sectors.distance < CAUDATE_REACH_MM), 1),
    ):
        labels[chosen] = f"liver_segment_{number}"
    split = "the portal vein" if level is not None else "half of the liver's volume"
    return labels, f"{sectors.method}; upper and lower segments split at the level of {split}"


def at_level(landmark: Points | None, points: Points) -> Points | None:
    """The part of a landmark at the height of an organ; None when there is none."""
    if landmark is None:
        return None
    near = landmark[(landmark[:, 2] >= points[:, 2].min()) & (landmark[:, 2] <= points[:, 2].max())]
    return near if len(near) else None


@dataclass(frozen=True, eq=False)
class Sectors:
    """The liver's points around the vena cava.

    left: left of the Cantlie plane. medial: of the left ones, those next to it. anterior: of the right ones, those
    in front of the right hepatic vein. distance: mm from the vena cava in the axial plane.
    """

    left: Chosen
    medial: Chosen
    anterior: Chosen
    distance: Points
    method: str


def _sectors(points: Points, landmarks: Mapping[str, Points]) -> Sectors:
    cava = at_level(landmarks.get("inferior_vena_cava"), points)
    if cava is not None:
        axis, words = cava[:, :2].mean(axis=0), "planes through the inferior vena cava"
    else:  # its usual place: medial, at the back
        axis = np.array([np.quantile(points[:, 0], 0.4), np.quantile(points[:, 1], 0.2)])
        words = "the inferior vena cava was not found, its usual place was taken"
    angle, distance = _around(points, axis)
    veins = _hepatic_veins(points, landmarks, axis) if cava is not None else None
    if veins is not None:
        of_left, middle, of_right = veins
        method = "planes through the inferior vena cava and the three hepatic veins"
        return Sectors(angle < middle, angle >= of_left, angle < of_right, distance, method)
    left, how = _left_of_cantlie(angle, points, landmarks, cava)
    medial, anterior = np.zeros_like(left), np.zeros_like(left)
    medial[left] = ~_first_by_volume(angle[left], 1 - MEDIAL_OF_LEFT_VOLUME)
    anterior[~left] = _first_by_volume(angle[~left], ANTERIOR_OF_RIGHT_VOLUME)
    method = f"geometric approximation, not from the hepatic veins: {words}{how}"
    return Sectors(left, medial, anterior, distance, method)


def _around(points: Points, axis: npt.NDArray) -> tuple[Points, Points]:
    """Angle and distance in the axial plane. Angles are radians from straight ahead, growing towards the
    patient's right; what lies behind on the left counts as far right, so that the right posterior part stays
    together.
    """
    offset = points[:, :2] - axis
    turn = np.arctan2(offset[:, 0], offset[:, 1])
    return np.where(turn < -0.75 * np.pi, turn + 2 * np.pi, turn), np.hypot(offset[:, 0], offset[:, 1])


def _hepatic_veins(
    points: Points, landmarks: Mapping[str, Points], axis: npt.NDArray
) -> tuple[float, float, float] | None:
    """The angles of the left, middle and right hepatic vein around the vena cava; None when they cannot be told.

    Above the hilum the vessels of the liver are mostly its veins. They are told apart as three groups of angles,
    which must be narrow, far enough apart and each large enough.
    """
    from scipy.cluster.vq import kmeans2

    vessels, level = at_level(landmarks.get("hepatic_vessel"), points), _hilum(points, landmarks)
    if vessels is None:
        return None
    vessels = vessels[vessels[:, 2] > (np.median(points[:, 2]) if level is None else level)]
    angle, distance = _around(vessels, axis)
    angle = angle[distance >= CAUDATE_REACH_MM]  # where they meet, angles mean nothing
    if len(angle) < 3 / SMALLEST_VEIN:
        return None
    start = np.quantile(angle, [1 / 6, 1 / 2, 5 / 6])
    if len(np.unique(start)) < 3:
        return None
    centres, group = kmeans2(angle[:, None], start[:, None], minit="matrix")
    found = sorted(
        (float(centre), angle[group == n]) for n, centre in enumerate(centres[:, 0]) if (group == n).any()
    )
    if len(found) < 3 or min(len(own) for _, own in found) < SMALLEST_VEIN * len(angle):
        return None
    gap = min(b - a for (a, _), (b, _) in pairwise(found))
    if gap < VEINS_APART or max(float(own.std()) for _, own in found) > gap / 4:
        return None
    left, middle, right = (centre for centre, _ in found)
    return left, middle, right


def _hilum(points: Points, landmarks: Mapping[str, Points]) -> float | None:
    """The height of the portal vein at the liver, mm."""
    portal = at_level(landmarks.get("portal_vein_and_splenic_vein"), points)
    near = portal[portal[:, 0] > np.median(portal[:, 0])] if portal is not None else None
    return float(near[:, 2].mean()) if near is not None and len(near) else None


def _left_of_cantlie(
    angle: Points, points: Points, landmarks: Mapping[str, Points], cava: Points | None
) -> tuple[Chosen, str]:
    """Which points lie left of the plane from the vena cava to the gallbladder, and how it was placed."""
    gallbladder = landmarks.get("gallbladder")
    if gallbladder is not None and cava is not None:
        ahead = gallbladder[:, :2].mean(axis=0) - cava[:, :2].mean(axis=0)
        left = angle < np.arctan2(ahead[0], ahead[1])
        if 0.1 < left.mean() < 0.7:
            return left, " and the gallbladder"
    return _first_by_volume(angle, LEFT_LOBE_VOLUME), ", the left lobe taken as 35 % of the volume"


def _first_by_volume(values: Points, share: float) -> Chosen:
    """The points with the lowest values that make up a share of all."""
    return values <= np.quantile(values, share) if len(values) else np.zeros(0, dtype=bool)
