"""Opening a study: pick the reader, check what it read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from assistant.study import archive, dicom, itk, nifti
from assistant.study.intensities import oddness, to_hu
from assistant.study.series import is_dicom
from assistant.study.study import Loaded, Study
from encoders.errors import BodyMapsError
from encoders.geometry import Geometry
from encoders.segmenters.base import Progress
from encoders.volume import Volume

FORMATS = ".nii, .nii.gz, .mha, .nrrd, a DICOM folder or a .zip of one"

_READERS: dict[str, Callable[[Path], Loaded]] = {
    ".nii": nifti.read,
    ".nii.gz": nifti.read,
    ".mha": itk.read,
    ".mhd": itk.read,
    ".nrrd": itk.read,
    ".nhdr": itk.read,
    ".zip": archive.read,
}
SPACING_MM = (0.1, 20.0)


def open_study(path: str | Path, progress: Progress | None = None) -> Study:
    """Open a CT: .nii, .nii.gz, .mha, .mhd, .nrrd, a DICOM folder, a .zip of one, or one multi-frame DICOM.

    Raises BodyMapsError, one line, when there is no such file or it is no three-dimensional CT.
    """
    source = Path(path).expanduser()
    try:
        source.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise BodyMapsError(f"{source}: no such file or folder") from error
    except OSError as error:
        raise BodyMapsError(f"{source}: cannot be read: {error.strerror}") from error
    report = progress or (lambda fraction, what: None)
    report(0.0, "reading the study")
    loaded = _reader(source)(source)
    report(0.7, "checking the pixels")
    try:
        volume = _volume(loaded)
    except BodyMapsError as error:
        raise BodyMapsError(f"{source}: {error}") from error
    study = Study(
        volume=volume,
        source=source,
        name=_name(source),
        warnings=(*loaded.warnings, *_doubts(volume)),
        facts=loaded.facts,
        header=loaded.header,
        dicom_files=loaded.dicom_files,
        unpacked=loaded.unpacked,
    )
    report(1.0, "the study is open")
    return study


def _reader(source: Path) -> Callable[[Path], Loaded]:
    """By the name's ending, and where it says nothing by how the file begins."""
    if source.is_dir():
        return dicom.read
    ending = _ending(source)
    if ending in _READERS:
        return _READERS[ending]
    try:
        if is_dicom(source):
            return dicom.read
        if nifti.looks_like(source):
            return nifti.read
    except OSError as error:
        raise BodyMapsError(f"{source}: cannot be read: {error.strerror or error}") from error
    raise BodyMapsError(f"{source}: not a CT image; give {FORMATS}")


def _volume(loaded: Loaded) -> Volume:
    """Hounsfield units on a checked three-dimensional grid."""
    pixels = loaded.pixels
    if 0 in pixels.shape:
        raise BodyMapsError(f"the image has no slices (its shape is {pixels.shape})")
    while pixels.ndim > 3 and pixels.shape[-1] == 1:
        pixels = pixels[..., 0]
    if pixels.ndim > 3:
        raise BodyMapsError(f"the image has {pixels.ndim} axes {pixels.shape}: give one volume of the series")
    if pixels.ndim < 3 or 1 in pixels.shape:
        raise BodyMapsError(f"the image is a single slice {pixels.shape}: give the whole volume")
    geometry = Geometry(pixels.shape, loaded.affine)
    return Volume(to_hu(pixels, loaded.slope, loaded.intercept), geometry)


def _doubts(volume: Volume) -> list[str]:
    """What the user should know before trusting an answer."""
    doubts, spacing = [], volume.geometry.spacing
    if odd := oddness(volume.hu):
        doubts.append(f"The intensities do not look like Hounsfield units ({odd}): masks may be wrong.")
    if min(spacing) < SPACING_MM[0] or max(spacing) > SPACING_MM[1]:
        doubts.append(f"The voxel spacing {_times(spacing)} mm is implausible: sizes may be wrong.")
    cosines = volume.geometry.affine[:3, :3] / spacing
    if np.abs(cosines.T @ cosines - np.eye(3)).max() > 0.01:
        doubts.append("The slices are sheared, as by a tilted gantry: lengths are right, masks may be worse.")
    return doubts


def _ending(source: Path) -> str:
    name = source.name.lower()
    return ".nii.gz" if name.endswith(".nii.gz") else source.suffix.lower()


def _name(source: Path) -> str:
    name = source.resolve().name
    ending = _ending(source) if source.is_file() else ""
    return name[: len(name) - len(ending)] or name


def _times(numbers: tuple[float, ...]) -> str:
    return " x ".join(f"{number:g}" for number in numbers)
