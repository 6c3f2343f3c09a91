"""Masks as NIfTI on the study's own grid."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from assistant.study.study import Study
from encoders.errors import BodyMapsError
from encoders.files import replacing
from encoders.segmenters.base import Mask

if TYPE_CHECKING:
    import nibabel as nib

_GRID_FIELDS = (
    *("qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d"),
    *("qoffset_x", "qoffset_y", "qoffset_z", "srow_x", "srow_y", "srow_z"),
)
_SCANNER = 1


def save_mask(mask: Mask | npt.NDArray, study: Study, path: str | Path) -> Path:
    """One structure as uint8, 1 inside and 0 outside, to .nii or .nii.gz."""
    return save_array((mask.full() if isinstance(mask, Mask) else mask != 0).astype(np.uint8), study, path)


def save_array(array: npt.NDArray, study: Study, path: str | Path) -> Path:
    """A label array of the study's shape, with the sform and qform that the source had.

    The file appears whole or not at all. Raises BodyMapsError when the shape differs or the folder cannot be
    written.
    """
    path = Path(path)
    data = nifti_bytes(array, study, path.suffix == ".gz")
    with replacing(path) as temporary:
        temporary.write_bytes(data)
    return path


def nifti_bytes(array: npt.NDArray, study: Study, gzipped: bool) -> bytes:
    """What `save_array` writes. Raises BodyMapsError when the shape differs."""
    import nibabel as nib
    from isal import igzip

    if array.shape != study.volume.shape:
        raise BodyMapsError(f"The mask has shape {array.shape}, the study {study.volume.shape}.")
    header = _header(study)
    header.set_data_shape(array.shape)
    header.set_data_dtype(array.dtype)
    data = nib.nifti1.Nifti1Image(array, None, header).to_bytes()
    return igzip.compress(data, compresslevel=1) if gzipped else data


def _header(study: Study) -> nib.nifti1.Nifti1Header:
    """A fresh header, without the source's texts, that places voxels as the source does."""
    import nibabel as nib

    header = nib.nifti1.Nifti1Header()
    header.set_data_shape(study.volume.shape)
    if study.header is None:
        header.set_sform(study.volume.geometry.affine, code=_SCANNER)
        header.set_qform(study.volume.geometry.affine, code=_SCANNER)
    else:
        for name in _GRID_FIELDS:
            header[name] = study.header[name]
        header["pixdim"][:4] = study.header["pixdim"][:4]
    header.set_xyzt_units("mm")
    return header
