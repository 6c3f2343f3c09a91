"""Parts of an organ that a segmenter does not know, derived from the organ by anatomy and geometry.

Every rule says in words how it was done, because an approximation must be told from a segmentation.
All positions are RAS+ millimetres: x grows towards the patient's right, y to the front, z to the head.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from assistant.lesions import REACH_MM, in_window, parts
from assistant.liver import (
    LIVER_LOBES,
    LIVER_SEGMENTS,
    Labels,
    Points,
    at_level,
    divide_lobes,
    divide_segments,
)
from encoders.geometry import Box, Geometry
from encoders.segmenters.base import Mask

POLES = ("upper", "mid", "lower")

HEAD_LENGTH = 0.4
"""The share of the pancreas by length that is its head, when no landmark is there."""


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
        near = at_level(landmarks.get(name), points)
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


def divide_kidney(side: str, points: Points, _: Mapping[str, Points]) -> tuple[Labels, str]:
    """Upper, middle and lower third of a kidney by length, along its long axis.

    The axis is the kidney's own where that lies within 45 degrees of the body's, else the body's.
    """
    axis = _main_axis(points, towards=np.array([0.0, 0.0, 1.0]))
    along = (points - points.mean(axis=0)) @ axis
    third = np.clip(((along - along.min()) / (np.ptp(along) or 1.0) * 3).astype(int), 0, 2)
    names = np.array([f"kidney_{pole}_pole_{side}" for pole in POLES[::-1]])
    return names[third], "poles taken as the outer thirds of the kidney's length, a geometric approximation"


RULES: tuple[Rule, ...] = (
    Rule(
        "pancreas",
        ("pancreas_head", "pancreas_body", "pancreas_tail"),
        ("superior_mesenteric_artery", "aorta"),
        divide_pancreas,
    ),
    Rule(
        "liver",
        LIVER_LOBES,
        ("inferior_vena_cava", "gallbladder", "portal_vein_and_splenic_vein", "hepatic_vessel"),
        divide_lobes,
    ),
    Rule(
        "liver",
        LIVER_SEGMENTS,
        ("inferior_vena_cava", "gallbladder", "portal_vein_and_splenic_vein", "hepatic_vessel"),
        divide_segments,
    ),
    *(
        Rule(
            f"kidney_{side}",
            tuple(f"kidney_{pole}_pole_{side}" for pole in POLES),
            (),
            partial(divide_kidney, side),
        )
        for side in ("left", "right")
    ),
)


def rule_for(structure: str) -> Rule | None:
    """The rule that derives a region, if there is one."""
    return next((rule for rule in RULES if structure in rule.gives), None)


def derive(
    rule: Rule, organ: Mask, landmarks: Mapping[str, Mask], geometry: Geometry, extra: Sequence[Mask] = ()
) -> dict[str, Region]:
    """All regions of a rule on the organ's grid.

    extra: masks that belong to the organ though its own mask may leave them out, such as its lesions; of
        them the pieces within 15 mm of the organ's box, since a mask may hold the lesions of both kidneys.
    A region of an absent organ is absent. The confidence is the organ's.
    """
    absent = {name: Region(Mask.absent(name, organ.shape, organ.confidence), "") for name in rule.gives}
    if organ.box is None:
        return absent
    margin = np.ceil(REACH_MM / np.asarray(geometry.spacing)).astype(int).tolist()
    around = organ.box.grown(margin, geometry.shape)
    pieces = [piece for mask in extra for piece in parts(mask, geometry)]
    belongs = [organ, *(p for p in pieces if p.box is not None and p.box.intersection(around) is not None)]
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


def _along_main_axis(points: Points) -> Points:
    """Position along the longest axis, growing towards the patient's left."""
    return (points - points.mean(axis=0)) @ _main_axis(points, towards=np.array([-1.0, 0.0, 0.0]))


def _main_axis(points: Points, towards: npt.NDArray) -> npt.NDArray:
    """The unit direction of the longest axis; `towards` itself where that is more than 45 degrees away."""
    centred = points - points.mean(axis=0)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    cosine = float(vectors[:, -1] @ towards)
    return vectors[:, -1] * np.sign(cosine) if abs(cosine) >= np.cos(np.pi / 4) else towards
