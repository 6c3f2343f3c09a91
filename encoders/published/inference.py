"""The published way from a CT to logits: preprocessing, window grid and blending, for the classes asked for only.

Steps and constants are those of the reference implementation: RAS+ order, 1.5 mm, Hounsfield units -175..250 to 0..1,
cut to what is above -175 HU, windows of 96^3 at an overlap of a half, blended by a Gaussian. Since the U-Net's
normalisation depends on the window, the windows lie exactly where the reference (MONAI's sliding window) puts them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from encoders.decoder import Features
from encoders.device import device, mixed_precision
from encoders.geometry import Box, Geometry
from encoders.inference import blending_weight, lerp_axis
from encoders.published.model import PublishedModel
from encoders.segmenters.base import Mask, Progress
from encoders.volume import Volume

SPACING_MM = 1.5
HU_RANGE = (-175.0, 250.0)
WINDOW = (96, 96, 96)
OVERLAP = 0.5


@dataclass(frozen=True, eq=False)
class Prepared:
    """A CT as the published models read it.

    image: float32 (X, Y, Z) in 0..1, RAS+ order at 1.5 mm, cut to `box` of a grid of `shape`.
    geometry: the study's own grid. spacing: of its canonical grid, mm.
    """

    image: Tensor
    box: Box
    shape: tuple[int, int, int]
    geometry: Geometry
    spacing: tuple[float, float, float]

    @property
    def voxel_ml(self) -> float:
        return SPACING_MM**3 / 1000


def resampled_length(count: int, spacing: float) -> int:
    """Voxels at 1.5 mm that span `count` voxel centres `spacing` mm apart; the first centres coincide."""
    return int(np.round((count - 1) * spacing / SPACING_MM + 1))


def prepare(volume: Volume) -> Prepared:
    """Resamples linearly, scales and crops a CT."""
    canonical = volume.canonical()
    spacing = canonical.geometry.spacing
    shape = [resampled_length(n, s) for n, s in zip(canonical.shape, spacing, strict=True)]
    image = torch.from_numpy(np.ascontiguousarray(canonical.hu)).float()
    for axis in np.argsort([n / o for n, o in zip(shape, canonical.shape, strict=True)]):  # shrink first
        image = lerp_axis(image, int(axis), torch.arange(shape[axis]) * (SPACING_MM / spacing[axis]))
    low, high = HU_RANGE
    image = image.sub_(low).div_(high - low).clamp_(0, 1)
    box = Box.of_mask(image.numpy() > 0) or Box.whole(tuple(image.shape))
    x, y, z = shape
    return Prepared(image[box.slices].contiguous(), box, (x, y, z), volume.geometry, spacing)


def window_starts(length: int, window: int, overlap: float) -> list[int]:
    """Where the reference's windows start along an axis of at least one window: a fixed step, the last moved back."""
    if length <= window:
        return [0]
    step = max(int(window * (1 - overlap)), 1)
    count = int(np.ceil((length - window) / step)) + 1
    return [min(n * step, length - window) for n in range(count)]


def pad_to(image: Tensor, window: Sequence[int]) -> tuple[Tensor, tuple[int, int, int]]:
    """The image with zeros around it up to a window's size, half before and half behind; and the zeros before."""
    extra = [max(w - n, 0) for w, n in zip(window, image.shape, strict=True)]
    before = [e // 2 for e in extra]
    sides = [side for b, e in zip(before[::-1], extra[::-1], strict=True) for side in (b, e - b)]
    i, j, k = before
    return F.pad(image, sides), (i, j, k)


def windows(
    size: Sequence[int], window: Sequence[int], overlap: float
) -> Iterator[tuple[slice, slice, slice]]:
    """The windows of an image of `size`, in the reference's order."""
    starts = (window_starts(n, w, overlap) for n, w in zip(size, window, strict=True))
    for i, j, k in product(*starts):
        yield slice(i, i + window[0]), slice(j, j + window[1]), slice(k, k + window[2])


@torch.inference_mode()
def logits_of(
    model: PublishedModel,
    image: Tensor,
    rows: Sequence[int],
    window: Sequence[int] = WINDOW,
    overlap: float = OVERLAP,
    half: bool = False,
    progress: Progress | None = None,
) -> Tensor:
    """Blended logits (C, X, Y, Z) float32 of these class indices on the image (X, Y, Z), values 0..1.

    half: the backbone computes in bfloat16, as far as it asks for no more (a fused U-Net on the CPU: in its transposed
    convolutions only); heads, blending and sums stay in float32. The buffers are one volume for each class asked for
    and one for the weights.
    """
    where = device()
    padded, before = pad_to(image, window)
    weight = blending_weight(window)
    total = torch.zeros(len(rows), *padded.shape)
    norm = torch.zeros(padded.shape)
    text = model.embeddings(rows)
    places = list(windows(padded.shape, window, overlap))
    for number, place in enumerate(places, start=1):
        part = padded[place][None, None].to(where, memory_format=torch.channels_last_3d)
        with mixed_precision() if half else nullcontext():
            voxels, pooled = model.encode(part)
        logits = model.decode(Features(voxels.float(), pooled.float()), text)[0].cpu()
        total[(slice(None), *place)].addcmul_(logits, weight)
        norm[place] += weight
        if progress:
            progress(number / len(places), "reading the scan")
    total /= norm
    inside = tuple(slice(b, b + n) for b, n in zip(before, image.shape, strict=True))
    return total[(slice(None), *inside)]


def to_study(structure: str, keep: np.ndarray, prepared: Prepared, confidence: float) -> Mask:
    """A bool mask on the prepared box, back on the study's own grid by the nearest voxel.

    Only the box around the mask is computed.
    """
    geometry = prepared.geometry
    tight = Box.of_mask(keep)
    if tight is None:
        return Mask.absent(structure, geometry.shape, confidence)
    index: list[np.ndarray] = []
    start: list[int] = []
    for axis, count in enumerate(geometry.canonical().shape):
        nearest = np.rint(np.arange(count) * (prepared.spacing[axis] / SPACING_MM)).astype(int)
        nearest = nearest.clip(0, prepared.shape[axis] - 1) - prepared.box.start[axis]
        hit = np.flatnonzero((nearest >= tight.start[axis]) & (nearest < tight.stop[axis]))
        if not hit.size:  # thinner than the study's own voxels
            return Mask.absent(structure, geometry.shape, confidence)
        start.append(int(hit[0]))
        index.append(nearest[hit])
    found = keep[np.ix_(*index)]
    box = Box((start[0], start[1], start[2]), tuple(s + n for s, n in zip(start, found.shape, strict=True)))
    return Mask.from_canonical(structure, geometry, box, found, confidence)
