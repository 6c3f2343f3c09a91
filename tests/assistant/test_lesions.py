import numpy as np
import pytest

from assistant.lesions import location, parts, shares
from encoders.segmenters.base import Mask
from eval.phantoms import Ellipsoid, grid, rasterise

GEOMETRY = grid((60, 40, 40), (1.0, 1.5, 2.0))


def mask_of(name, *solids):
    return Mask.from_full(name, np.any([rasterise(s, GEOMETRY) for s in solids], axis=0), 0.8)


def test_lesions_come_largest_first_and_specks_are_left_out():
    small, large = Ellipsoid((-15, 0, 0), (4, 4, 4)), Ellipsoid((10, 0, 0), (9, 8, 8))
    mask = mask_of("liver_tumor", small, large)
    full = mask.full()
    full[0, 0, 0] = True  # 3 cubic millimetres
    found = parts(Mask.from_full("liver_tumor", full, 0.8), GEOMETRY)
    assert [m.voxel_count for m in found] == sorted((m.voxel_count for m in found), reverse=True)
    assert len(found) == 2


def test_a_lesion_that_the_organ_mask_leaves_out_counts_to_the_nearest_region():
    lesion = mask_of("pancreas_tumor", Ellipsoid((0, 0, 0), (4, 4, 4)))
    left, right = (
        mask_of("a", Ellipsoid((-12, 0, 0), (6, 6, 6))),
        mask_of("b", Ellipsoid((25, 0, 0), (3, 3, 3))),
    )
    fractions = shares(lesion, {"left": left, "right": right}, GEOMETRY)
    assert fractions["left"] == pytest.approx(1.0)
    assert location(fractions) == ["left"]


def test_a_lesion_far_from_every_region_is_in_none():
    lesion = mask_of("pancreas_tumor", Ellipsoid((25, 0, 0), (3, 3, 3)))
    far = mask_of("a", Ellipsoid((-25, 0, 0), (3, 3, 3)))
    assert location(shares(lesion, {"far": far}, GEOMETRY)) == []


def test_a_lesion_across_two_regions_names_both():
    lesion = mask_of("liver_tumor", Ellipsoid((2, 0, 0), (8, 4, 4)))
    low, high = (
        mask_of("a", Ellipsoid((-10, 0, 0), (10, 10, 10))),
        mask_of("b", Ellipsoid((10, 0, 0), (10, 10, 10))),
    )
    assert location(shares(lesion, {"low": low, "high": high}, GEOMETRY)) == ["high", "low"]
