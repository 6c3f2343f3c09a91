"""Fixtures that all tests share: a phantom trunk, and a segmenter that knows its solids exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest

from assistant.session import Session
from assistant.study import Study
from encoders.geometry import Geometry
from eval.oracle import Oracle
from eval.phantoms import Block, Ellipsoid, Solid, Tube, grid, paint

TRUNK: dict[str, tuple[Solid, float]] = {
    "liver": (Ellipsoid((45, 5, 20), (45, 40, 40)), 110),
    "spleen": (Ellipsoid((-65, -20, 30), (20, 18, 30)), 120),
    "kidney_right": (Ellipsoid((45, -45, -40), (18, 16, 34)), 150),
    "kidney_left": (Ellipsoid((-45, -45, -38), (20, 17, 36)), 150),
    "pancreas": (Block((-5, 10, -20), (100, 18, 24)), 90),
    "aorta": (Tube((-6, -40, -90), (-6, -40, 90), 22), 160),
    "inferior_vena_cava": (Tube((20, -35, -90), (20, -35, 90), 20), 130),
    "gallbladder": (Ellipsoid((38, 35, -5), (9, 12, 9)), 10),
}
"""Where the organs of the phantom are, RAS+ mm, and their HU."""

TUMOR: tuple[Solid, float] = (Ellipsoid((-42, 10, -20), (9, 7, 8)), 45)
"""In the tail of the pancreas: its longest axial diameter is 18 mm."""


def trunk_geometry(**options: object) -> Geometry:
    return grid((100, 80, 70), (2.0, 2.0, 2.5), **options)


def trunk(geometry: Geometry | None = None, tumor: bool = True) -> Study:
    """The phantom trunk on a grid."""
    solids = [(Ellipsoid((0, 0, 0), (98, 78, 400)), 20.0), *TRUNK.values(), *([TUMOR] if tumor else [])]
    return Study(paint(geometry or trunk_geometry(), solids), Path("phantom.nii.gz"), "phantom")


ORGANS: dict[str, Solid] = {name: solid for name, (solid, _) in TRUNK.items()}


@pytest.fixture
def study() -> Study:
    return trunk()


@pytest.fixture
def make_study() -> Callable[..., Study]:
    """make_study(geometry=None, tumor=True): the phantom trunk."""
    return trunk


@pytest.fixture
def make_geometry() -> Callable[..., Geometry]:
    """make_geometry(**options of eval.phantoms.grid): the grid of the phantom trunk."""
    return trunk_geometry


@pytest.fixture
def make_segmenter() -> Callable[..., Oracle]:
    """make_segmenter(extra solids by id, absent=ids): knows the organs of the phantom and these."""

    def make(extra: Mapping[str, Solid] | None = None, absent: Iterable[str] = ()) -> Oracle:
        return Oracle(ORGANS | dict(extra or {}), frozenset(absent), "phantom")

    return make


@pytest.fixture
def segmenter() -> Oracle:
    """Knows the organs of the phantom and its tumour."""
    return Oracle(ORGANS | {"pancreas_tumor": TUMOR[0]}, name="phantom")


@pytest.fixture
def organs_only() -> Oracle:
    """Knows the organs, cannot look for tumours."""
    return Oracle(ORGANS, name="phantom")


@pytest.fixture
def session(study: Study, segmenter: Oracle) -> Session:
    return Session(study, segmenter)  # type: ignore[arg-type]
