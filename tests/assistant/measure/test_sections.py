"""Connected pieces against scipy's, on ragged masks as a model makes them."""

import numpy as np
import pytest
from scipy import ndimage

from assistant.measure.components import components
from assistant.measure.measure import measure
from assistant.measure.sections import pieces
from encoders.geometry import Geometry


def ragged(shape, seed):
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 1.0)
    return noise > np.quantile(noise, 0.8)


@pytest.mark.parametrize("shape", [(56, 61), (24, 26, 22)])
@pytest.mark.parametrize("seed", range(12))
def test_pieces_are_those_of_scipy(shape, seed):
    mask = ragged(shape, seed)
    _, expected = ndimage.label(mask, np.ones((3,) * len(shape)))
    again = np.zeros(shape, bool)
    found = 0
    for start, piece in pieces(mask):
        found += 1
        place = tuple(slice(a, a + n) for a, n in zip(start, piece.shape, strict=True))
        assert not (again[place] & piece).any()
        again[place] |= piece
    assert found == expected
    assert (again == mask).all()


@pytest.mark.parametrize("seed", range(4))
def test_ragged_masks_can_be_counted_and_measured(seed):
    mask = ragged((40, 44, 20), seed)
    geometry = Geometry(mask.shape, np.diag([1.0, 1.0, 2.0, 1.0]))
    _, expected = ndimage.label(mask, np.ones((3, 3, 3)))
    assert len(components(mask, geometry)) == expected
    assert measure("count", mask, geometry).value == expected
    assert measure("longest_diameter", mask, geometry).value > 0
    assert measure("short_axis", mask, geometry).value > 0
