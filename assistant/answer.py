"""What the assistant answers: text, and the findings that every word and number of it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from assistant.measure.types import Measurement, Point
from encoders.geometry import Box, Geometry


@dataclass(frozen=True)
class BoundingBox:
    """A half-open box of voxels and the millimetres that it fills.

    voxel: ((i0, j0, k0), (i1, j1, k1)) in the study's own array, `i0 <= i < i1`.
    world_mm: ((x0, y0, z0), (x1, y1, z1)), RAS+ millimetres around the whole of those voxels.
    """

    voxel: tuple[tuple[int, int, int], tuple[int, int, int]]
    world_mm: tuple[Point, Point]

    @classmethod
    def of(cls, box: Box, geometry: Geometry) -> BoundingBox:
        return cls((box.start, box.stop), geometry.world_box(box))

    def to_dict(self) -> dict[str, Any]:
        return {
            "voxel": [list(corner) for corner in self.voxel],
            "world_mm": [[round(v, 3) for v in corner] for corner in self.world_mm],
        }


def measurement_dict(measurement: Measurement) -> dict[str, Any]:
    """A measurement as the contract writes it."""
    ends = measurement.endpoints_mm
    return {
        "kind": measurement.kind,
        "value": round(float(measurement.value), 3),
        "unit": measurement.unit,
        "endpoints_mm": [[round(float(v), 3) for v in end] for end in ends] if ends else None,
        "slice_k": measurement.slice_k,
    }


@dataclass(frozen=True, eq=False)
class Finding:
    """One structure, or one lesion, that was looked for.

    present: False when it was looked for and not found; then there is no box, no number and an empty mask.
    confidence: 0..1, that what is said about presence is right.
    shape: the study's grid. voxels: bool array of the box's shape.
    mask_path: where the mask was saved, when it was.
    """

    structure: str
    label: str
    present: bool
    confidence: float
    shape: tuple[int, int, int]
    box: BoundingBox | None = None
    voxels: npt.NDArray[np.bool_] | None = field(default=None, repr=False)
    measurements: tuple[Measurement, ...] = ()
    mask_path: str | None = None

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """The mask on the study's grid: a new bool array of `shape`, all False when absent."""
        full = np.zeros(self.shape, dtype=bool)
        if self.box is not None and self.voxels is not None:
            full[tuple(slice(a, b) for a, b in zip(*self.box.voxel, strict=True))] = self.voxels
        return full

    def value(self, kind: str) -> float | None:
        """The number of one measure; None when it was not taken."""
        return next((m.value for m in self.measurements if m.kind == kind), None)

    def to_dict(self) -> dict[str, Any]:
        return {
            "structure": self.structure,
            "label": self.label,
            "present": self.present,
            "confidence": round(float(self.confidence), 3),
            "box": self.box.to_dict() if self.box else None,
            "measurements": [measurement_dict(m) for m in self.measurements],
            "mask": self.mask_path,
        }


@dataclass(frozen=True)
class CallRecord:
    """A tool call that was made. cached: it needed masks, and all of them were there already."""

    tool: str
    args: Mapping[str, Any]
    seconds: float
    cached: bool

    def to_dict(self) -> dict[str, Any]:
        return {
            "tool": self.tool,
            "args": dict(self.args),
            "seconds": round(self.seconds, 3),
            "cached": self.cached,
        }


@dataclass(frozen=True, eq=False)
class Answer:
    """The answer to one turn. status: act, clarify, refuse or chat."""

    request: str
    status: str
    text: str
    findings: tuple[Finding, ...] = ()
    calls: tuple[CallRecord, ...] = ()
    warnings: tuple[str, ...] = ()
    seconds: float = 0.0
    results: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    """What each tool returned, as plain data: what the page and the exports show beyond the contract."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON of the public contract."""
        return {
            "request": self.request,
            "status": self.status,
            "text": self.text,
            "seconds": round(self.seconds, 3),
            "findings": [finding.to_dict() for finding in self.findings],
            "calls": [call.to_dict() for call in self.calls],
            "warnings": list(self.warnings),
        }
