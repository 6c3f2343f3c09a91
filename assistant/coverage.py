"""What part of the body a scan covers, and whether a structure can lie within it.

Estimated from the heights of landmarks that were found whole at one end at least; see `data/heights.yaml`. Heights
are mm above the middle of the first lumbar vertebra.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import yaml

from encoders.geometry import Box, Geometry
from encoders.segmenters.base import Mask

if TYPE_CHECKING:
    from assistant.workspace import Workspace
    from encoders.segmenters.base import Progress

View = Literal["inside", "partly", "above", "below", "unknown"]


@cache
def _data() -> dict[str, Any]:
    return yaml.safe_load(files("assistant").joinpath("data/heights.yaml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Coverage:
    """bottom, top: heights of the scan's ends, mm. landmarks: ids that it was judged by."""

    bottom: float
    top: float
    landmarks: tuple[str, ...]

    @property
    def levels(self) -> tuple[str, str]:
        """The names of the levels that are nearest to the scan's upper and lower end."""
        names: dict[str, float] = _data()["levels"]
        upper, lower = (min(names, key=lambda n: abs(names[n] - end)) for end in (self.top, self.bottom))
        return upper, lower

    def view(self, structure: str) -> View:
        """Whether a structure of usual height lies within the scan; "above" and "below" it only when it would
        lie outside by more than the margin of the estimate.
        """
        if structure not in _data()["heights"]:
            return "unknown"
        (low, high), margin = _data()["heights"][structure], _data()["margin_mm"]
        if low > self.top + margin:
            return "above"
        if high < self.bottom - margin:
            return "below"
        return "inside" if low >= self.bottom and high <= self.top else "partly"


def coverage(work: Workspace, progress: Progress | None = None) -> Coverage | None:
    """What the scan covers; None when no landmark that the segmenter knows was found."""
    wanted = [s for s in _data()["landmarks"] if work.can_find(s)]
    found = work.find(wanted, progress) if wanted else {}
    return estimate({s: f.mask for s, f in found.items()}, work.study.volume.geometry)


def estimate(masks: Mapping[str, Mask], geometry: Geometry) -> Coverage | None:
    """The median over the landmarks' ends that are not cut off."""
    canonical = geometry.canonical()
    bottom, top = (corner[2] for corner in canonical.world_box(Box.whole(canonical.shape)))
    zeros: list[float] = []
    used: list[str] = []
    for structure, mask in masks.items():
        if mask.box is None:
            continue
        box = geometry.canonical_box(mask.box)
        ends = zip(
            (box.start[2] > 0, box.stop[2] < canonical.shape[2]),
            canonical.world_box(box),
            _data()["heights"][structure],
            strict=True,
        )
        seen = [corner[2] - height for whole, corner, height in ends if whole]
        zeros += seen
        used += [structure] if seen else []
    if not zeros:
        return None
    zero = float(np.median(zeros))
    return Coverage(bottom - zero, top - zero, tuple(used))
