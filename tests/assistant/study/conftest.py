"""A small phantom CT."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from encoders.volume import Volume
from eval.phantoms import Ellipsoid, grid, paint

BODY = Ellipsoid((4, -3, 5), (22, 18, 30))
ORGAN = Ellipsoid((-4, 4, 0), (8, 7, 9), (10, 20, 30))


@pytest.fixture
def ct() -> Volume:
    """A body with an organ, on a small grid as DICOM lays it out."""
    return paint(grid((52, 48, 20), (1.1, 1.2, 3.0), "LPS", centre=(3, -2, 7)), [(BODY, 20), (ORGAN, 120)])


@pytest.fixture
def organ_centre():
    """organ_centre(volume): where the bright organ is, RAS+ mm."""

    def of(volume: Volume) -> np.ndarray:
        return volume.geometry.to_world(np.argwhere(volume.hu > 70).mean(axis=0))

    return of


@pytest.fixture
def body_and_organ():
    return [(BODY, 20), (ORGAN, 120)]


@pytest.fixture
def refuse(monkeypatch):
    """refuse(path): the system will not say what is there, as in a folder of somebody else's."""
    stat = os.stat

    def refused(path):
        def guarded(given, *args, **options):
            if not isinstance(given, int) and Path(given) == path:
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return stat(given, *args, **options)

        monkeypatch.setattr(os, "stat", guarded)

    return refused
