"""How much a file may unpack to. Nothing that scans a body makes more; a bomb packs a thousandfold."""

from __future__ import annotations

from pathlib import Path

from encoders.errors import BodyMapsError

MAX_BYTES = 16 * 2**30
MAX_RATIO = 200
"""Unpacked over packed size. CT rarely packs tenfold."""
SMALL_BYTES = 64 * 2**20
"""What unpacks to less than this is harmless at any ratio."""


def check(path: Path, unpacked: float, packed: int, what: str = "image") -> None:
    """Raises BodyMapsError when `packed` bytes promise more than an honest file unpacks to."""
    if unpacked > MAX_BYTES:
        raise BodyMapsError(f"{path}: the {what} unpacks to {unpacked / 2**30:.1f} GB, too much for a CT")
    if unpacked > SMALL_BYTES and unpacked > MAX_RATIO * max(1, packed):
        raise BodyMapsError(
            f"{path}: the {what} promises {unpacked / 2**20:.0f} MB out of {packed / 2**20:.2f} MB, too much for a CT: "
            "it is cut off or damaged; copy or download it again"
        )
