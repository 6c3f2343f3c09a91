"""Shapes of lesions: the size that was asked for, soft edges, and patients kept for evaluation."""

import numpy as np
import pytest

from encoders.errors import BodyMapsError
from encoders.learning.lesion_shapes import load_shapes, occupancy

SPACING = 3.0


@pytest.mark.parametrize("diameter", [6.0, 12.0, 30.0])
@pytest.mark.parametrize("real", [False, True])
def test_shapes_have_the_diameter_that_was_asked_for(diameter, real, shapes):
    found = []
    for seed in range(12):
        filled = occupancy(shapes if real else (), diameter, SPACING, np.random.default_rng(seed))
        assert filled.shape[0] % 2 == 1
        assert filled[0].max() == 0
        assert filled[-1].max() == 0
        found.append(float((6 / np.pi * filled.sum()) ** (1 / 3)) * SPACING)
    assert np.median(found) == pytest.approx(diameter, rel=0.1)
    assert max(abs(np.log(f / diameter)) for f in found) < 0.35


def test_edges_are_partial_volumes():
    filled = occupancy((), 24.0, SPACING, np.random.default_rng(1))
    assert ((filled > 0.02) & (filled < 0.98)).sum() > 50
    assert filled.max() == 1


def test_patients_of_the_shapes_are_split(tmp_path):
    masks = {
        f"case_{p:02d}_{n:02d}": np.ones((p + 1, 2, n + 1), np.uint8) for p in range(10) for n in range(2)
    }
    np.savez(tmp_path / "shapes.npz", **masks)
    training, held = (load_shapes(tmp_path / "shapes.npz", held_out=h) for h in (False, True))
    assert len(training) == 16
    assert {s.mask.shape[0] for s in held} == {1, 6}
    assert not {s.mask.shape[0] for s in held} & {s.mask.shape[0] for s in training}


def test_missing_shapes_say_what_to_do(tmp_path):
    with pytest.raises(BodyMapsError, match="npz"):
        load_shapes(tmp_path / "none.npz")
