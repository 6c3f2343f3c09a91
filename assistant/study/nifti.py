"""NIfTI-1 and NIfTI-2 files, plain or gzipped."""

from __future__ import annotations

import gzip
import struct
import zlib
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from assistant.study import limits
from assistant.study.study import Loaded
from encoders.errors import BodyMapsError

if TYPE_CHECKING:
    import nibabel as nib

_AGAIN = "copy or download the file again"
_SIZES = {348: "Nifti1Header", 540: "Nifti2Header"}


def read(path: Path) -> Loaded:
    """Raises BodyMapsError when the file is no NIfTI image, is truncated or is damaged."""
    from isal import igzip, isal_zlib

    try:
        with open(path, "rb") as file:
            gzipped = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            if not gzipped:
                return _read(path, file)
            with igzip.open(file, "rb") as unpacked:
                return _read(path, unpacked)
    except EOFError as error:
        raise BodyMapsError(f"{path}: the gzip data end too early; {_AGAIN}") from error
    except (zlib.error, isal_zlib.error, gzip.BadGzipFile) as error:  # type: ignore[misc]
        raise BodyMapsError(f"{path}: the gzip data are damaged; {_AGAIN}") from error
    except OSError as error:
        raise BodyMapsError(f"{path}: cannot be read: {error.strerror or error}") from error


def looks_like(path: Path) -> bool:
    """True when an uncompressed file begins as NIfTI does."""
    with open(path, "rb") as file:
        return _header_size(file.read(4)) is not None


def _read(path: Path, stream: BinaryIO) -> Loaded:
    from nibabel.spatialimages import HeaderDataError

    try:
        header, begun = _header(path, stream)
        shape, dtype = tuple(int(n) for n in header.get_data_shape()), header.get_data_dtype()
        slope, intercept = header.get_slope_inter()
        affine, offset = header.get_best_affine(), int(header.get_data_offset())
    except (HeaderDataError, ValueError, OverflowError, IndexError) as error:
        if isinstance(error, BodyMapsError):
            raise
        raise BodyMapsError(f"{path}: the NIfTI header is damaged ({error})") from error
    if not shape or min(shape) < 1:
        raise BodyMapsError(f"{path}: the image has no slices (its shape is {shape})")
    limits.check(path, prod(shape) * dtype.itemsize, path.stat().st_size)
    if offset - begun > limits.SMALL_BYTES:
        raise BodyMapsError(f"{path}: the NIfTI header is damaged (its pixels begin at byte {offset})")
    _fill(path, stream, np.empty(max(0, offset - begun), dtype=np.uint8))
    pixels = np.empty(prod(shape), dtype=dtype)
    _fill(path, stream, pixels.view(np.uint8))
    stream.read(1)  # at the end of a gzip file: checks its checksum
    warnings = []
    if header["sform_code"] == 0 and header["qform_code"] == 0:
        warnings.append("The file does not say how the patient lies in it: left and right may be swapped.")
    return Loaded(
        pixels=pixels.astype(dtype.newbyteorder("="), copy=False).reshape(shape, order="F"),
        affine=affine,
        slope=1.0 if slope is None else float(slope),
        intercept=0.0 if intercept is None else float(intercept),
        warnings=tuple(warnings),
        facts={"format": "NIfTI"},
        header=header,
    )


def _header(path: Path, stream: BinaryIO) -> tuple[nib.nifti1.Nifti1Header, int]:
    """The header, and how many bytes of the stream it took."""
    import nibabel as nib

    first = stream.read(4)
    size = _header_size(first)
    if size is None:
        raise BodyMapsError(f"{path}: not a NIfTI image")
    block = first + stream.read(size - 4)
    if len(block) < size:
        raise BodyMapsError(f"{path}: the file ends within its header; {_AGAIN}")
    kind = nib.nifti1.Nifti1Header if size == 348 else nib.nifti2.Nifti2Header
    header = kind(block, check=False)
    if header["magic"].item() not in (b"n+1", b"n+2"):
        raise BodyMapsError(f"{path}: not a single-file NIfTI image (an Analyze or .hdr/.img pair?)")
    return header, size


def _header_size(first: bytes) -> int | None:
    """The header's size, which is the first number of a NIfTI file, in either byte order."""
    if len(first) < 4:
        return None
    return next((n for order in "<>" for n in struct.unpack(f"{order}i", first) if n in _SIZES), None)


def _fill(path: Path, stream: BinaryIO, buffer: np.ndarray) -> None:
    """Read exactly the buffer's bytes."""
    view, done = buffer.data, 0
    while done < len(view):
        count = stream.readinto(view[done:])  # type: ignore[attr-defined]
        if not count:
            raise BodyMapsError(
                f"{path}: the file is truncated ({done} of {len(view)} bytes of pixels); {_AGAIN}"
            )
        done += count
