"""What a measure gives back: a number with its source, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass

Point = tuple[float, float, float]
"""RAS+ millimetres."""


@dataclass(frozen=True)
class Measurement:
    """One number about one structure, with where and how it was taken.

    kind: a measure of the contract, such as "longest_diameter".
    value, unit: in mm, ml, HU or lesions.
    endpoints_mm: the two ends of the line that was measured, RAS+ mm; None for numbers that are no line.
    slice_k: index of the axial slice on the study's own array: along the array axis closest to
        inferior-superior, which is k in nearly every file; None when the number belongs to no slice.
    method: how the number is defined, one sentence.
    note: what the reader should know about this number, or "".
    cut_off: the structure reaches the edge of the scan, so the true value may differ.
    """

    kind: str
    value: float
    unit: str
    endpoints_mm: tuple[Point, Point] | None = None
    slice_k: int | None = None
    method: str = ""
    note: str = ""
    cut_off: bool = False


@dataclass(frozen=True)
class Unmeasurable:
    """There is no number, and `reason` says why in a sentence for the user. Never a zero."""

    kind: str
    reason: str
