"""Parts of an organ that a segmenter does not know, derived from the organ by anatomy and geometry.

Every rule says in words how it was done, because an approximation must be told from a segmentation.
All positions are RAS+ millimetres: x grows towards the patient's right, y to the front, z to the head.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from assistant.lesions import in_window
from encoders.geometry import Box, Geometry
from encoders.segmenters.base import Mask

Points = npt.NDArray[np.floating]
Labels = npt.NDArray[np.str_]

LIVER_SEGMENTS = tuple(f"liver_segment_{n}" for n in range(1, 9))

# Shares used when no landmark is there: of the pancreas by length, of the liver lobes and sectors by volume.
HEAD_LENGTH = 0.4
LEFT_LOBE_VOLUME = 0.35
MEDIAL_OF_LEFT_VOLUME = 0.45
ANTERIOR_OF_RIGHT_VOLUME = 0.5
CAUDATE_REACH_MM = 15.0


@dataclass(frozen=True, eq=False)
class Region:
    """A derived region. method: how it was derived, for the answer's text."""

    mask: Mask
    method: str


@dataclass(frozen=True)
class Rule:
    """How the parts of one organ are told apart.

    organ: what must be segmented first. landmarks: what makes the rule better when it is found.
    divide(points of the organ, landmark points by id) -> (a region id for each point or "", method in words).
    """

    organ: str
    gives: tuple[str, ...]
    landmarks: tuple[str, ...]
    divide: Callable[[Points, Mapping[str, Points]], tuple[Labels, str]]


def divide_pancreas(points: Points, landmarks: Mapping[str, Points]) -> tuple[Labels, str]:
    """Head right of the superior mesenteric artery; the rest cut in half by length into body and tail.

    After RadGPT's SegmentPancreas. Without the artery the aorta, which it leaves in the midline, gives the
    sagittal plane; without both, the head is the right 40 % of the length.
    """
    # TotalSegmentator has no superior mesenteric artery, so most segmenters fall back on the aorta
    for name, words in (
        ("superior_mesenteric_artery", "the superior mesenteric artery"),
        ("aorta", "the aorta"),
    ):
        near = _at_level(landmarks.get(name), points)
        if near is None:
            continue
        midline = (near[:, 0].min() + near[:, 0].max()) / 2
        head = points[:, 0] > midline
        if 0.05 < head.mean() < 0.95:
            fallback = "" if name != "aorta" else " (the superior mesenteric artery is not segmented)"
            method = (
                f"head taken as right of {words}{fallback}, body and tail as halves of the rest by length"
            )
            break
    else:
        along = _along_main_axis(points)
        head = along < along.min() + HEAD_LENGTH * np.ptp(along)
        method = "no landmark was found: head, body and tail taken as 40, 30 and 30 % of the length"
    labels = np.full(len(points), "pancreas_head", dtype="<U40")
    along = _along_main_axis(points[~head])
    tail = along > (along.min() + along.max()) / 2
    labels[~head] = np.where(tail, "pancreas_tail", "pancreas_body")
    return labels, method


def divide_lobes(points: Points, landmarks: Mapping[str, Points]) -> tuple[Labels, str]:
    """Left and right functional lobe at the Cantlie plane, from the vena cava to the gallbladder fossa."""
    angle, _, method = _around_cava(points, landmarks)
    left, how = _left_of_cantlie(angle, points, landmarks)
    return np.where(left, "liver_lobe_left", "liver_lobe_right"), f"{method}{how}"


def divide_segments(points: Points, landmarks: Mapping[str, Points]) -> tuple[Labels, str]:
    """Couinaud segments as sectors around the vena cava, upper and lower at the level of the portal vein."""
    angle, distance, method = _around_cava(points, landmarks)
    left, how = _left_of_cantlie(angle, points, landmarks)
    portal = landmarks.get("portal_vein_and_splenic_vein")
    hilum = _at_level(portal, points)
    near_liver = hilum[hilum[:, 0] > np.median(hilum[:, 0])] if hilum is not None else None
    level = float(near_liver[:, 2].mean()) if near_liver is not None and len(near_liver) else None
    upper = points[:, 2] > (np.median(points[:, 2]) if level is None else level)

    medial = np.zeros_like(left)
    anterior = np.zeros_like(left)
    medial[left] = ~_first_by_volume(angle[left], 1 - MEDIAL_OF_LEFT_VOLUME)
    anterior[~left] = _first_by_volume(angle[~left], ANTERIOR_OF_RIGHT_VOLUME)
    labels = np.empty(len(points), dtype="<U40")
    for chosen, number in (
        (left & medial, 4),
        (left & ~medial & upper, 2),
        (left & ~medial & ~upper, 3),
        (~left & anterior & upper, 8),
        (~left & anterior & ~upper, 5),
        (~left & ~anterior & upper, 7),
        (~left & ~anterior & ~upper, 6),
        (left & (distance < CAUDATE_REACH_MM), 1),
    ):
        labels[chosen] = f"liver_segment_{number}"
    split = "the portal vein" if level is not None else "half of the liver's volume"
    return labels, f"{method}{how}; upper and lower segments split at the level of {split}"


