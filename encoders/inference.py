"""From a CT to masks: one pass of the backbone, kept; then any classes, any number of times.

The canonical CT is resampled to the model's spacing and cropped to the body. Overlapping windows give features, which
are kept per window because the class heads depend on each window's image feature. Decoding a class blends its logits
over the windows and goes back to the study's grid only inside the class's own box.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from encoders.decoder import Features
from encoders.device import compute_type, device, mixed_precision
from encoders.geometry import Box, Geometry
from encoders.segmenters.base import Progress
from encoders.universal import UniversalModel, body_position
from encoders.volume import Volume

AIR_HU = -1024.0
BODY_HU = -300.0


def resample_hu(hu: np.ndarray, shape: tuple[int, int, int]) -> Tensor:
    """(X, Y, Z) Hounsfield units averaged onto a grid of `shape` over the same field of view.

    Axes that become finer are interpolated linearly, after the others were averaged.
    """
    data = torch.from_numpy(np.ascontiguousarray(hu, np.float32))[None, None]
    fewer = tuple(min(a, b) for a, b in zip(hu.shape, shape, strict=True))
    if fewer != tuple(hu.shape):
        data = F.interpolate(data, fewer, mode="area")
    if fewer != tuple(shape):
        data = F.interpolate(data, shape, mode="trilinear")
    return data[0, 0]


def body_box(hu: np.ndarray, margin: int = 2) -> Box:
    """Box around the largest connected piece of tissue; the whole grid when there is none."""
    import cc3d

    tissue = hu > BODY_HU
    largest = cc3d.largest_k(tissue, k=1, connectivity=6)
    box = Box.of_mask(np.asarray(largest) > 0)
    return box.grown(margin, hu.shape) if box else Box.whole(hu.shape)


def window_starts(length: int, window: int, overlap: float) -> list[int]:
    """Evenly spread starts of windows that cover `length` voxels with at least this overlap."""
    if length <= window:
        return [0]
    count = int(np.ceil((length - window) / (window * (1 - overlap)))) + 1
    return np.round(np.linspace(0, length - window, count)).astype(int).tolist()


def blending_weight(window: Sequence[int], sigma: float = 0.125) -> Tensor:
    """Gaussian importance of a window's voxels: 1 in the middle, small but above zero at the rim."""
    axes = [torch.exp(-0.5 * (((torch.arange(n) - (n - 1) / 2) / (n * sigma)) ** 2)) for n in window]
    return torch.einsum("i,j,k->ijk", *axes).clamp_min(1e-3)


@dataclass(frozen=True)
class WindowFeatures:
    """Class-independent features of one window, kept in bfloat16."""

    start: tuple[int, int, int]
    voxels: Tensor  # (channels, x, y, z)
    image: Tensor  # (hidden,)


@dataclass(frozen=True)
class StudyFeatures:
    """Everything the decoder needs of one study.

    grid: the model's grid over the study's field of view, in RAS+ order.
    body: the part of `grid` that the windows cover; windows may reach past it into padding.
    """

    grid: Geometry
    body: Box
    windows: tuple[WindowFeatures, ...]


@torch.inference_mode()
def extract_features(
    model: UniversalModel, volume: Volume, overlap: float = 0.4, progress: Progress | None = None
) -> StudyFeatures:
    """One pass of the backbone over a CT. `progress` is told the fraction done after each window."""
    canonical = volume.canonical()
    grid = canonical.geometry.resampled(model.config.spacing_mm)
    hu = resample_hu(canonical.hu, grid.shape)
    body = body_box(hu.numpy())
    hu = hu[body.slices]
    window = model.config.window
    padding = [max(0, w - n) for w, n in zip(window, hu.shape, strict=True)]
    hu = F.pad(hu, [0, padding[2], 0, padding[1], 0, padding[0]], value=AIR_HU)
    position = body_position((0, 0), body.shape, hu.shape)
    starts = list(product(*(window_starts(n, w, overlap) for n, w in zip(hu.shape, window, strict=True))))
    kept = []
    for number, (i, j, k) in enumerate(starts):
        place = (slice(i, i + window[0]), slice(j, j + window[1]), slice(k, k + window[2]))
        with mixed_precision():
            features = model.features(
                hu[place][None].to(device()), position[(slice(None), *place)][None].to(device())
            )
        kept.append(WindowFeatures((i, j, k), features.voxels[0].bfloat16(), features.image[0].float()))
        if progress:
            progress((number + 1) / len(starts), "reading the scan")
    return StudyFeatures(grid, body, tuple(kept))


@torch.inference_mode()
def decode(model: UniversalModel, study: StudyFeatures, text: Tensor) -> Tensor:
    """Blended logits (C, *body shape) float32 of the classes with these unit-length embeddings (C, text_dim)."""
    text = model.conditioning(text)
    window = study.windows[0].voxels.shape[1:]
    size = [max(n, w) for n, w in zip(study.body.shape, window, strict=True)]
    weight = blending_weight(window).to(study.windows[0].voxels.device)
    total = torch.zeros(len(text), *size, device=weight.device)
    norm = torch.zeros(size, device=weight.device)
    for kept in study.windows:
        place = tuple(slice(s, s + w) for s, w in zip(kept.start, window, strict=True))
        with mixed_precision():
            features = Features(kept.voxels[None].to(compute_type()), kept.image[None])
            logits = model.decoder.decode(features, text)[0].float()
        total[(slice(None), *place)] += logits * weight
        norm[place] += weight
    i, j, k = study.body.shape
    return (total / norm)[:, :i, :j, :k]


def decode_in_parts(
    model: UniversalModel, study: StudyFeatures, text: Tensor, at_once: int = 12
) -> Iterator[tuple[int, Tensor]]:
    """(index, logits) class by class, decoding a few at a time to bound the memory."""
    for first in range(0, len(text), at_once):
        logits = decode(model, study, text[first : first + at_once])
        for offset, values in enumerate(logits):
            yield first + offset, values


def lerp_axis(values: Tensor, axis: int, positions: Tensor) -> Tensor:
    """Linear interpolation along one axis at fractional positions, clamped to the ends."""
    positions = positions.clamp(0, values.shape[axis] - 1)
    low = positions.floor().long()
    high = (low + 1).clamp_max(values.shape[axis] - 1)
    t = (positions - low).to(values.dtype)
    shape = [1, 1, 1]
    shape[axis] = -1
    return torch.lerp(values.index_select(axis, low), values.index_select(axis, high), t.reshape(shape))


def to_study_grid(logits: Tensor, box: Box, coarse: Geometry, fine: Geometry) -> tuple[Box, np.ndarray]:
    """Logits on `box` of the coarse grid, interpolated to the fine grid over the same field of view and cut at zero.

    Returns the fine box and the bool mask in it. Only the box is computed, never the whole study.
    """
    start, stop = [0, 0, 0], [0, 0, 0]
    for axis in range(3):
        scale = fine.shape[axis] / coarse.shape[axis]
        start[axis] = int(np.floor(box.start[axis] * scale))
        stop[axis] = min(int(np.ceil(box.stop[axis] * scale)), fine.shape[axis])
    values = logits
    for axis in range(3):
        scale = coarse.shape[axis] / fine.shape[axis]
        centres = (torch.arange(start[axis], stop[axis]) + 0.5) * scale - 0.5 - box.start[axis]
        values = lerp_axis(values, axis, centres.to(values.device))
    i, j, k = start
    x, y, z = stop
    return Box((i, j, k), (x, y, z)), (values > 0).cpu().numpy()
