"""Where to look: findings, their boxes and their numbers as places in the study, and as chips that lead there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from assistant.answer import Answer, Finding
from assistant.measure.types import Measurement
from assistant.ui.render import PLANES
from assistant.ui.words import page
from assistant.wording import number, words
from encoders.geometry import Box, Geometry
from prompts.ontology import ontology

Key = tuple[str, str]
"""Structure and label: what tells one finding from another in a conversation."""
Voxel = tuple[int, int, int]


def key_of(finding: Finding) -> Key:
    return finding.structure, finding.label


@dataclass(frozen=True)
class Place:
    """at: the canonical voxel to look at. plane: the plane that shows it; None: whichever is on show."""

    at: Voxel
    plane: str | None = None


@dataclass(frozen=True)
class Chip:
    """A finding, its box or one of its numbers, as a button that leads there."""

    text: str
    key: Key
    place: Place
    is_finding: bool = False


def chips(answer: Answer, geometry: Geometry) -> list[Chip]:
    """The chips of an answer: for each present finding itself, its box and its numbers."""
    return [chip for finding in answer.findings for chip in _chips(finding, geometry)]


def _chips(finding: Finding, geometry: Geometry) -> Iterable[Chip]:
    place, key = place_of(finding, geometry), key_of(finding)
    if place is None or finding.box is None:
        return
    yield Chip(finding.label, key, place, is_finding=True)
    low, high = finding.box.world_mm
    size = np.subtract(high, low)
    yield Chip(page()["chips"]["box"].format(*size), key, _middle(finding, geometry))
    for measurement in finding.measurements:
        there = place_of_line(measurement, geometry) or place
        yield Chip(in_words(measurement), key, there)


def in_words(measurement: Measurement) -> str:
    """A measure and its value, such as "volume 690 ml"."""
    kind = measurement.kind
    plain = f"{kind.replace('_', ' ')} {{value}}"
    return str(words()["measures"].get(kind, plain).format(value=number(measurement.value, measurement.unit)))


def place_of(finding: Finding, geometry: Geometry) -> Place | None:
    """The middle of the line that is shown with a finding, else its best voxel; None when it is absent."""
    voxel = best_voxel(finding)
    if voxel is None:
        return None
    line = shown_line(finding)
    there = place_of_line(line, geometry) if line is not None else None
    return there or Place(_canonical(voxel, geometry))


def place_of_line(measurement: Measurement, geometry: Geometry) -> Place | None:
    """The middle of a measured line, in the plane that holds most of the line; None without a line."""
    if measurement.endpoints_mm is None:
        return None
    canonical = geometry.canonical()
    ends = np.asarray(measurement.endpoints_mm, dtype=float)
    at = _inside(canonical.to_voxel(ends.mean(axis=0)), canonical)
    along = np.abs(ends[1] - ends[0]).round(3)
    flattest = min(PLANES.values(), key=lambda plane: along[plane.axis])  # ties: axial, then coronal
    return Place(at, "axial" if measurement.slice_k is not None else flattest.name)


def best_voxel(finding: Finding) -> Voxel | None:
    """The mask's voxel nearest to the middle of its box, on the study's own array; None when it is absent."""
    if finding.box is None or finding.voxels is None:
        return None
    inside = np.argwhere(finding.voxels)
    middle = (np.array(finding.voxels.shape) - 1) / 2
    nearest = inside[np.argmin(np.square(inside - middle).sum(axis=1))]
    i, j, k = (int(v) for v in nearest + np.array(finding.box.voxel[0]))
    return i, j, k


def shown_line(finding: Finding) -> Measurement | None:
    """The measurement that a reader wants to see drawn: the longest one that lies in an axial slice."""
    lines = [m for m in finding.measurements if m.slice_k is not None and m.endpoints_mm is not None]
    return max(lines, key=lambda m: m.value, default=None)


def colour_of(key: Key) -> tuple[int, int, int]:
    return ontology()[key[0]].colour


def _middle(finding: Finding, geometry: Geometry) -> Place:
    assert finding.box is not None
    box = geometry.canonical_box(Box(*finding.box.voxel))
    return Place(_inside(box.centre, geometry.canonical()))


def _canonical(voxel: Voxel, geometry: Geometry) -> Voxel:
    i, j, k = voxel
    return geometry.canonical_box(Box(voxel, (i + 1, j + 1, k + 1))).start


def _inside(point: Sequence[float] | np.ndarray, geometry: Geometry) -> Voxel:
    """The voxel of a grid nearest to a point in voxel coordinates."""
    i, j, k = (int(v) for v in np.clip(np.rint(point), 0, np.subtract(geometry.shape, 1)))
    return i, j, k
