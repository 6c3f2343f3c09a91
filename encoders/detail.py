"""The second pass: a finer model inside the boxes of what the first pass found.

Each structure is decoded only near its first mask (or near its host organs, for a lesion): windows of the detail model
cover the box of that neighbourhood, and voxels farther away cannot be it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
import yaml
from scipy import ndimage
from torch import Tensor

from encoders.device import device, mixed_precision
from encoders.geometry import Box, Geometry, as_triple
from encoders.inference import AIR_HU, StudyFeatures, blending_weight, resample_hu, window_starts
from encoders.postprocess import within
from encoders.segmenters.base import Progress
from encoders.universal import UniversalModel, body_position
from encoders.volume import Volume

LEAST_BEYOND = 20
"""Voxels of a mask's border beyond the gate from which on it is followed."""


@cache
def settings() -> dict[str, Any]:
    """The content of `detail.yaml`."""
    return yaml.safe_load(files("encoders").joinpath("detail.yaml").read_text())


def reach_mm(structure: str) -> float:
    """How far from its first mask, or from its host organs, a structure may lie."""
    return next(r["mm"] for r in settings()["reach"] if any(fnmatch(structure, p) for p in r["match"]))


def places_of(structure: str, known: Collection[str]) -> tuple[str, ...]:
    """The structures whose first masks say where to look for this one: itself, or the two that it lies between.

    known: what the first pass can draw.
    """
    between = settings()["between"]
    if structure in between["structures"] and set(between["of"]) <= set(known):
        return tuple(between["of"])
    return (structure,)


@dataclass(frozen=True, eq=False)
class FineStudy:
    """A CT on the detail model's grid.

    grid: over the study's field of view in RAS+ order. hu: (X, Y, Z) int16. body: the body's part of the grid.
    """

    grid: Geometry
    hu: Tensor
    body: Box

    @classmethod
    def of(cls, volume: Volume, coarse: StudyFeatures, spacing_mm: float) -> FineStudy:
        canonical = volume.canonical()
        grid = canonical.geometry.resampled(spacing_mm)
        hu = resample_hu(canonical.hu, grid.shape).round().to(torch.int16)
        return cls(grid, hu, scaled_box(coarse.body, coarse.grid, grid))


def scaled_box(box: Box, source: Geometry, target: Geometry) -> Box:
    """The voxels of another grid over the same field of view that a box touches."""
    scale = np.divide(target.shape, source.shape)
    start = np.floor(np.multiply(box.start, scale) + 1e-6)
    stop = np.minimum(np.ceil(np.multiply(box.stop, scale) - 1e-6), target.shape)
    return Box(as_triple(start), as_triple(stop))


def nearest(
    values: np.ndarray, source: Geometry, offset: Sequence[int], target: Geometry, box: Box
) -> np.ndarray:
    """An array on part of a grid (from `offset` on), on `box` of another grid over the same field of view.

    Each voxel takes the value of the source voxel that its middle lies in; 0 outside the array.
    """
    index, inside = [], []
    for axis in range(3):
        scale = source.shape[axis] / target.shape[axis]
        place = (
            np.floor((np.arange(box.start[axis], box.stop[axis]) + 0.5) * scale).astype(int) - offset[axis]
        )
        inside.append((place >= 0) & (place < values.shape[axis]))
        index.append(place.clip(0, values.shape[axis] - 1))
    known = inside[0][:, None, None] & inside[1][:, None] & inside[2]
    return np.where(known, values[np.ix_(*index)], values.dtype.type(0))


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """Where structures are looked for. box: of the detail grid; gate: bool of `box.shape`."""

    box: Box
    gate: np.ndarray

    @classmethod
    def around(
        cls, mask: np.ndarray, reach: float, coarse: StudyFeatures, fine: FineStudy
    ) -> Neighbourhood | None:
        """The voxels at most `reach` mm from a mask on the body's part of the first model's grid."""
        near = within(mask, reach, coarse.grid.voxel_ml)
        tight = Box.of_mask(near)
        if tight is None:
            return None
        box = scaled_box(tight.shifted(coarse.body.start), coarse.grid, fine.grid)
        return cls(box, nearest(near, coarse.grid, coarse.body.start, fine.grid, box))

    @classmethod
    def between(
        cls,
        masks: Sequence[np.ndarray],
        beyond: Sequence[tuple[float, float]],
        coarse: StudyFeatures,
        fine: FineStudy,
    ) -> Neighbourhood | None:
        """The box that the middles of masks on the body's part of the first model's grid span, and `beyond` mm more.

        beyond: below and above on each RAS+ axis. None when one of the masks is empty.
        """
        if not all(mask.any() for mask in masks):
            return None
        middles = [ndimage.center_of_mass(mask) for mask in masks]
        below, above = np.divide(np.transpose(beyond), coarse.grid.spacing)
        low, high = np.min(middles, axis=0) - below, np.max(middles, axis=0) + above
        spanned = Box(as_triple(np.floor(low)), as_triple(np.ceil(high) + 1)).shifted(coarse.body.start)
        box = scaled_box(spanned, coarse.grid, fine.grid).intersection(fine.body)
        return cls(box, np.ones(box.shape, bool)) if box else None

    def following(self, mask: np.ndarray, reach: float, fine: FineStudy) -> Neighbourhood | None:
        """This neighbourhood, and what lies within `reach` mm of a mask that was found in it and runs on past its gate.

        mask: bool of `box.shape`. None where the mask ends inside the gate: there is nothing more to see.
        """
        tight = Box.of_mask(mask)
        if tight is None:
            return None
        margin = int(np.ceil(reach / fine.grid.spacing[0])) + 1
        wide = tight.shifted(self.box.start).grown(margin, fine.grid.shape)
        wide = wide.intersection(fine.body) or wide
        box = Box(
            as_triple(np.minimum(wide.start, self.box.start)), as_triple(np.maximum(wide.stop, self.box.stop))
        )
        gate, found = np.zeros(box.shape, bool), np.zeros(box.shape, bool)
        here = self.box.shifted([-s for s in box.start]).slices
        gate[here], found[here] = self.gate, mask
        if (ndimage.binary_dilation(found) & ~gate).sum() < LEAST_BEYOND:
            return None
        return Neighbourhood(box, gate | within(found, reach, fine.grid.voxel_ml))


