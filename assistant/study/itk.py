"""MetaImage (.mha, .mhd) and NRRD files, through SimpleITK."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from assistant.study import limits
from assistant.study.study import Loaded
from encoders.errors import BodyMapsError

NRRD = (".nrrd", ".nhdr")
LONGEST_HEADER = 2**20
_NAME = re.compile(r"(?!\.)[^/\\:%*?\x00-\x1f]+")
"""A file's plain name: no folder, no pattern."""


def read(path: Path) -> Loaded:
    """Raises BodyMapsError when the file is no image or is damaged."""
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    reader = sitk.ImageFileReader()
    reader.SetImageIO("NrrdImageIO" if path.suffix.lower() in NRRD else "MetaImageIO")
    reader.SetFileName(str(path))
    parts = [path, *(path.parent / name for name in _beside(path))]
    try:
        if missing := [part.name for part in parts if not part.is_file()]:
            raise BodyMapsError(f"{path}: there is no {missing[0]} beside it, which holds its pixels")
        reader.ReadImageInformation()
        size, components = reader.GetSize(), reader.GetNumberOfComponents()
        if components != 1:
            raise BodyMapsError(f"{path}: each pixel has {components} numbers, a CT has one")
        if min(size) < 1:
            raise BodyMapsError(f"{path}: the image has no slices (its shape is {tuple(size)})")
        limits.check(path, float(np.prod(size, dtype=float)) * 2, sum(f.stat().st_size for f in parts))
        image = reader.Execute()
    except RuntimeError as error:
        raise BodyMapsError(
            f"{path}: not a readable image; it is damaged, truncated or of another format"
        ) from error
    unplaced = path.suffix.lower() in NRRD and not reader.HasMetaDataKey("NRRD_space")
    return Loaded(
        pixels=sitk.GetArrayFromImage(image).T,  # SimpleITK gives (k, j, i)
        affine=_affine(image),
        warnings=("The file does not say how the patient lies in it: left and right may be swapped.",)
        if unplaced
        else (),
        facts={"format": "NRRD" if path.suffix.lower() in NRRD else "MetaImage"},
    )


def _beside(path: Path) -> list[str]:
    """The files with the pixels, beside a header; none when they are in the file itself.

    Raises BodyMapsError for a file in another folder: whoever sends a header could have us read any file.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(LONGEST_HEADER).decode("latin-1")
    except OSError as error:
        raise BodyMapsError(f"{path}: cannot be read: {error.strerror or error}") from error
    if path.suffix.lower() in NRRD:
        head, ended, _ = head.replace("\r\n", "\n").partition("\n\n")
        named = re.findall(r"^\s*data ?file\s*:\s*(.*?)\s*$", head, re.IGNORECASE | re.MULTILINE)
        whole = bool(ended) or path.stat().st_size <= LONGEST_HEADER
    else:
        named = re.findall(r"^\s*ElementDataFile\s*[=:]\s*(.*?)\s*$", head, re.IGNORECASE | re.MULTILINE)[:1]
        whole = bool(named)
    if not whole:
        raise BodyMapsError(f"{path}: not a readable image; it is damaged, truncated or of another format")
    outside = [name for name in named if name.upper() != "LOCAL" and not _NAME.fullmatch(name)]
    if outside or any(name.upper().startswith("LIST") for name in named):
        raise BodyMapsError(f"{path}: its pixels must lie in one file beside it, or in the file itself")
    return [name for name in named if name.upper() != "LOCAL"]


def _affine(image: object) -> np.ndarray:
    """(4, 4) voxel to RAS+ mm; ITK's own frame is LPS+. More than three axes: the first three."""
    axes = image.GetDimension()  # type: ignore[attr-defined]
    direction = np.reshape(image.GetDirection(), (axes, axes))  # type: ignore[attr-defined]
    affine = np.eye(4)
    n = min(axes, 3)
    affine[:n, :n] = (direction * image.GetSpacing())[:n, :n]  # type: ignore[attr-defined]
    affine[:n, 3] = image.GetOrigin()[:n]  # type: ignore[attr-defined]
    affine[:2] *= -1
    return affine
