"""Zip archives of a DICOM study, unpacked with limits."""

from __future__ import annotations

import errno
import lzma
import tempfile
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path, PurePosixPath

from assistant.study import dicom, limits
from assistant.study.series import MAX_FILES
from assistant.study.study import Loaded
from encoders.errors import BodyMapsError

_CHUNK = 1 << 20
DAMAGED = "not a readable zip archive; it is damaged or truncated"
UNKNOWN = "the archive is compressed in a way that cannot be read, or damaged; unpack it and open the folder"


def read(path: Path) -> Loaded:
    """Raises BodyMapsError when the archive is damaged, locked, unsafe or holds no CT series."""
    unpacked = tempfile.TemporaryDirectory(prefix="bodymaps-")
    try:
        _unpack(path, Path(unpacked.name))
        return replace(dicom.read(Path(unpacked.name), shown=path), unpacked=unpacked)
    except BaseException:
        unpacked.cleanup()
        raise


def _unpack(path: Path, folder: Path) -> None:
    """The DICOM files of an archive, under plain numbers: no name out of the archive becomes a path."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            _check(path, entries)
            left = limits.MAX_BYTES
            for number, entry in enumerate(entries):
                with archive.open(entry) as stream:
                    head = stream.read(132)
                    if head[128:] != b"DICM":
                        continue
                    with open(folder / f"{number:06d}.dcm", "wb") as out:
                        left -= out.write(head)
                        while chunk := stream.read(_CHUNK):  # sizes in an archive's index can lie
                            left -= out.write(chunk)
                            if left < 0:
                                raise BodyMapsError(f"{path}: the archive unpacks to too much for a CT")
    except OSError as error:
        raise BodyMapsError(f"{path}: {_trouble(error, folder)}") from error
    except NotImplementedError as error:  # or a damaged index that names such a method
        raise BodyMapsError(f"{path}: {UNKNOWN}") from error
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, UnicodeDecodeError) as error:
        raise BodyMapsError(f"{path}: {DAMAGED}") from error


def _trouble(error: OSError, folder: Path) -> str:
    """What kept an archive from being unpacked into `folder`."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"no room to unpack it: make room in {folder.parent}"
    if error.errno in (
        None,
        errno.EINVAL,
    ):  # damaged data have no number, or are sought at an offset that is none
        return DAMAGED
    return f"cannot be read: {error.strerror}"


def _check(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    """Refuse what no honest archive of a study has, before anything is unpacked."""
    if len(entries) > MAX_FILES:
        raise BodyMapsError(f"{path}: the archive has {len(entries)} files, more than {MAX_FILES}")
    for entry in entries:
        name = PurePosixPath(entry.filename.replace("\\", "/"))
        if name.is_absolute() or ".." in name.parts or ":" in "".join(name.parts[:1]):
            raise BodyMapsError(f"{path}: the archive is unsafe: it names files outside itself")
        if entry.flag_bits & 0x1:
            raise BodyMapsError(f"{path}: the archive has a password; unpack it and open the folder")
    unpacked = sum(entry.file_size for entry in entries)
    limits.check(path, unpacked, sum(entry.compress_size for entry in entries), "archive")