@torch.inference_mode()
def decode_near(
    model: UniversalModel,
    fine: FineStudy,
    place: Neighbourhood,
    text: Tensor,
    progress: Progress | None = None,
    overlap: float = 0.3,
) -> Tensor:
    """Blended logits (C, *place.box.shape) float32 of the classes with these unit-length embeddings (C, text_dim).

    The windows are those of `window_places`; logits outside the gate are -20.
    """
    window = model.config.window
    cover = _cover(place.box, window, fine.body)
    hu, position = _cut(fine, cover)
    gate = torch.zeros(cover.shape, dtype=torch.bool)
    inner = place.box.shifted([-s for s in cover.start])
    gate[inner.slices] = torch.from_numpy(place.gate)
    text = model.conditioning(text)
    weight = blending_weight(window).flatten().to(device())
    # only what the gate marks is kept: many classes of a wide box are gigabytes
    number = torch.full(cover.shape, -1)
    number[gate] = torch.arange(int(gate.sum()))
    total = torch.zeros(len(text), int(gate.sum()), device=device())
    norm = torch.full((total.shape[1],), 1e-6, device=device())
    starts = window_places(gate.numpy(), window, overlap)
    for done, start in enumerate(starts, start=1):
        part = _slices(start, window)
        near = gate[part].flatten().nonzero()[:, 0]
        own, near = number[part].flatten()[near].to(device()), near.to(device())
        with mixed_precision():
            features = model.features(
                hu[part][None].float().to(device()), position[:, *part][None].to(device())
            )
            logits = model.decoder.decode_at(features, text, near).float()
        total.index_add_(1, own, logits * weight[near])
        norm.index_add_(0, own, weight[near])
        if progress:
            progress(done / len(starts), "looking closer")
    result = torch.full((len(text), *place.box.shape), -20.0, device=device())
    marked = torch.from_numpy(np.flatnonzero(place.gate)).to(device())
    result.flatten(1).index_copy_(1, marked, total.div_(norm))
    return result


def window_places(
    gate: np.ndarray, window: Sequence[int], overlap: float = 0.3
) -> list[tuple[int, int, int]]:
    """Starts of the windows that a bool (X, Y, Z), on each axis at least as long as a window, is covered by.

    They lie in slabs along z, each cut along y and that along x, and every cut spans only what is marked there: an
    oblique or bent structure needs far fewer of them than the box around it.
    """
    places = []
    for z, slab in _cells(np.any(gate, (0, 1)), window[2], overlap):
        layer = gate[:, :, slab]
        for y, strip in _cells(np.any(layer, (0, 2)), window[1], overlap):
            row = np.any(layer[:, strip], (1, 2))
            places += [(x, y, z) for x, _ in _cells(row, window[0], overlap)]
    return places


def _cells(marked: np.ndarray, window: int, overlap: float) -> list[tuple[int, slice]]:
    """Starts of windows on one axis, each with the voxels that are nearest to its middle; what is marked has one."""
    index = np.flatnonzero(marked)
    if not len(index):
        return []
    low, high = int(index[0]), int(index[-1]) + 1
    if high - low <= window:
        start = min(max((low + high - window) // 2, 0), len(marked) - window)
        return [(start, slice(low, high))]
    starts = [low + start for start in window_starts(high - low, window, overlap)]
    edges = [low, *((a + b + window) // 2 for a, b in pairwise(starts)), high]
    cells = [(start, slice(*ends)) for start, ends in zip(starts, pairwise(edges), strict=True)]
    return [(start, own) for start, own in cells if marked[own].any()]


def _slices(start: Sequence[int], window: Sequence[int]) -> tuple[slice, ...]:
    return tuple(slice(s, s + w) for s, w in zip(start, window, strict=True))


def _cover(box: Box, window: Sequence[int], body: Box) -> Box:
    """The box, widened to a window where it is smaller, inside the body as far as that is large enough.

    It may begin below zero or end past the grid when the body is smaller than a window.
    """
    start, stop = [], []
    for low, high, size, first, last in zip(box.start, box.stop, window, body.start, body.stop, strict=True):
        if high - low < size:
            low = (low + high - size) // 2
            low = min(max(low, first), max(last - size, first))
            high = low + size
        start.append(low)
        stop.append(high)
    return Box(as_triple(start), as_triple(stop))


def _cut(fine: FineStudy, box: Box) -> tuple[Tensor, Tensor]:
    """Hounsfield units of a box that may reach past the grid into air, and the position across the body."""
    inside = [(max(a, 0), min(b, n)) for a, b, n in zip(box.start, box.stop, fine.grid.shape, strict=True)]
    hu = fine.hu[tuple(slice(a, b) for a, b in inside)]
    padding = [(a - s, e - b) for (a, b), s, e in zip(inside, box.start, box.stop, strict=True)]
    hu = F.pad(hu, [n for pair in reversed(padding) for n in pair], value=int(AIR_HU))
    start, stop = (np.subtract(edge, box.start).tolist() for edge in (fine.body.start, fine.body.stop))
    return hu, body_position(start, stop, box.shape)
