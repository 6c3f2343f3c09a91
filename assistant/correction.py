"""A mask mended by clicks, strokes of a brush and boxes, whichever segmenter drew it.

Each click is worked in a small ball around it: what the voxels there look like on both sides of the mask gives a
prior, and a random walker (`assistant.walker`) says which of them go with the click. Nothing changes elsewhere, but
that a box takes away what lies outside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from assistant.walker import walk
from encoders.errors import BodyMapsError
from encoders.geometry import Box, Geometry, as_triple
from encoders.segmenters.base import Mask
from encoders.volume import Volume

Point = tuple[float, float, float]
Voxels = npt.NDArray[np.bool_]

RADIUS_MM = 20.0
TIP_MM = 1.5
"""What lies this close to a click is what the click says."""
LOOK_MM = 4.0
"""How far around a click its side is learned."""
BLUR_MM = 1.0
HU_BINS = np.arange(-300, 501, 20)
"""Air and metal have no inner borders: what is darker or brighter counts as one."""
UNSEEN = 0.3
"""Share of the outside that is taken to look like anything at all: not all of it has been seen."""
MOST_VOXELS = 50_000
"""Of a region; a larger one is worked on a coarser grid, so that an answer takes less than a second."""


@dataclass(frozen=True)
class Hints:
    """What a reader marked, in RAS+ mm.

    include, exclude: points inside and outside the structure. box: two opposite corners of a box around all of it.
    radius_mm: how far a point reaches. brush: the points are strokes of a brush, all within the radius is meant.
    """

    include: tuple[Point, ...] = ()
    exclude: tuple[Point, ...] = ()
    box: tuple[Point, Point] | None = None
    radius_mm: float = RADIUS_MM
    brush: bool = False


def corrected(mask: Mask, volume: Volume, hints: Hints) -> Mask:
    """The mask on the volume's grid after the hints; its confidence is kept.

    A box comes first: what lies outside it goes, and the structure is drawn anew inside it, from the mask's inner part
    or, where there is no mask, from the box's middle. Then points add and take away within their radius.
    Raises BodyMapsError for a point outside the scan, or a box that holds no voxel of it.
    """
    geometry = volume.geometry
    area = [_reach(point, hints.radius_mm, geometry) for point in (*hints.include, *hints.exclude)]
    area += [_voxel_box(hints.box, geometry)] if hints.box is not None else []
    area += [mask.box] if mask.box is not None else []
    if not area:
        return mask
    whole = Box(
        as_triple(np.min([box.start for box in area], axis=0)),
        as_triple(np.max([box.stop for box in area], axis=0)),
    )
    part, voxels = volume.crop(whole), np.zeros(whole.shape, bool)
    if mask.box is not None:
        voxels[mask.box.shifted([-start for start in whole.start]).slices] = mask.voxels
    if hints.box is not None:
        voxels = _drawn(voxels, part, hints.box)
    for points, mend, inside in ((hints.include, _add, True), (hints.exclude, _take_away, False)):
        for point in points:
            region = _Region(part, _reach(point, hints.radius_mm, part.geometry))
            near = region.near([point], hints.radius_mm)
            if hints.brush:
                region.write(voxels, near, inside)
            else:
                mend(voxels, region, near, point, hints)
    return Mask.from_crop(mask.structure, mask.shape, whole, voxels, mask.confidence)


def _add(voxels: Voxels, region: _Region, near: Voxels, point: Point, hints: Hints) -> None:
    """Adds what goes with a point inside, in place. near: within its radius."""
    mask = region.coarse(voxels)
    tip, look = region.near([point], TIP_MM), region.near([point], LOOK_MM)
    no = region.near(hints.exclude, TIP_MM) & ~tip
    seeds = ((mask & near) | tip) & ~no
    if (mask & near).any():
        prior = region.prior([mask, look], [near & ~mask & ~look, region.near(hints.exclude, LOOK_MM)])
        rim = _rim(near) & ~mask
        unlike = rim & (prior < 0.5)
        # where most of the rim looks like the structure, it goes on beyond; else what does so is a neighbour
        others = (unlike if 2 * np.count_nonzero(unlike) < np.count_nonzero(rim) else rim) | no
    else:  # a structure that was not there: what looks like the click, as far as it reaches
        prior = region.prior([look], [])
        others = no
    region.write(voxels, region.walk(prior, seeds, others, near) | tip, True)


def _take_away(voxels: Voxels, region: _Region, near: Voxels, point: Point, hints: Hints) -> None:
    """Takes away what goes with a point outside, in place. near: within its radius."""
    mask = region.coarse(voxels)
    yes = region.near(hints.include, TIP_MM)
    tip, look = region.near([point], TIP_MM) & ~yes, region.near([point], LOOK_MM)
    prior = region.prior([mask & ~look], [look])
    edge = _rim(near) & mask
    like = edge & (prior > 0.5)
    keep = (like if like.any() else edge) | (yes & mask)
    if not keep.any():
        keep = _deepest(mask & ~region.near([point], hints.radius_mm / 3), region.spacing)
    kept = region.walk(prior, keep, tip, mask & near) if keep.any() else np.zeros_like(mask)
    region.write(voxels, (near & mask & ~kept) | tip, False)


def _drawn(voxels: Voxels, volume: Volume, corners: tuple[Point, Point]) -> Voxels:
    """The structure drawn anew inside a box, nothing outside it."""
    region = _Region(volume, _voxel_box(corners, volume.geometry))
    within = region.between(*corners)
    rim = _rim(within)
    inner = _inner(region.coarse(voxels) & within & ~rim, region.spacing)
    seeds = inner if inner.any() else _middle(within.shape)
    rim &= ~seeds
    found = region.walk(region.prior([seeds], [rim]), seeds, rim, within)
    for _ in range(0 if inner.any() else 2):  # the middle was a guess: learn from what came out
        found = region.walk(region.prior([found], [within & ~found]), seeds, rim, within)
    out = np.zeros_like(voxels)
    region.write(out, found, True)
    return out


class _Region:
    """A box of the scan on a grid coarse enough to be quick, and the way back."""

    def __init__(self, volume: Volume, box: Box) -> None:
        fine = np.array(volume.geometry.spacing)
        side = (np.prod(np.array(box.shape) * fine) / MOST_VOXELS) ** (1 / 3)
        self.box, self._geometry = box, volume.geometry
        self._step = np.maximum(np.ceil(side / fine - 0.25).astype(int), 1)
        self.spacing = fine * self._step
        hu = np.clip(self.coarse(volume.hu), HU_BINS[0], HU_BINS[-1]).astype(np.float32)
        self._hu = ndimage.gaussian_filter(hu, BLUR_MM / self.spacing)

    def prior(self, inside: Sequence[Voxels], outside: Sequence[Voxels]) -> npt.NDArray[np.float32]:
        """How much each voxel looks like inside, 0..1, by the histograms of what is known of both sides."""
        bins = np.digitize(self._hu, HU_BINS)
        size = len(HU_BINS) + 1

        def density(sets: Sequence[Voxels], unseen: float) -> npt.NDArray:
            counts = [np.bincount(bins[s], minlength=size) / s.sum() for s in sets if s.any()]
            known = np.mean(counts, axis=0) if counts else np.full(size, 1 / size)
            return (1 - unseen) * ndimage.gaussian_filter1d(known, 1.0) + unseen / size

        one, other = density(inside, 0.02), density(outside, UNSEEN)
        return (one / (one + other)).astype(np.float32)[bins]

    def walk(self, prior: npt.NDArray, inside: Voxels, outside: Voxels, allowed: Voxels) -> Voxels:
        return walk(self._hu, prior, inside, outside, allowed, self.spacing.tolist())

    def coarse(self, array: npt.NDArray) -> npt.NDArray:
        a, b, c = self._step
        return array[self.box.slices][::a, ::b, ::c]

    def near(self, points: Sequence[Point], radius_mm: float) -> Voxels:
        """Voxels within a radius of any point; always those that hold the points."""
        found = np.zeros(self._hu.shape, bool)
        for point in points:
            at = (self._geometry.to_voxel(point) - self.box.start) / self._step
            offsets = np.ogrid[tuple(slice(n) for n in found.shape)]
            squares = [np.square((o - a) * s) for o, a, s in zip(offsets, at, self.spacing, strict=True)]
            found |= squares[0] + squares[1] + squares[2] <= radius_mm**2
            voxel = np.rint(at).astype(int)
            if (voxel >= 0).all() and (voxel < found.shape).all():
                found[tuple(voxel)] = True
        return found

    def between(self, low: Point, high: Point) -> Voxels:
        """Voxels between two corners in the world; on an oblique grid a rotated box."""
        indices = np.moveaxis(np.indices(self._hu.shape), 0, -1)
        world = self._geometry.to_world(indices * self._step + self.box.start)
        least, most = np.minimum(low, high) - 1e-6, np.maximum(low, high) + 1e-6
        found = np.all((world >= least) & (world <= most), axis=-1)
        return found if found.any() else np.ones_like(found)  # thinner than a voxel

    def write(self, voxels: Voxels, where: Voxels, value: bool) -> None:
        """Sets the voxels of the whole array."""
        part = voxels[self.box.slices]
        for axis, step in enumerate(self._step):
            where = where.repeat(step, axis)
        part[where[tuple(slice(n) for n in part.shape)]] = value


def _rim(mask: Voxels) -> Voxels:
    return mask & ~ndimage.binary_erosion(mask, border_value=0)


def _deepest(mask: Voxels, spacing: npt.NDArray) -> Voxels:
    """The voxel farthest from the mask's border; none of an empty mask."""
    found = np.zeros(mask.shape, bool)
    if mask.any():
        depth = ndimage.distance_transform_edt(mask, spacing)
        found[np.unravel_index(np.argmax(depth), mask.shape)] = True
    return found


