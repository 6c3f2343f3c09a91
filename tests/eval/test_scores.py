import numpy as np
import pytest
import torch
from monai.metrics import compute_hausdorff_distance
from scipy import ndimage

from eval.scores import dice, score


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
    assert score(a, b, spacing, 2.0).nsd == 1.0
    assert score(a, b, spacing, 1.9).nsd < 1.0
    assert score(a, box((20, 20, 20), (25, 25, 25)), spacing, 1.0).nsd == 0.0
    # shifted by one voxel of 2 mm, tolerance 1 mm: of each surface's 488 voxels the leading face (100) fails, and of
    # the trailing face what is more than one voxel from the other box's rim (6 x 6)
    assert score(a, b, spacing, 1.0).nsd == pytest.approx((488 - 136) / 488)


def test_hausdorff_distance_by_hand_and_as_monai_has_it():
    a, b = box((5, 5, 5), (6, 15, 15)), box((11, 5, 5), (12, 15, 15))
    assert score(a, b, (2.0, 1.0, 1.0)).hd95_mm == 12.0
    rng = np.random.default_rng(0)
    blobs = [ndimage.gaussian_filter(rng.normal(size=(30, 30, 30)), 3) > 0.05 for _ in range(2)]
    spacing = (0.8, 1.5, 3.0)
    theirs = compute_hausdorff_distance(
        *(torch.from_numpy(m)[None, None] for m in blobs),
        include_background=True,
        percentile=95,
        spacing=spacing,
    )
    assert score(*blobs, spacing).hd95_mm == pytest.approx(float(theirs), abs=1e-4)


def test_an_empty_mask_has_no_surface():
    empty, full = box((0, 0, 0), (0, 0, 0)), box((0, 0, 0), (4, 4, 4))
    assert score(empty, empty, (1, 1, 1)).nsd is None
    missed = score(empty, full, (1, 1, 1))
    assert (missed.dice, missed.nsd, missed.hd95_mm) == (0.0, 0.0, None)


def test_score_gives_signed_volume_error():
    result = score(box((0, 0, 0), (10, 10, 12)), box((0, 0, 0), (10, 10, 10)), (1, 1, 1))
    assert result.volume_error == pytest.approx(0.2)
    assert score(box((0, 0, 0), (1, 1, 1)), np.zeros((30, 30, 30), bool), (1, 1, 1)).volume_error is None
