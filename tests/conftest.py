"""Fixtures that all tests share: a phantom trunk, and a segmenter that knows its solids exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from assistant.session import Session
from assistant.study import Study
from encoders.errors import BodyMapsError
from encoders.geometry import Geometry
from encoders.segmenters.base import Mask, Progress, Quality
from encoders.volume import Volume
from eval.phantoms import Block, Ellipsoid, Solid, Tube, grid, paint, rasterise

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


@dataclass
class PhantomSegmenter:
    """Draws solids. `asked` keeps what it was asked for, so that tests can see what was reused."""

    solids: Mapping[str, Solid]
    absent: frozenset[str] = frozenset()
    name: str = "phantom"
    asked: list[str] = field(default_factory=list)

    def supported(self) -> frozenset[str]:
        return frozenset(self.solids) | self.absent

    def quality(self, structure: str) -> Quality:
        return Quality("validated", 0.95, 3) if structure in self.supported() else Quality("unsupported")

    def segment(
        self, volume: Volume, structures: Sequence[str], progress: Progress | None = None
    ) -> dict[str, Mask]:
        unknown = [s for s in structures if s not in self.supported()]
        if unknown:
            raise BodyMapsError(f"the phantom has no {', '.join(unknown)}")
        masks = {}
        for n, structure in enumerate(structures, start=1):
            self.asked.append(structure)
            solid = self.solids.get(structure)
            full = rasterise(solid, volume.geometry) if solid else np.zeros(volume.shape, dtype=bool)
            masks[structure] = Mask.from_full(structure, full, 0.9)
            if progress:
                progress(n / len(structures), structure)
        return masks


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
def make_segmenter() -> Callable[..., PhantomSegmenter]:
    """make_segmenter(extra solids by id, absent=ids): knows the organs of the phantom and these."""

    def make(extra: Mapping[str, Solid] | None = None, absent: Iterable[str] = ()) -> PhantomSegmenter:
        return PhantomSegmenter(ORGANS | dict(extra or {}), frozenset(absent))

    return make


@pytest.fixture
def segmenter() -> PhantomSegmenter:
    """Knows the organs of the phantom and its tumour."""
    return PhantomSegmenter(ORGANS | {"pancreas_tumor": TUMOR[0]})


@pytest.fixture
def organs_only() -> PhantomSegmenter:
    """Knows the organs, cannot look for tumours."""
    return PhantomSegmenter(ORGANS)


@pytest.fixture
def session(study: Study, segmenter: PhantomSegmenter) -> Session:
    return Session(study, segmenter)  # type: ignore[arg-type]
