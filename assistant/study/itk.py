"""MetaImage (.mha, .mhd) and NRRD files, through SimpleITK."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from assistant.study.nifti import MAX_BYTES
from assistant.study.study import Loaded
from encoders.errors import BodyMapsError


def read(path: Path) -> Loaded:
    """Raises BodyMapsError when the file is no image or is damaged."""
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
        size, components = reader.GetSize(), reader.GetNumberOfComponents()
        if components != 1:
            raise BodyMapsError(f"{path}: each pixel has {components} numbers, a CT has one")
        if min(size) < 1:
            raise BodyMapsError(f"{path}: the image has no slices (its shape is {tuple(size)})")
        if float(np.prod(size, dtype=float)) * 8 > MAX_BYTES:
            raise BodyMapsError(f"{path}: an image of shape {tuple(size)} is too large to be a CT")
        image = reader.Execute()
    except RuntimeError as error:
        raise BodyMapsError(
            f"{path}: not a readable image; it is damaged, truncated or of another format"
        ) from error
    unplaced = path.suffix.lower() in (".nrrd", ".nhdr") and not reader.HasMetaDataKey("NRRD_space")
    return Loaded(
        pixels=sitk.GetArrayFromImage(image).T,  # SimpleITK gives (k, j, i)
        affine=_affine(image),
        warnings=("The file does not say how the patient lies in it: left and right may be swapped.",)
        if unplaced
        else (),
        facts={"format": "NRRD" if path.suffix.lower() in (".nrrd", ".nhdr") else "MetaImage"},
    )


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
