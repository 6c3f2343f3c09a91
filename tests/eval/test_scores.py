import numpy as np
import pytest

from eval.scores import dice, normalised_surface_dice, score


def box(start, stop, shape=(30, 30, 30)):
    mask = np.zeros(shape, bool)
    mask[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))] = True
    return mask


def test_dice_by_hand():
    a, b = box((0, 0, 0), (10, 10, 10)), box((5, 0, 0), (15, 10, 10))
    assert dice(a, b) == pytest.approx(0.5)
    assert dice(a, a) == 1.0
    assert dice(a & ~a, b & ~b) is None
    assert dice(a, b & ~b) == 0.0


def test_surface_dice_by_hand():
    a, b = box((5, 5, 5), (15, 15, 15)), box((6, 5, 5), (16, 15, 15))
    spacing = (2.0, 1.0, 1.0)
    assert normalised_surface_dice(a, b, spacing, tolerance_mm=2.0) == 1.0
    assert normalised_surface_dice(a, b, spacing, tolerance_mm=1.9) < 1.0
    assert normalised_surface_dice(a, box((20, 20, 20), (25, 25, 25)), spacing, 1.0) == 0.0
    # shifted by one voxel of 2 mm, tolerance 1 mm: of each surface's 488 voxels the leading face (100) fails, and of
    # the trailing face what is more than one voxel from the other box's rim (6 x 6)
    assert normalised_surface_dice(a, b, spacing, tolerance_mm=1.0) == pytest.approx((488 - 136) / 488)


def test_score_gives_signed_volume_error():
    result = score(box((0, 0, 0), (10, 10, 12)), box((0, 0, 0), (10, 10, 10)), (1, 1, 1))
    assert result.volume_error == pytest.approx(0.2)
    assert score(box((0, 0, 0), (1, 1, 1)), np.zeros((30, 30, 30), bool), (1, 1, 1)).volume_error is None
