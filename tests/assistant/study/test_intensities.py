"""Stored numbers to Hounsfield units."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from assistant.study.intensities import oddness, to_hu
from eval.phantoms import Ellipsoid, grid, paint

INTEGERS = [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64]


@settings(deadline=None)
@given(
    st.sampled_from(INTEGERS).flatmap(lambda dtype: arrays(dtype, (3, 2, 2))),
    st.sampled_from([1, 2, -1, 0.5, 1.25]),
    st.sampled_from([0, -1024, 0.5]),
)
def test_integers_keep_their_values(pixels, slope, intercept):
    hu = to_hu(pixels, slope, intercept)
    exact = pixels.astype(np.float64) * slope + intercept
    if hu.dtype == np.int16:
        assert np.array_equal(hu, exact)
    else:
        assert hu.dtype == np.float32
        assert np.allclose(hu, exact, rtol=1e-6, atol=1e-3)
    fits = (exact == np.rint(exact)).all() and exact.min() >= -32768 and exact.max() <= 32767
    assert (hu.dtype == np.int16) == fits


@settings(deadline=None)
@given(arrays(np.float32, (3, 2, 2), elements=st.floats(-2000, 3000, width=32)))
def test_floats_are_int16_only_where_nothing_is_lost(pixels):
    hu = to_hu(pixels, 1.0, 0.0)
    assert np.array_equal(hu, pixels)
    assert (hu.dtype == np.int16) == bool((pixels == np.rint(pixels)).all())


@pytest.fixture
def body():
    return paint(grid((40, 40, 40), 2.0), [(Ellipsoid((0, 0, 0), (35, 25, 60)), 30)], noise=12).hu


def test_a_body_is_not_odd(body):
    assert oddness(body) is None
    assert oddness(body[15:25, 15:25, 15:25]) is None  # all tissue, no air
    assert oddness(np.where(body < -900, -3024, body)) is None  # padding outside the circle


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda hu: np.clip((hu + 1000) / 2000, 0, 1), "nothing below 0"),
        (lambda hu: np.clip((hu + 160) / 400 * 255, 0, 255).astype(np.uint8), "nothing below 0"),
        (lambda hu: hu + 1024, "nothing below 0"),
        (lambda hu: (hu - hu.mean()) / hu.std(), "too narrow"),
        (lambda hu: np.full_like(hu, -1000), "too narrow"),
        (lambda hu: np.where(hu > -500, 2000, -1000), "0.0 %"),
    ],
    ids=["0..1", "0..255", "raw", "z-score", "empty", "metal"],
)
def test_what_is_no_hounsfield_is_odd(body, change, says):
    assert says in oddness(change(body))
