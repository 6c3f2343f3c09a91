"""A mask that stops short of the border, on a ball with partial volume at its rim."""

import numpy as np

from encoders.learning.borders import FAT_HU, grown


def ball(radius, inside=120.0):
    axes = np.meshgrid(*[np.arange(-15, 16)] * 3, indexing="ij")
    distance = np.sqrt(sum(a**2 for a in axes))
    share = np.clip(radius + 0.5 - distance, 0, 1)
    return distance, np.rint(FAT_HU + share * (inside - FAT_HU)).astype(np.int16)


def test_a_mask_one_voxel_short_grows_to_the_half_maximum():
    distance, hu = ball(10.0)
    short = distance < 9.0
    full = short | grown(short, hu)
    assert (full[distance < 9.4]).all()
    assert not full[distance > 10.1].any()
    assert full.sum() > 1.2 * short.sum()


def test_a_mask_at_its_border_stays():
    distance, hu = ball(10.0)
    assert grown(distance <= 10.0, hu).sum() == 0


def test_it_grows_by_one_voxel_only_and_never_from_nothing():
    distance, hu = ball(10.0)
    small = distance < 5.0
    assert not grown(small, hu)[distance > 6.0].any()
    assert not grown(np.zeros_like(small), hu).any()
