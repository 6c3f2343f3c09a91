"""Grids that measures must be exact on."""

import numpy as np
import pytest

from eval.phantoms import grid

GRIDS = {
    "isotropic": grid((80, 80, 80), 1.0),
    "thick slices": grid((90, 90, 26), (0.9, 0.9, 3.0), "LPS"),
    "oblique": grid((84, 76, 60), (0.9, 1.1, 1.5), "RAS", (14, -11, 18)),
    "sagittal file": grid((40, 70, 88), (2.0, 1.2, 0.9), "RSP"),
    "oblique, axial first": grid((60, 88, 80), (1.4, 0.9, 1.1), "SLA", (-9, 12, 7)),
}


@pytest.fixture(params=list(GRIDS))
def geometry(request):
    return GRIDS[request.param]


@pytest.fixture
def diagonal():
    """diagonal(geometry, axes=all): the diagonal in mm of a voxel, or of its face in a plane."""

    def of(geometry, plane=None):
        axes = [axis for axis in range(3) if plane is None or axis != plane]
        return float(np.linalg.norm(np.array(geometry.spacing)[axes]))

    return of


@pytest.fixture
def normal():
    """normal(geometry): the unit normal of its axial slices, RAS+."""

    def of(geometry):
        axes = [axis for axis in range(3) if axis != geometry.axial_axis]
        vector = np.cross(*geometry.affine[:3, axes].T)
        return vector / np.linalg.norm(vector)

    return of
