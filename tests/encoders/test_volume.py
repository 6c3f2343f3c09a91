"""Volume: pixels and grid stay together."""

import numpy as np
import pytest

from encoders.errors import BodyMapsError
from encoders.geometry import Box
from encoders.volume import Volume
from eval.phantoms import Ellipsoid, grid, paint

BALL = Ellipsoid((3, -2, 5), (4, 5, 6))


def centre_of_ball(volume):
    return volume.geometry.to_world(np.argwhere(volume.hu > 0).mean(axis=0))


def test_crop_and_canonical_move_nothing():
    volume = paint(grid((30, 28, 26), (1, 1, 1.5), "PSL", turn=(5, 8, -10)), [(BALL, 50)])
    cropped = volume.crop(Box((2, 1, 3), (29, 27, 25)))
    assert cropped.shape == (27, 26, 22)
    assert np.allclose(centre_of_ball(cropped), centre_of_ball(volume))
    assert volume.canonical().geometry.orientation == "RAS"
    assert np.allclose(centre_of_ball(volume.canonical()), centre_of_ball(volume))
    assert np.shares_memory(volume.canonical().hu, volume.hu)


def test_pixels_must_fit_the_grid():
    with pytest.raises(BodyMapsError, match="shape"):
        Volume(np.zeros((2, 3, 4), np.int16), grid((2, 3, 5)))


@pytest.mark.parametrize("dtype", [np.uint8, np.float64, np.int32, bool])
def test_other_numbers_are_refused(dtype):
    with pytest.raises(BodyMapsError, match="int16 or float32"):
        Volume(np.zeros((2, 3, 4), dtype), grid((2, 3, 4)))