RULES: tuple[Rule, ...] = (
    Rule(
        "pancreas",
        ("pancreas_head", "pancreas_body", "pancreas_tail"),
        ("superior_mesenteric_artery", "aorta"),
        divide_pancreas,
    ),
    Rule(
        "liver",
        ("liver_lobe_left", "liver_lobe_right"),
        ("inferior_vena_cava", "gallbladder"),
        divide_lobes,
    ),
    Rule(
        "liver",
        LIVER_SEGMENTS,
        ("inferior_vena_cava", "gallbladder", "portal_vein_and_splenic_vein"),
        divide_segments,
    ),
)


def rule_for(structure: str) -> Rule | None:
    """The rule that derives a region, if there is one."""
    return next((rule for rule in RULES if structure in rule.gives), None)


def derive(
    rule: Rule, organ: Mask, landmarks: Mapping[str, Mask], geometry: Geometry, extra: Sequence[Mask] = ()
) -> dict[str, Region]:
    """All regions of a rule on the organ's grid.

    extra: masks that belong to the organ though its own mask may leave them out, such as its lesions.
    A region of an absent organ is absent. The confidence is the organ's.
    """
    absent = {name: Region(Mask.absent(name, organ.shape, organ.confidence), "") for name in rule.gives}
    if organ.box is None:
        return absent
    belongs = [organ, *(mask for mask in extra if mask.box is not None)]
    corners = [mask.box for mask in belongs if mask.box is not None]
    window = Box(
        tuple(np.min([box.start for box in corners], axis=0)),
        tuple(np.max([box.stop for box in corners], axis=0)),
    )
    where = np.argwhere(np.any([in_window(mask, window) for mask in belongs], axis=0))
    seen = {name: _points(mask, geometry) for name, mask in landmarks.items() if mask.box is not None}
    labels, method = rule.divide(geometry.to_world(where + window.start), seen)
    regions = {}
    for name in rule.gives:
        voxels = np.zeros(window.shape, dtype=bool)
        voxels[tuple(where[labels == name].T)] = True
        regions[name] = Region(Mask.from_crop(name, organ.shape, window, voxels, organ.confidence), method)
    return regions


def _points(mask: Mask, geometry: Geometry) -> Points:
    """World positions of a present mask's voxels."""
    assert mask.box is not None
    return geometry.to_world(np.argwhere(mask.voxels) + mask.box.start)


def _at_level(landmark: Points | None, points: Points) -> Points | None:
    """The part of a landmark at the height of an organ; None when there is none."""
    if landmark is None:
        return None
    near = landmark[(landmark[:, 2] >= points[:, 2].min()) & (landmark[:, 2] <= points[:, 2].max())]
    return near if len(near) else None


def _along_main_axis(points: Points) -> Points:
    """Position along the longest axis, growing towards the patient's left."""
    centred = points - points.mean(axis=0)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    axis = vectors[:, -1]
    if abs(axis[0]) < np.cos(np.pi / 4):  # more than 45 degrees off: not along the gland
        axis = np.array([1.0, 0.0, 0.0])
    return centred @ (axis if axis[0] < 0 else -axis)


def _around_cava(points: Points, landmarks: Mapping[str, Points]) -> tuple[Points, Points, str]:
    """Angle and distance of the liver's points around the vena cava in the axial plane.

    Angles are radians from straight ahead, growing towards the patient's right. Without a vena cava its usual
    place, medial and at the back of the liver, is taken.
    """
    cava = _at_level(landmarks.get("inferior_vena_cava"), points)
    if cava is not None:
        axis, words = cava[:, :2].mean(axis=0), "planes through the inferior vena cava"
    else:
        axis = np.array([np.quantile(points[:, 0], 0.4), np.quantile(points[:, 1], 0.2)])
        words = "the inferior vena cava was not found, its usual place was taken"
    offset = points[:, :2] - axis
    turn = np.arctan2(offset[:, 0], offset[:, 1])
    turn = np.where(turn < -0.75 * np.pi, turn + 2 * np.pi, turn)  # keep the right posterior part together
    return (
        turn,
        np.hypot(offset[:, 0], offset[:, 1]),
        f"geometric approximation, not from the hepatic veins: {words}",
    )


def _left_of_cantlie(
    angle: Points, points: Points, landmarks: Mapping[str, Points]
) -> tuple[npt.NDArray[np.bool_], str]:
    """Which points lie left of the plane from the vena cava to the gallbladder, and how it was placed."""
    gallbladder, cava = landmarks.get("gallbladder"), _at_level(landmarks.get("inferior_vena_cava"), points)
    if gallbladder is not None and cava is not None:
        ahead = gallbladder[:, :2].mean(axis=0) - cava[:, :2].mean(axis=0)
        left = angle < np.arctan2(ahead[0], ahead[1])
        if 0.1 < left.mean() < 0.7:
            return left, " and the gallbladder"
    return _first_by_volume(angle, LEFT_LOBE_VOLUME), ", the left lobe taken as 35 % of the volume"


def _first_by_volume(values: Points, share: float) -> npt.NDArray[np.bool_]:
    """The points with the lowest values that make up a share of all."""
    return values <= np.quantile(values, share) if len(values) else np.zeros(0, dtype=bool)
