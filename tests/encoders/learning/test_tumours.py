"""Lesions planted in a phantom: size, place, grey, edge, and everything else left as it was."""

import numpy as np
import pytest
import torch

from encoders.learning.lesion_places import Organs
from encoders.learning.lesion_settings import DECOY, LESIONS, settings
from encoders.learning.tumours import add_tumours, plant

NAMES = ("unlabelled", "body_rest", "liver", "spleen")
SPACING = 3.0


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
        values = set(lesions.unique().tolist()) - {0, DECOY}
        assert values <= liver
        assert torch.isfinite(new).all()
        seen.add(bool(values))
        assert not (lesions[labels == 3] > 0).any()
    assert seen == {False, True}


def test_a_recipe_may_leave_kinds_out_and_favour_others(scan, monkeypatch):
    monkeypatch.setitem(settings()["decoys"], "chance", 0.0)
    monkeypatch.setitem(settings(), "counts", [0.0, 1.0])
    hu, labels = scan
    brighter = 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        _, none = add_tumours(hu, labels, NAMES, SPACING, rng, only=["kidney_tumor"])
        assert not none.any()
        _, cysts = add_tumours(hu, labels, NAMES, SPACING, rng, only=["liver_cyst"])
        assert set(cysts.unique().tolist()) <= {0, LESIONS.index("liver_cyst") + 1}
        bright = {"hypodense": 0.0}
        new, lesions = add_tumours(hu, labels, NAMES, SPACING, rng, only=["liver_tumor"], favoured=bright)
        if (lesions > 0).any():
            assert float((new - hu)[lesions > 0].mean()) > 0
            brighter += 1
    assert brighter > 4


def test_a_window_without_hosts_has_no_lesion(scan):
    hu, labels = scan
    for seed in range(10):
        _, lesions = add_tumours(hu, labels.clamp_max(1), NAMES, SPACING, np.random.default_rng(seed))
        assert not (lesions > 0).any()


def test_decoys_are_marked_where_they_changed_the_image(scan, monkeypatch):
    kind = {"shape": "tube", "where": "organ", "weight": 1, "inside": 0.5, "level": [300, 400]}
    monkeypatch.setitem(settings()["decoys"], "kinds", [{**kind, "radius": [2, 3], "branches": 2}])
    monkeypatch.setitem(settings()["decoys"], "chance", 1.0)
    monkeypatch.setitem(settings(), "counts", [1.0])
    hu, labels = scan
    marked = 0
    for seed in range(6):
        new, lesions = add_tumours(hu, labels, NAMES, SPACING, np.random.default_rng(seed))
        assert not (lesions > 0).any()
        alike = lesions == DECOY
        marked += int(alike.sum())
        assert (new[alike] > hu[alike] + 30).all()
        assert (new - hu)[alike].sum() > 0.35 * (new - hu).sum()  # the rest is its soft edge
    assert marked > 100
