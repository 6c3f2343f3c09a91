"""The walker on grids whose answer is known."""

import numpy as np
import pytest

from assistant.walker import walk

EVEN = np.full((9, 9, 9), 0.5, np.float32)


def seeds(*places):
    found = np.zeros((9, 9, 9), bool)
    for place in places:
        found[place] = True
    return found


def test_an_edge_divides():
    hu = np.zeros((9, 9, 9), np.float32)
    hu[6:] = 200
    found = walk(hu, EVEN, seeds((1, 4, 4)), seeds((8, 4, 4)), np.ones(hu.shape, bool), (1, 1, 1))
    assert found[:6].mean() > 0.95
    assert not found[6:].any()


def test_without_edges_the_middle_divides():
    hu = np.zeros((9, 9, 9), np.float32)
    first, last = seeds(0), seeds(8)
    found = walk(hu, EVEN, first, last, np.ones(hu.shape, bool), (1, 1, 1))
    assert found[:4].all()
    assert not found[5:].any()


def test_the_prior_decides_where_seeds_say_nothing():
    hu = np.zeros((9, 9, 9), np.float32)
    prior = np.where(np.arange(9) < 5, 0.95, 0.05).astype(np.float32)[:, None, None] * np.ones_like(hu)
    found = walk(hu, prior, seeds((0, 4, 4)), seeds(), np.ones(hu.shape, bool), (5, 5, 5))
    assert found[:4].all()
    assert not found[6:].any()


def test_nothing_beyond_what_is_allowed_and_connected():
    hu = np.zeros((9, 9, 9), np.float32)
    allowed = np.ones(hu.shape, bool)
    allowed[4] = False
    found = walk(hu, np.full_like(hu, 0.9), seeds((0, 4, 4)), seeds(), allowed, (1, 1, 1))
    assert found[:4].all()
    assert not found[4:].any()


@pytest.mark.parametrize("nothing", ["no seed inside", "no free voxel"])
def test_the_ends_of_the_range(nothing):
    hu, everywhere = np.zeros((9, 9, 9), np.float32), np.ones((9, 9, 9), bool)
    if nothing == "no seed inside":
        assert not walk(hu, EVEN, seeds(), seeds(0), everywhere, (1, 1, 1)).any()
    else:
        assert walk(hu, EVEN, everywhere, seeds(), everywhere, (1, 1, 1)).all()
