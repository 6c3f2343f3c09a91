"""How planted lesions look, and what they do to the tissue around them."""

import numpy as np
import pytest
import torch

from encoders.learning.lesion_painting import choose, mean_around, painted, pushed
from encoders.learning.lesion_settings import settings

SPACING = 3.0


def test_mass_effect_moves_little_and_only_nearby():
    ramp = torch.arange(40, dtype=torch.float32)[:, None, None].expand(40, 40, 40).contiguous() * SPACING
    filled = torch.zeros(40, 40, 40)
    filled[17:24, 17:24, 17:24] = 1
    moved = pushed(ramp, filled, 24.0, SPACING, np.random.default_rng(0)) - ramp
    reach = settings()["push"]["reach"] * 12 / SPACING
    assert 0.05 < moved.abs().max() <= settings()["push"]["most"] + 1e-3
    axes = torch.stack(torch.meshgrid(*[torch.arange(40) - 20.0] * 3, indexing="ij"))
    assert moved[axes.norm(dim=0) > reach].abs().max() < 1e-3
    # tissue comes from nearer the centre: values beyond it on the right fall, on the left rise
    assert moved[24, 20, 20] < 0 < moved[16, 20, 20]


@pytest.mark.parametrize(("around", "expected"), [(100.0, True), (5.0, False)])
def test_a_cyst_shows_only_in_an_organ_brighter_than_fluid(around, expected):
    cysts = [k for k in settings()["organs"]["liver"]["kinds"] if k["name"] == "cyst"]
    for seed in range(10):
        chosen = choose(cysts, around, np.random.default_rng(seed))
        assert (chosen is not None) == expected
        assert chosen is None or around - chosen[1] >= settings()["contrast"]


@pytest.mark.parametrize(("around", "shows"), [(40.0, True), (200.0, False)])
def test_no_kidney_tumor_outshines_an_enhanced_kidney(around, shows):
    kinds = settings()["organs"]["kidney"]["kinds"]
    made = [choose(kinds, around, np.random.default_rng(seed)) for seed in range(60)]
    assert any(m and m[0]["name"] == "hyperdense" for m in made) == shows
    assert any(m and m[0]["name"] == "hypodense" for m in made)


def test_the_mean_around_a_lesion_leaves_out_vessels_and_the_lesion():
    hu = torch.full((20, 20, 20), 100.0)
    hu[0] = 400.0  # a vessel, a twentieth of the organ
    filled = torch.zeros(20, 20, 20)
    filled[8:12, 8:12, 8:12] = 1
    hu[filled > 0] = -500.0
    everywhere = torch.ones(20, 20, 20, dtype=torch.bool)
    assert mean_around(hu, everywhere, filled, 7.0) == 100.0
    assert mean_around(hu, ~everywhere, filled, 7.0) == 7.0


def test_paint_takes_the_level_inside_and_nothing_far_away():
    generator = torch.Generator().manual_seed(1)
    crop = 100 + 8 * torch.randn(24, 24, 24, generator=generator)
    filled = torch.zeros(24, 24, 24)
    filled[8:16, 8:16, 8:16] = 1
    plain = {"texture": [0, 1], "grain": [3, 4], "edge": [0.3, 0.4]}
    new = painted(crop, filled, plain, 30.0, SPACING, np.random.default_rng(0))
    inside = new[9:15, 9:15, 9:15]
    assert float(inside.mean()) == pytest.approx(30, abs=4)
    assert float(inside.std()) > 4  # the image's own grain is still there
    assert torch.equal(new[:5], crop[:5])
