"""One mask a lesion."""

import numpy as np
import pytest

from assistant.measure import components, measure
from encoders.geometry import Axes
from encoders.segmenters.base import Mask
from eval.phantoms import Ellipsoid, grid, rasterise

BALLS = [
    Ellipsoid((-20, 0, 0), (5, 5, 5)),
    Ellipsoid((15, 5, 0), (9, 9, 9)),
    Ellipsoid((0, -15, 8), (3, 3, 3)),
]


@pytest.fixture
def mask(geometry):
    return Mask.from_full("liver_tumor", sum(rasterise(ball, geometry) for ball in BALLS) > 0, 0.7)


def test_largest_first_and_nothing_lost(mask, geometry):
    found = components(mask, geometry)
    assert [piece.voxel_count for piece in found] == [rasterise(BALLS[n], geometry).sum() for n in (1, 0, 2)]
    assert np.array_equal(sum(piece.full() for piece in found) > 0, mask.full())
    assert {(piece.structure, piece.confidence) for piece in found} == {("liver_tumor", 0.7)}
    assert measure("count", mask, geometry).value == 3


def test_array_gives_the_same_pieces(mask, geometry):
    for piece, other in zip(components(mask, geometry), components(mask.full(), geometry), strict=True):
        assert np.array_equal(piece.full(), other.full())


def test_empty():
    geometry = grid((4, 4, 4))
    assert components(np.zeros(geometry.shape, bool), geometry) == []


def test_equal_lesions_keep_their_order_when_the_file_is_mirrored():
    geometry = grid((40, 20, 20))
    mask = np.zeros(geometry.shape, bool)
    for start in (3, 15, 30):
        mask[start : start + 4, 8:12, 8:12] = True
    mirror = Axes((1, 0, 2), (True, True, False))
    moved = mirror.apply_geometry(geometry)

    def centres(pieces, grid_of):
        return [grid_of.to_world(piece.box.centre) for piece in pieces]

    assert np.allclose(
        centres(components(mask, geometry), geometry), centres(components(mirror.apply(mask), moved), moved)
    )
