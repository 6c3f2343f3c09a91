"""What a data set holds, whatever its layout: cases with references by structure, and images to predict only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from pathlib import Path

import numpy as np
import yaml

from encoders.errors import BodyMapsError
from encoders.segmenters.names import structure_of
from eval.layouts import Layout, read_layout
from eval.references import read_stl, voxelise

Truths = Callable[[tuple[int, int, int]], Iterator[tuple[str, np.ndarray]]]
"""(structure, bool mask) for each reference of a case, on the grid of a CT of that shape."""

OWN_LESIONS = "own_lesions"
"""Name of the mask that becomes `Case.own`, see `bodymaps synthesize --own`."""

COMBINED = "combined_labels"
"""AbdomenAtlas keeps all masks of a case once more in one label image of this name."""


@dataclass(frozen=True)
class Case:
    """own: a mask of lesions that the CT had before others were planted in it: neither to be found nor false."""

    name: str
    image: Path
    truths: Truths
    own: Path | None = None

    def unasked(self, shape: tuple[int, int, int]) -> np.ndarray:
        """The lesions of `own`, bool on the grid of a CT of that shape."""
        return np.zeros(shape, bool) if self.own is None else read_mask(self.own, shape)


@dataclass(frozen=True)
class Dataset:
    """layout: of data sets with label images, else None. unmapped: names that the ontology does not know."""

    kind: str
    cases: tuple[Case, ...]
    layout: Layout | None = None
    unmapped: tuple[str, ...] = ()

    @property
    def tolerance_mm(self) -> float:
        """Of the normalised surface Dice, as the data set's own benchmark sets it."""
        known = tolerances()
        named = {k.lower(): v for k, v in known["MSD"].items()}
        if self.layout and self.layout.name.lower() in named:
            return float(named[self.layout.name.lower()])
        found = known.get(self.kind, known["default"])
        return float(known["default"] if isinstance(found, dict) else found)


def read_dataset(folder: Path) -> Dataset:
    """The data set in a folder. Raises BodyMapsError when it holds no case with a reference."""
    layout = read_layout(folder)
    if layout is None:
        return _of_folders(folder)
    if not layout.cases:
        raise BodyMapsError(f"no case in {folder}: its {layout.kind} layout has no image with a label image")
    cases = tuple(Case(c.name, c.image, c.references) for c in layout.cases)
    return Dataset(layout.kind, cases, layout, layout.unmapped)


def find_cases(folder: Path) -> list[Path]:
    """Folders below `folder` (or itself) that hold a CT. Raises BodyMapsError when there is none."""
    cases = sorted(path.parent for path in folder.rglob("ct.nii.gz"))
    if not cases:
        raise BodyMapsError(f"no case in {folder}: a case is a folder with ct.nii.gz and reference masks")
    return cases


def references(case: Path, shape: tuple[int, int, int]) -> Iterator[tuple[str, np.ndarray]]:
    """(structure, bool mask on the CT's grid) for each reference of a case that the ontology knows."""
    for path in _reference_files(case):
        structure = structure_of(_stem(path), "")
        if structure is not None:
            stl = path.suffix == ".stl"
            yield structure, voxelise(read_stl(path), shape) if stl else read_mask(path, shape)


def read_mask(path: Path, shape: tuple[int, int, int]) -> np.ndarray:
    """A NIfTI mask on the grid of a CT of that shape, bool. Raises BodyMapsError when it is missing or has another."""
    import nibabel as nib

    if not path.is_file():
        raise BodyMapsError(f"{path}: no such file")
    mask = np.asanyarray(nib.nifti1.load(path).dataobj) > 0
    if mask.shape != shape:
        raise BodyMapsError(f"{path} has shape {mask.shape}, its CT has {shape}")
    return mask


@cache
def tolerances() -> dict:
    return yaml.safe_load(files("eval").joinpath("tolerances.yaml").read_text(encoding="utf-8"))


def _of_folders(folder: Path) -> Dataset:
    found = find_cases(folder)
    names = {_stem(path) for case in found for path in _reference_files(case)}
    unmapped = tuple(sorted(name for name in names if structure_of(name, "") is None))
    atlas = any((case / f"{COMBINED}.nii.gz").is_file() or case.name.startswith("BDMAP_") for case in found)
    total = any((case / "segmentations").is_dir() for case in found)
    kind = "AbdomenAtlas" if atlas else "TotalSegmentator" if total else "folders"
    return Dataset(kind, tuple(_of_folder(c) for c in found), None, unmapped)


def _of_folder(folder: Path) -> Case:
    own = folder / f"{OWN_LESIONS}.nii.gz"
    return Case(
        folder.name, folder / "ct.nii.gz", partial(references, folder), own if own.is_file() else None
    )


def _reference_files(case: Path) -> list[Path]:
    return sorted(
        p
        for p in [*case.rglob("*.nii.gz"), *case.rglob("*.stl")]
        if _stem(p) not in ("ct", COMBINED, OWN_LESIONS)
    )


def _stem(path: Path) -> str:
    return path.name.removesuffix(".nii.gz").removesuffix(".stl")
