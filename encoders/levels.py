"""Vertebral levels out of one mask of all vertebrae: discs found along the spine, counted upwards from the sacrum.

All positions are millimetres on the model's own isotropic RAS+ grid. The spine's line runs through the middles of the
vertebral bodies. Discs are where the image is darker than the endplates around them, or the vertebrae's probability
dips; which dips are discs is decided for the whole spine at once, by dynamic programming against the usual heights of
`levels.yaml`, scaled to the patient.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import cc3d
import numpy as np
import numpy.typing as npt
import yaml
from scipy import ndimage
from scipy.interpolate import make_smoothing_spline
from scipy.spatial import cKDTree

GROUP, ANCHOR = "vertebrae", "sacrum"
"""What is divided, and what the counting starts from."""
STEP_MM = 1.5
"""Along the line."""
BODY_MM = 8.0
"""Radius of the disc of voxels around the line that is looked at."""
SCALES = np.arange(0.82, 1.25, 0.04)
"""Of the usual heights."""
ANCHOR_MM = 12.0
"""How far the lowest disc may be from where the sacrum begins on the line."""
DISC_MM = (3.0, 6.0)
"""From the middle of a disc to the endplates on both sides of it."""
BRIGHTEST = 95
"""Percentile of the dips of the image along a spine that counts as a sure disc."""
LEAST_BODIES = 3
"""Fewer vertebrae above the sacrum cannot be told from one another."""

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]


@cache
def settings() -> dict[str, Any]:
    """The content of `levels.yaml`."""
    return yaml.safe_load(files("encoders").joinpath("levels.yaml").read_text())


def names() -> tuple[str, ...]:
    """Ids of the levels, from L5 upwards."""
    return tuple(f"vertebrae_{level}" for level in settings()["heights_mm"])


@dataclass(frozen=True, eq=False)
class Sampled:
    """A volume (X, Y, Z) of which voxel `mm * scale + shift` lies at a place (3,) in millimetres."""

    values: np.ndarray
    scale: float | Floats
    shift: float | Floats = 0.0


@dataclass(frozen=True, eq=False)
class Line:
    """The spine's line: points (n, 3) mm, about `STEP_MM` apart, from below upwards."""

    points: Floats

    def along(self, points: Floats) -> tuple[Floats, Floats]:
        """For points (m, 3) mm: millimetres along the line of the nearest place, and millimetres behind it."""
        tangents = np.gradient(self.points, axis=0)
        tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
        nearest = cKDTree(self.points).query(points)[1]
        offset = points - self.points[nearest]
        more = (offset * tangents[nearest]).sum(1)
        return nearest * STEP_MM + np.clip(more, -STEP_MM, STEP_MM), -offset[:, 1]


def spine_line(bone: Bools, spacing: float) -> Line | None:
    """The line through the vertebral bodies of a mask of vertebrae and sacrum; None when there is too little of it.

    In each axial slice the body is where the largest circle fits; gaps are bridged by a smoothing spline.
    """
    middles, radii = [], []
    for k in np.flatnonzero(bone.any((0, 1))):
        depth = ndimage.distance_transform_edt(bone[:, :, k])
        i, j = np.unravel_index(np.argmax(depth), depth.shape)
        middles.append((i, j, k))
        radii.append(depth[i, j] * spacing)
    solid = np.array(radii) > 6.0
    if solid.sum() * spacing < 60:
        return None
    points, weight = np.array(middles, float)[solid] * spacing, np.array(radii)[solid]
    kept = np.ones(len(points), bool)
    for _ in range(2):  # transverse processes and ribs are outliers
        splines = [
            make_smoothing_spline(points[kept, 2], points[kept, a], weight[kept], lam=3e4) for a in (0, 1)
        ]
        away = np.hypot(*(points[:, a] - s(points[:, 2]) for a, s in enumerate(splines)))
        kept = away < 12.0
    z = np.arange(points[:, 2].min(), points[:, 2].max(), 0.25)
    fine = np.stack([splines[0](z), splines[1](z), z], 1)
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(fine, axis=0), axis=1))])
    even = np.arange(0, length[-1], STEP_MM)
    return Line(np.stack([np.interp(even, length, fine[:, a]) for a in range(3)], 1))


def profile(volume: Sampled, line: Line) -> Floats:
    """(n,) mean of a volume in a disc across the line at each of its points."""
    tangents = np.gradient(line.points, axis=0)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    right = np.cross([0.0, 1.0, 0.0], tangents)
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    front = np.cross(tangents, right)
    offsets = [
        (a, b) for a in np.arange(-BODY_MM, BODY_MM + 1, 4) for b in np.arange(-BODY_MM, BODY_MM + 1, 4)
    ]
    offsets = [(a, b) for a, b in offsets if a * a + b * b <= BODY_MM**2]
    total = np.zeros(len(line.points))
    for a, b in offsets:
        at = (line.points + a * right + b * front) * volume.scale + volume.shift
        total += ndimage.map_coordinates(volume.values, at.T, np.float32, order=1, mode="nearest")
    return total / len(offsets)


