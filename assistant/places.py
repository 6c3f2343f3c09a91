"""Where to look: findings, their boxes and their numbers as places in the study, and as layers to draw."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from assistant.answer import Answer, Finding
from assistant.measure.types import Measurement
from assistant.render import PLANES, Layer, Line
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


def findings(history: Iterable[Answer]) -> list[Finding]:
    """The findings of a conversation, newest answer first, each once with all that was measured of it."""
    merged: dict[Key, Finding] = {}
    for answer in reversed(tuple(history)):
        for finding in answer.findings:
            newer = merged.get(key_of(finding))
            if newer is None:
                merged[key_of(finding)] = finding
            elif newer.present and _same_mask(newer, finding):
                kinds = {m.kind for m in newer.measurements}
                older = tuple(m for m in finding.measurements if m.kind not in kinds)
                merged[key_of(finding)] = replace(newer, measurements=newer.measurements + older)
    return list(merged.values())


def _same_mask(one: Finding, other: Finding) -> bool:
    """Numbers of a mask that was mended since are true no more."""
    if one.voxels is None or other.voxels is None:
        return one.voxels is other.voxels
    return one.box == other.box and np.array_equal(one.voxels, other.voxels)


def layer_of(finding: Finding, geometry: Geometry, strong: bool) -> Layer | None:
    """A finding as something to draw on the canonical grid; None when it is absent."""
    if finding.box is None or finding.voxels is None:
        return None
    canonical = geometry.canonical()
    lines = tuple(
        Line(
            (_point(canonical, m.endpoints_mm[0]), _point(canonical, m.endpoints_mm[1])),
            number(m.value, m.unit),
        )
        for m in finding.measurements
        if m.endpoints_mm is not None
    )
    return Layer(
        label=finding.label,
        colour=ontology()[finding.structure].colour,
        box=geometry.canonical_box(Box(*finding.box.voxel)),
        voxels=geometry.to_canonical(finding.voxels),
        lines=lines,
        strong=strong,
    )


def _point(geometry: Geometry, world: Sequence[float]) -> tuple[float, float, float]:
    x, y, z = (float(v) for v in geometry.to_voxel(world))
    return x, y, z


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
    at = inside(canonical.to_voxel(ends.mean(axis=0)), canonical)
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


def _canonical(voxel: Voxel, geometry: Geometry) -> Voxel:
    i, j, k = voxel
    return geometry.canonical_box(Box(voxel, (i + 1, j + 1, k + 1))).start


def inside(point: Sequence[float] | np.ndarray, geometry: Geometry) -> Voxel:
    """The voxel of a grid nearest to a point in voxel coordinates."""
    i, j, k = (int(v) for v in np.clip(np.rint(point), 0, np.subtract(geometry.shape, 1)))
    return i, j, k
