"""What a step learns from: whose window, which classes, which voxels."""

import numpy as np
import pytest
import torch

from encoders.learning.recipe import read_recipe
from encoders.learning.sampler import Sampler
from encoders.learning.sampling import _centre
from encoders.universal import ModelConfig

STRUCTURES = ["liver", "spleen", "liver_tumor", "liver_cyst"]
LESIONS = [2, 3]


@pytest.fixture
def make(data, shapes, monkeypatch):
    """make(**changes): the sampler of a recipe with lesions on a CT and on a label map of a ball."""
    monkeypatch.setenv("BODYMAPS_CACHE", str(data / "cache"))
    np.savez(data / "shapes.npz", a_1=shapes[0].mask.numpy(), b_1=shapes[0].mask.numpy())
    content = read_recipe(data / "first.yaml")
    real = content["cases"][0]
    real["labels"][0]["aliases"] = {"spleen": "liver"}
    painted = {"name": "map", "outside": True, "labels": real["labels"]}
    content |= {"cases": [real, painted], "tumours": {"shapes": "shapes.npz"}, "heads": 2}
    content["model"]["structures"] = STRUCTURES

    def made(**changes):
        config = ModelConfig.from_dict({**ModelConfig(()).to_dict(), **content["model"]})
        return Sampler({**content, **changes}, data, config, np.random.default_rng(0))

    return made


def test_a_sample_repeats_with_the_seed(make):
    sampler = make(synthetic=0.5)
    for seed in range(4):
        one, two = (sampler.sample({}, np.random.default_rng(seed)) for _ in range(2))
        assert torch.equal(one.hu, two.hu)
        assert torch.equal(one.truth, two.truth)
        assert one.lattice == two.lattice
        assert all(torch.equal(a, b) for a, b in zip(one.points, two.points, strict=True))


def test_truth_is_of_every_second_voxel_and_points_of_the_lesion_classes(make):
    sample = make().sample({}, np.random.default_rng(1))
    assert sample.hu.shape == (1, 16, 16, 16)
    assert sample.truth.shape == (2, len(sample.classes), 8**3)
    points, truth = sample.points
    assert truth.shape == (2, len(LESIONS), len(points))
    assert not set(sample.classes.tolist()) & set(LESIONS)  # they have points of their own
    assert int(points.max()) < 16**3


def test_without_lesions_to_plant_their_classes_are_asked_as_others_are(make):
    sampler = make(tumours=None, heads=4)
    sample = sampler.sample({}, np.random.default_rng(1))
    assert sample.points is None
    assert sorted(sample.classes.tolist()) == [0, 1, 2, 3]


def test_phases_hold_out_focus_and_paint(make):
    sampler = make()
    rng = np.random.default_rng(0)
    assert {sampler._pick({"synthetic": s}, rng)[0].case.name for s in [0.0] * 5} == {"ball"}
    assert {sampler._pick({"synthetic": s}, rng)[0].case.name for s in [1.0] * 5} == {"map"}
    real = sampler.recipe["cases"][0]
    two = make(cases=[real, real | {"name": "twin"}], synthetic=0.0)
    assert {two._pick({"hold_out": ["ball"]}, rng)[0].case.name for _ in range(9)} == {"twin"}
    assert sampler.sample({"focus": ["spleen"]}, rng).classes.tolist() == [1]


@pytest.mark.parametrize("what", ["unknown", "absent"])
def test_a_case_may_have_real_lesions_or_surely_none(make, what):
    sampler = make(**{what: {"ball": ["liver_tumor"]}}, synthetic=0.0)
    for seed in range(3):
        _, known = sampler.sample({}, np.random.default_rng(seed)).points[1]
        assert (known[0] == float(what == "absent")).all()
        assert known[1].any()


def test_cases_weigh_what_the_recipe_says(make):
    entry = make().recipe["cases"][0]
    twice = [entry | {"weight": 3.0}, entry | {"name": "twin"}]
    sampler = make(cases=twice, synthetic=0.0)
    rng = np.random.default_rng(0)
    names = [sampler._pick({}, rng)[0].case.name for _ in range(400)]
    assert names.count("ball") / 400 == pytest.approx(0.75, abs=0.07)


def test_favoured_structures_are_drawn_to_by_their_weights(make):
    sampler = make()
    source = next(c for c in sampler.cases if c.hu is not None)
    source = source._replace(
        seeds={"liver": torch.tensor([[8, 8, 8]]), "spleen": torch.tensor([[30, 30, 30]])}
    )
    rng = np.random.default_rng(0)
    centres = [_centre(source, (16, 16, 16), rng, {"liver": 3.0, "spleen": 1.0}, 1.0) for _ in range(400)]
    near_liver = sum(float(c.mean()) < 19 for c in centres)
    assert near_liver == pytest.approx(300, abs=40)


def test_a_labelled_lesion_is_asked_about(make):
    real = make().recipe["cases"][0]
    real["labels"][0]["aliases"] = {"spleen": "liver_cyst"}
    sampler = make(cases=[real], synthetic=0.0)
    asked = [sampler.sample({}, np.random.default_rng(seed)).points[1][0] for seed in range(5)]
    assert any(target[1].any() for target in asked)  # no liver in the case: none of these is planted
    assert not any(target[0].any() for target in asked)


def test_a_recipe_says_how_noisy_real_windows_get(make):
    def roughness(strength):
        sampler = make(synthetic=0.0, tumours=None, strength=strength)
        windows = (sampler.sample({}, np.random.default_rng(seed)).hu for seed in range(12))
        return float(np.mean([hu.diff(dim=-1).abs().mean() for hu in windows]))

    assert roughness([4.0, 4.0]) > roughness([0.0, 0.0]) + 2


def test_a_recipe_says_which_lesions_are_planted(make):
    sampler = make(synthetic=0.0, tumours={"shapes": "shapes.npz", "only": ["kidney_tumor"]})
    truths = [sampler.sample({}, np.random.default_rng(seed)).points[1] for seed in range(12)]
    assert not any(truth[0].any() for truth in truths)