def dips(hu: Floats, start: int) -> Floats:
    """(n,) how sure a disc is at each point of the line by the image alone, 0..1.

    hu: (n,) Hounsfield units along the line. A disc is darker than both endplates; what is the depth of a sure one is
    read off the spine itself, from `start` upwards.
    """
    depth = np.zeros(len(hu))
    for steps in range(round(DISC_MM[0] / STEP_MM), round(DISC_MM[1] / STEP_MM) + 1):
        wide = np.pad(hu, steps, mode="edge")
        depth = np.maximum(depth, np.minimum(wide[2 * steps :], wide[: -2 * steps]) - hu)
    return np.clip(depth / max(np.percentile(depth[start:], BRIGHTEST), 1e-6), 0, 1)


def discs(gap: Floats, start: int) -> list[int]:
    """Indices on the line of the discs from the one above the sacrum (about `start`) upwards.

    gap: (n,) how likely a disc is along the line.
    """
    heights = np.array(list(settings()["heights_mm"].values()), float) / STEP_MM
    tolerance, n = settings()["tolerance"], len(gap)
    reach = round(ANCHOR_MM / STEP_MM)
    best: tuple[float, list[int]] = (-np.inf, [])
    for scale in SCALES:
        score = np.full(n, -np.inf)
        first = slice(max(start - reach, 0), start + reach + 1)
        place = np.arange(n)[first]
        score[first] = gap[first] - 0.5 * ((place - start) / reach) ** 2
        back: list[npt.NDArray[np.intp]] = []
        total = -3.0 * ((scale - 1) / 0.15) ** 2
        for level, height in enumerate(heights * scale):
            shift = np.arange(n)[:, None] - np.arange(n)[None]
            cost = np.where(shift > 0, -(((shift - height) / (tolerance * height)) ** 2), -np.inf)
            ways = score[None] + cost
            choice = ways.argmax(1)
            score = ways.max(1) + gap
            back.append(choice)
            # the spine may end in the scan's last slices, in the middle of a vertebra
            end = int(np.argmax(score))
            reached = score[end] + total
            left = (n - 1 - end) / (heights[min(level + 1, len(heights) - 1)] * scale)
            value = reached / (level + 2) - 0.15 * max(left - 0.5, 0)
            if level + 1 >= LEAST_BODIES and value > best[0]:
                chain = [end]
                for choice in reversed(back):
                    chain.append(int(choice[chain[-1]]))
                best = value, chain[::-1]
    return best[1]


def divide(
    vertebrae: Bools, probability: Floats, sacrum: Bools, spacing: float, image: Sampled
) -> dict[str, Bools]:
    """Masks of the vertebral levels; empty when no sacrum is there to count from.

    vertebrae, sacrum: (X, Y, Z) bool masks in RAS+ order; probability: of the vertebrae, 0..1; spacing: mm.
    image: Hounsfield units, in the millimetres of the masks' grid from the middle of its first voxel on.
    """
    if not sacrum.any() or not vertebrae.any():
        return {}
    line = spine_line(vertebrae | sacrum, spacing)
    if line is None:
        return {}
    sacral = profile(Sampled(sacrum.astype(np.float32), 1 / spacing), line)
    bony = profile(Sampled(probability.astype(np.float32), 1 / spacing), line)
    below = np.flatnonzero(sacral > 0.5)
    if not len(below):
        return {}
    start = int(below.max())
    borders = discs(1 - bony + dips(profile(image, line), start), start)
    if not borders:
        return {}
    where = np.argwhere(vertebrae)
    along, behind = line.along(where * spacing)
    drop = settings()["drop"]
    level = np.searchsorted(np.array(borders) * STEP_MM, along) - 1
    for _ in range(2):  # processes hang below their body, the more the farther behind
        region = np.array([drop[name.split("_")[1][0]] for name in names()])
        slope = region[np.clip(level, 0, len(names()) - 1)]
        level = np.searchsorted(np.array(borders) * STEP_MM, along + slope * np.maximum(behind - 15, 0)) - 1
    found = {}
    top = len(borders) - 1
    complete = along.max() < borders[-1] * STEP_MM + 10
    for n, name in enumerate(names()):
        own = level == n
        if n > top or (n == top and complete) or own.sum() * spacing**3 < 1000:
            continue
        mask = np.zeros(vertebrae.shape, bool)
        mask[tuple(where[own].T)] = True
        found[name] = np.asarray(cc3d.largest_k(mask, k=1, connectivity=26)) > 0
    return found
