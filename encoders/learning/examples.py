"""Lesions planted in a whole CT at its own resolution, with their masks: for reader studies and for measuring.

A lesion is painted on an isotropic crop around its organ; only the difference that it makes goes back to the CT, so
that everything around it keeps every voxel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from encoders.errors import BodyMapsError
from encoders.geometry import Box
from encoders.learning.lesion_places import Organs
from encoders.learning.lesion_settings import settings
from encoders.learning.lesion_shapes import Shape
from encoders.learning.tumours import plant
from encoders.volume import Volume

FINEST_MM, COARSEST_MM = 0.8, 1.5
"""The crop is painted at the CT's smallest spacing, within these."""


@dataclass(frozen=True)
class Example:
    """A planted lesion. diameter_mm: of the sphere of its volume; mean_hu: as drawn; box: voxels of the CT's array."""

    lesion: str
    organ: str
    kind: str
    diameter_mm: float
    mean_hu: float
    box: Box


def hosts() -> tuple[str, ...]:
    """Names of the organs that lesions can be planted in."""
    return tuple(settings()["organs"])


def host_of(structure: str) -> str:
    """The entry of `tumours.yaml` for an organ's id. Raises BodyMapsError when there is none."""
    for name, entry in settings()["organs"].items():
        if any(fnmatch(structure, pattern) for pattern in entry["match"]):
            return name
    raise BodyMapsError(f"no lesions for '{structure}': choose {', '.join(hosts())}")


def plant_examples(
    volume: Volume,
    organs: Mapping[str, np.ndarray],
    wanted: Sequence[tuple[str, float]],
    rng: np.random.Generator,
    shapes: tuple[Shape, ...] = (),
    own: np.ndarray | None = None,
) -> tuple[Volume, dict[str, np.ndarray], list[Example]]:
    """A CT with lesions in it.

    Args:
        volume: not changed.
        organs: id to bool mask on the CT's grid.
        wanted: (organ, diameter in mm), one a lesion; one that does not fit is made smaller, or left out.
        shapes: real lesion masks, see `load_shapes`; none: ellipsoids.
        own: bool mask on the CT's grid of lesions that it has already; nothing is planted there.

    Returns:
        the new CT, a bool mask on its grid per lesion id, and what was planted.
    """
    source = volume.canonical()
    hu = torch.from_numpy(np.ascontiguousarray(source.hu, np.float32))
    masks: dict[str, np.ndarray] = {}
    made: list[Example] = []
    kept = np.zeros(volume.shape, bool) if own is None else own
    taken = torch.from_numpy(volume.geometry.to_canonical(kept).copy())
    for organ, diameter in wanted:
        mask = volume.geometry.to_canonical(organs[organ])
        crop = _around(mask, diameter, source)
        planted = crop and _plant(source, hu, mask, taken, crop, organ, diameter, rng, shapes)
        if not crop or not planted:
            continue
        change, voxels, lesion = planted
        hu[crop.slices] += change
        taken[crop.slices] |= voxels
        whole = masks.setdefault(lesion.lesion, np.zeros(source.shape, bool))
        whole[crop.slices] |= voxels.numpy()
        inside = Box.of_mask(voxels.numpy())
        assert inside is not None
        box = volume.geometry.from_canonical_box(inside.shifted(crop.start))
        made.append(
            Example(lesion.lesion, organ, lesion.kind, round(lesion.diameter_mm, 1), round(lesion.hu, 1), box)
        )
    pixels = np.clip(np.rint(volume.geometry.from_canonical(hu.numpy())), -1024, 3071).astype(np.int16)
    return (
        Volume(np.ascontiguousarray(pixels), volume.geometry),
        {name: volume.geometry.from_canonical(mask) for name, mask in masks.items()},
        made,
    )


def _around(mask: np.ndarray, diameter: float, volume: Volume) -> Box | None:
    """The organ's box with room for a lesion that grows out of it."""
    box = Box.of_mask(mask)
    if box is None:
        return None
    margin = np.ceil(diameter / np.asarray(volume.geometry.spacing)).astype(int) + 2
    return box.grown(margin.tolist(), mask.shape)


def _plant(
    source: Volume, hu: Tensor, mask, taken: Tensor, crop: Box, organ: str, diameter: float, rng, shapes
):
    """(change of HU, lesion voxels) on the crop, and the lesion; None when it does not fit."""
    spacing = float(np.clip(min(source.geometry.spacing), FINEST_MM, COARSEST_MM))
    fine = source.geometry.crop(crop).resampled(spacing).shape
    before = _resampled(hu[crop.slices], fine)
    labels = (_resampled(torch.from_numpy(mask[crop.slices].astype(np.float32)), fine) > 0.5).long()
    occupied = _resampled(taken[crop.slices].float(), fine) > 0.1
    window = Organs(before, labels, ("unlabelled", organ), spacing)
    if not window.entries:
        return None
    entry, value = window.entries[0]
    after = before.clone()
    lesion = plant(after, window, entry, value, diameter, occupied, rng, shapes)
    if lesion is None:
        return None
    filled = torch.zeros(fine)
    filled[lesion.slices] = lesion.voxels.float()
    share = _resampled(filled, crop.shape)
    voxels = share >= min(0.5, 0.6 * float(share.max()))
    return _resampled(after - before, crop.shape), voxels, lesion


def _resampled(image: Tensor, shape: Sequence[int]) -> Tensor:
    """Trilinear over the same field of view; axes that get coarser are averaged first."""
    if tuple(image.shape) == tuple(shape):
        return image
    i, j, k = (min(a, b) for a, b in zip(image.shape, shape, strict=True))
    data = F.adaptive_avg_pool3d(image[None, None], (i, j, k))
    return F.interpolate(data, list(shape), mode="trilinear", align_corners=False)[0, 0]
