"""A CT that was opened: its pixels, its grid, where it came from and what is odd about it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from encoders.volume import Volume

if TYPE_CHECKING:
    import nibabel as nib

Fact = str | float


@dataclass(frozen=True, eq=False)
class Study:
    """One CT study. Holds no patient name, number or date.

    volume: HU on the file's own grid (DICOM: on the grid of the NIfTI it is converted to).
    source: the path it was opened from; name: its last part without the endings.
    warnings: sentences for the user about this study.
    facts: what the file says of the scan: format, modality, series, slice_thickness_mm, kernel, kvp, ...;
        only those that it does say.
    header: a NIfTI header with the grid as the source wrote it; None when the source was no NIfTI.
    dicom_files: the files of the series that was converted; empty when the source was no DICOM.
    """

    volume: Volume
    source: Path
    name: str
    warnings: tuple[str, ...] = ()
    facts: Mapping[str, Fact] = field(default_factory=dict)
    header: nib.nifti1.Nifti1Header | None = None
    dicom_files: tuple[Path, ...] = ()
    unpacked: Any = field(default=None, repr=False)
    """Keeps the temporary folder of an unpacked archive until the study is gone."""

    @cached_property
    def fingerprint(self) -> str:
        """A hash of pixels and grid: equal for equal scans, wherever their files are."""
        geometry = self.volume.geometry
        digest = hashlib.blake2b(digest_size=16)
        digest.update(f"{geometry.shape} {self.volume.hu.dtype}".encode())
        digest.update(np.round(geometry.affine, 4).tobytes())
        digest.update(np.ascontiguousarray(self.volume.hu.T).data)  # NIfTI's own order: no copy
        return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Loaded:
    """What a format's reader gives: pixels as stored, made HU by `slope * pixels + intercept`.

    pixels: array of numbers, two or more axes; affine: (4, 4) voxel to RAS+ mm.
    """

    pixels: np.ndarray
    affine: np.ndarray
    slope: float = 1.0
    intercept: float = 0.0
    warnings: tuple[str, ...] = ()
    facts: Mapping[str, Fact] = field(default_factory=dict)
    header: nib.nifti1.Nifti1Header | None = None
    dicom_files: tuple[Path, ...] = ()
    unpacked: Any = None
