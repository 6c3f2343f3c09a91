"""Lesions in a whole CT: in their organ, of their size, and nothing else changed."""

from __future__ import annotations

import numpy as np
import pytest

from encoders.errors import BodyMapsError
from encoders.learning.examples import host_of, plant_examples
from eval.phantoms import Ellipsoid, grid, paint, rasterise

LIVER = Ellipsoid((0, 0, 0), (45, 40, 50))


@pytest.fixture(
    scope="module", params=[("RAS", (1.5, 1.5, 1.5)), ("LPS", (0.9, 0.9, 5.0)), ("SRA", (4, 1, 1.2))]
)
def scan(request):
    orientation, spacing = request.param
    shape = (40, 110, 90) if orientation == "SRA" else (110, 110, 26) if spacing[2] == 5 else (76, 72, 80)
    volume = paint(grid(shape, spacing, orientation, turn=(4, 6, 9)), [(LIVER, 100)], background=-50, noise=8)
    return volume, rasterise(LIVER, volume.geometry)


def test_lesions_lie_in_their_organ_and_have_their_size(scan):
    volume, liver = scan
    new, masks, made = plant_examples(
        volume, {"liver": liver}, [("liver", 24.0), ("liver", 16.0)], np.random.default_rng(3)
    )
    assert len(made) == 2
    everything = np.logical_or.reduce(list(masks.values()))
    ml = everything.sum() * volume.geometry.voxel_ml
    expected = sum(np.pi / 6 * e.diameter_mm**3 for e in made) / 1000
    assert ml == pytest.approx(expected, rel=0.25)
    assert (everything & liver).sum() > 0.8 * everything.sum()
    for example in made:
        inside = np.zeros(volume.shape, bool)
        inside[example.box.slices] = masks[example.lesion][example.box.slices]
        assert new.hu[inside].mean() == pytest.approx(example.mean_hu, abs=25)
        assert abs(new.hu[inside].mean() - 100) > 8
    far = np.abs(new.hu.astype(int) - volume.hu) == 0
    assert far.mean() > 0.8
    assert new.geometry is volume.geometry


def test_the_same_seed_gives_the_same_case(scan):
    volume, liver = scan
    first, second = (
        plant_examples(volume, {"liver": liver}, [("liver", 20.0)], np.random.default_rng(5))
        for _ in range(2)
    )
    assert np.array_equal(first[0].hu, second[0].hu)
    assert first[2] == second[2]


def test_an_organ_that_is_not_there_gets_nothing(scan):
    volume, liver = scan
    new, masks, made = plant_examples(
        volume, {"liver": np.zeros_like(liver)}, [("liver", 20.0)], np.random.default_rng(1)
    )
    assert not masks
    assert not made
    assert np.array_equal(new.hu, volume.hu)


def test_hosts():
    assert host_of("kidney_left") == "kidney"
    with pytest.raises(BodyMapsError, match="no lesions for 'spleen'"):
        host_of("spleen")