def _inner(mask: Voxels, spacing: npt.NDArray) -> Voxels:
    """The half of a mask that is deepest inside it; none of an empty mask."""
    depth = ndimage.distance_transform_edt(mask, spacing)
    return mask & (depth >= np.median(depth[mask])) if mask.any() else mask


def _middle(shape: tuple[int, ...]) -> Voxels:
    """The ellipsoid in the middle of a box whose axes are a third of the box's sides."""
    offsets = np.ogrid[tuple(slice(n) for n in shape)]
    squares = [np.square((o - (n - 1) / 2) / max(n / 6, 0.5)) for o, n in zip(offsets, shape, strict=True)]
    return squares[0] + squares[1] + squares[2] <= 1


def _reach(point: Point, radius_mm: float, geometry: Geometry) -> Box:
    """The voxels around a point; raises BodyMapsError for one outside the scan."""
    at = np.rint(geometry.to_voxel(point))
    if (at < 0).any() or (at >= geometry.shape).any():
        raise BodyMapsError(f"the point {_mm(point)} mm lies outside the scan: mark one inside it")
    voxel = Box(as_triple(at), as_triple(at + 1))
    return voxel.grown([ceil(radius_mm / step) for step in geometry.spacing], geometry.shape)


def _voxel_box(corners: tuple[Point, Point], geometry: Geometry) -> Box:
    """The voxels whose centres may lie between two corners, on any grid; raises BodyMapsError when there are none."""
    ends = np.array([[corners[n >> axis & 1][axis] for axis in range(3)] for n in range(8)])
    voxels = geometry.to_voxel(ends)
    start = np.maximum(np.ceil(voxels.min(0) - 1e-6), 0)
    stop = np.minimum(np.floor(voxels.max(0) + 1e-6) + 1, geometry.shape)
    if (stop - start < 1).any():
        raise BodyMapsError(
            f"the box from {_mm(corners[0])} to {_mm(corners[1])} mm holds no voxel of the scan: draw one inside it"
        )
    return Box(as_triple(start), as_triple(stop))


def _mm(point: Point) -> str:
    return "(" + ", ".join(f"{value:.0f}" for value in point) + ")"
