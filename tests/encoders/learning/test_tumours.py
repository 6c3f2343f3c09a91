"""Lesions planted in a phantom: size, place, grey, edge, and everything else left as it was."""

import numpy as np
import pytest
import torch

from encoders.errors import BodyMapsError
from encoders.learning import tumours
from encoders.learning.lesion_shapes import load_shapes, occupancy, shape_of
from encoders.learning.tumours import LESIONS, Organs, add_tumours, plant, settings

NAMES = ("unlabelled", "body_rest", "liver", "spleen")
SPACING = 3.0


@pytest.fixture
def scan():
    """A liver of 100 HU and 10 HU of grain in a body of 50 HU, with air around."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.zeros(48, 40, 44, dtype=torch.int64)
    labels[4:44, 4:36, 2:42] = 1
    labels[10:38, 8:32, 8:36] = 2
    hu = torch.tensor([-1000.0, 50.0, 100.0, 110.0])[labels]
    return hu + 10 * torch.randn(hu.shape, generator=generator) * (labels > 0), labels


@pytest.fixture(scope="module")
def shapes():
    x, y, z = np.mgrid[:20, :16, :14]
    blob = ((x - 9) / 9) ** 2 + ((y - 7.5) / 7) ** 2 + ((z - 6.5) / 6) ** 2 < 1
    blob[:6] &= y[:6] > 7  # not symmetric
    return (shape_of(blob),)


def _only(kind, **changes):
    """The liver's entry with one kind of lesion that stays in the organ and does not push."""
    entry = settings()["organs"]["liver"]
    kinds = [k | {"rim": 0, "core": 0} for k in entry["kinds"] if k["name"] == kind]
    return entry | {"kinds": kinds, "grows_out": 0.0, "inside": 0.95} | changes


def _planted(scan, kind, diameter, shapes=(), seed=0):
    hu, labels = scan
    new = hu.clone()
    rng = np.random.default_rng(seed)
    taken = torch.zeros_like(labels, dtype=torch.bool)
    made = plant(new, Organs(hu, labels, NAMES, SPACING), _only(kind), 2, diameter, taken, rng, shapes)
    return new, made


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


@pytest.mark.parametrize(("kind", "sign"), [("hypodense", -1), ("hyperdense", 1), ("cyst", -1)])
def test_lesions_differ_from_the_organ_as_their_kind_says(scan, kind, sign):
    for seed in range(5):
        new, made = _planted(scan, kind, 21.0, seed=seed)
        inside = new[made.slices][made.voxels]
        assert sign * (float(inside.mean()) - 100) > 8
        assert sign * (made.hu - 100) >= settings()["contrast"] - 3
        if kind == "cyst":
            assert made.lesion == "liver_cyst"
            assert abs(float(inside.median())) < 25


def test_lesions_lie_in_their_organ(scan, shapes):
    _, labels = scan
    for seed in range(10):
        _, made = _planted(scan, "hypodense", 18.0, shapes, seed)
        assert (labels[made.slices][made.voxels] == 2).all()
        assert made.voxels.any()


def test_everything_else_stays(scan):
    """Without mass effect (small lesions) only the lesion and its soft edge change."""
    hu, _ = scan
    new, made = _planted(scan, "hypodense", 10.0)
    changed = (new != hu).nonzero()
    middle = torch.tensor([(s.start + s.stop - 1) / 2 for s in made.slices])
    assert len(changed)
    assert float((changed - middle).norm(dim=1).max()) * SPACING < 10 / 2 * 1.25 + 4 * SPACING


def test_mass_effect_moves_little_and_only_nearby():
    ramp = torch.arange(40, dtype=torch.float32)[:, None, None].expand(40, 40, 40).contiguous() * SPACING
    filled = torch.zeros(40, 40, 40)
    filled[17:24, 17:24, 17:24] = 1
    moved = tumours._pushed(ramp, filled, 24.0, SPACING, np.random.default_rng(0)) - ramp
    reach = settings()["push"]["reach"] * 12 / SPACING
    assert 0.05 < moved.abs().max() <= settings()["push"]["most"] + 1e-3
    axes = torch.stack(torch.meshgrid(*[torch.arange(40) - 20.0] * 3, indexing="ij"))
    assert moved[axes.norm(dim=0) > reach].abs().max() < 1e-3
    # tissue comes from nearer the centre: values beyond it on the right fall, on the left rise
    assert moved[24, 20, 20] < 0 < moved[16, 20, 20]


def test_vessels_are_avoided(scan):
    hu, labels = scan
    hu = hu.clone()
    hu[10:38, 8:32, 25:36] = 190.0  # a third is brighter than liver tissue, as a large vessel is
    made = [_planted((hu, labels), "hypodense", 12.0, seed=seed)[1] for seed in range(12)]
    middles = [(m.slices[2].start + m.slices[2].stop) / 2 for m in made if m is not None]
    assert len(middles) > 6
    assert max(middles) < 26


def test_a_window_repeats_with_the_seed_and_is_left_as_it_was(scan, shapes):
    hu, labels = scan
    before = hu.clone()
    one = add_tumours(hu, labels, NAMES, SPACING, np.random.default_rng(3), shapes)
    two = add_tumours(hu, labels, NAMES, SPACING, np.random.default_rng(3), shapes)
    assert torch.equal(one[0], two[0])
    assert torch.equal(one[1], two[1])
    assert torch.equal(hu, before)


def test_windows_hold_no_lesion_to_several_of_their_organ(scan, shapes):
    hu, labels = scan
    seen = set()
    liver = {LESIONS.index(name) + 1 for name in ("liver_tumor", "liver_cyst")}
    for seed in range(40):
        new, lesions = add_tumours(hu, labels, NAMES, SPACING, np.random.default_rng(seed), shapes)
        values = set(lesions.unique().tolist()) - {0}
        assert values <= liver
        assert torch.isfinite(new).all()
        seen.add(bool(values))
        assert not (lesions[labels == 3] > 0).any()
    assert seen == {False, True}


def test_a_window_without_hosts_has_no_lesion(scan):
    hu, labels = scan
    for seed in range(10):
        _, lesions = add_tumours(hu, labels.clamp_max(1), NAMES, SPACING, np.random.default_rng(seed))
        assert not lesions.any()


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
