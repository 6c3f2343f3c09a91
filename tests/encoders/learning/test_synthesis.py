"""Windows and painted CT from a small label map."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from encoders.learning.cases import OUTSIDE, Case
from encoders.learning.sampling import Window, draw, fields
from encoders.learning.synthesis import (
    _medulla,
    acquire,
    blur,
    in_phase,
    noise,
    paint,
    recolour,
    refill,
    tissue,
)

NAMES = ("unlabelled", "body_rest", "liver", "lung_lower_lobe_right", "vertebrae_L1", OUTSIDE)
SIZE = (32, 24, 28)


@pytest.fixture(scope="module")
def source():
    labels = np.full((40, 32, 36), NAMES.index(OUTSIDE), np.uint8)
    labels[4:36, 4:28] = 1
    labels[20:34, 8:24, 4:16] = 2
    labels[20:34, 8:24, 18:32] = 3
    labels[16:20, 5:10] = 4
    case = Case("map", 3.0, None, labels, NAMES, frozenset(NAMES), frozenset(), None)
    return fields(case, np.random.default_rng(0))


def test_windows_repeat_with_the_seed_and_keep_the_labels(source):
    one = draw(source, SIZE, np.random.default_rng(5))
    two = draw(source, SIZE, np.random.default_rng(5))
    assert torch.equal(one.labels, two.labels)
    assert one.labels.shape == SIZE
    assert set(one.labels.unique().tolist()) <= set(range(1, 6))


def test_right_stays_right(source):
    """No draw may mirror the body: lung and liver lie right of the spine in every window that shows both."""
    seen = 0
    for seed in range(20):
        labels = draw(source, SIZE, np.random.default_rng(seed)).labels
        liver, spine = (labels == 2).nonzero(), (labels == 4).nonzero()
        if len(liver) > 50 and len(spine) > 20:
            seen += 1
            assert liver[:, 0].float().mean() > spine[:, 0].float().mean()
    assert seen > 5


def test_windows_stay_about_inside_the_scan():
    """A structure at the end of a long scan does not pull half of its windows out of the scan."""
    labels = np.full((60, 60, 160), 1, np.uint8)
    labels[..., :4] = 2
    case = Case("long", 3.0, None, labels, NAMES, frozenset(NAMES), frozenset(), None)
    long = fields(case, np.random.default_rng(0))
    windows = [draw(long, (24, 24, 60), np.random.default_rng(seed)).labels for seed in range(200)]
    assert np.mean([(w == NAMES.index(OUTSIDE)).float().mean() for w in windows]) < 0.2
    assert np.mean([(w == 2).any() for w in windows]) > 0.25


def test_position_follows_the_anatomy(source):
    """The same label has about the same place across the body in every window, however it is turned and scaled."""
    found = []
    for seed in range(12):
        window = draw(source, SIZE, np.random.default_rng(seed))
        if (window.labels == 2).sum() > 200:
            found.append(window.position[0][window.labels == 2].mean().item())
    assert len(found) > 3
    assert np.std(found) < 0.2
    assert np.mean(found) > 0.1  # the liver is on the right


def test_painted_tissue_has_plausible_hounsfield_units(source):
    means = {2: [], 3: [], 5: []}
    for seed in range(8):
        rng = np.random.default_rng(seed)
        window = draw(source, SIZE, rng)
        hu = paint(window, NAMES, rng)
        assert torch.isfinite(hu).all()
        for value, found in means.items():
            if (window.labels == value).sum() > 30:
                found.append(float(hu[window.labels == value].median()))
    assert 20 < np.mean(means[2]) < 180
    assert -950 < np.mean(means[3]) < -600
    assert np.mean(means[5]) < -950


def test_acquisition_blurs_and_adds_noise():
    rng = np.random.default_rng(0)
    flat = torch.zeros(16, 16, 16)
    assert acquire(flat, rng).std() > 0.1
    edge = torch.zeros(16, 16, 16)
    edge[8:] = 100
    soft = blur(edge, 1.0)
    assert soft.mean() == pytest.approx(float(edge.mean()), abs=0.5)
    assert soft[7, 8, 8] > 5


def test_recolouring_leaves_air_alone(source):
    rng = np.random.default_rng(1)
    window = draw(source, SIZE, rng)
    hu = torch.full(SIZE, -1000.0)
    assert torch.equal(recolour(hu, window, NAMES, rng), hu)


def test_pyramids_lie_in_the_depth_of_kidneys_only():
    labels = torch.zeros(40, 40, 40, dtype=torch.long)
    labels[5:35, 5:20, 5:35], labels[5:35, 25:40, 5:35] = 1, 2
    inside = (labels > 0).numpy()
    rim = torch.from_numpy(ndimage.distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1, 1:-1]).float() * 1.5
    window = Window(labels, labels >= 0, None, rim, rim, torch.zeros(2, 40, 40, 40))
    rng = np.random.default_rng(0)
    changes = torch.stack([_medulla(window, ("unlabelled", "kidney_left", "liver"), rng) for _ in range(12)])
    far = torch.from_numpy(~ndimage.binary_dilation((labels == 1).numpy(), iterations=3))
    assert changes[:, far].abs().max() < 1e-3
    within = changes[:, labels == 1]
    assert (within.mean(1) < -1).sum() > (within.mean(1) > 1).sum() > 0  # mostly early phases, some late ones
    assert changes[:, (labels == 1) & (rim < 1.6)].abs().mean() < 0.5 * within.abs().mean()


def test_noise_has_unit_variance():
    assert noise((20, 20, 20), 3, np.random.default_rng(0)).std() == pytest.approx(1, abs=0.4)


@pytest.mark.parametrize(("name", "fill"), [("lung_left", "lung"), ("rib_left_3", "bone"), ("liver", None)])
def test_every_name_has_a_tissue(name, fill):
    assert tissue(name).get("fill") == fill


def test_a_real_ct_takes_the_grey_values_of_another_phase(source):
    """The liver, at 70 HU everywhere, gets the mean of the phase that was drawn; what does not enhance stays."""
    window = draw(source, SIZE, np.random.default_rng(3))
    hu = torch.where(window.labels == 2, 70.0, 20.0)
    inside = torch.from_numpy(ndimage.binary_erosion((window.labels == 2).numpy(), iterations=3))
    others = torch.from_numpy(ndimage.binary_erosion((window.labels != 2).numpy(), iterations=3))
    ranges = [tissue("liver")[phase] for phase in ("native", "arterial", "venous")]
    seen = []
    for seed in range(12):
        changed = in_phase(hu, window, NAMES, np.random.default_rng(seed))
        assert torch.allclose(changed[others], hu[others], atol=0.05)
        values = changed[inside]
        assert values.std() < 0.1
        assert any(low - 0.1 <= float(values[0]) <= high + 0.1 for low, high in ranges)
        seen.append(round(float(values[0])))
    assert max(seen) - min(seen) > 30


def test_a_refilled_stomach_keeps_its_wall_and_its_neighbours(source):
    """Only deep inside what can be filled do grey values change, and to more than one kind of content."""
    names = ("unlabelled", "body_rest", "stomach", *NAMES[3:])
    window = draw(source, SIZE, np.random.default_rng(0))
    hu = 40 + 5 * noise(SIZE, 1, np.random.default_rng(0))
    stomach = window.labels == 2
    seen, walls = [], []
    for seed in range(20):
        changed = refill(hu, window, names, np.random.default_rng(seed))
        far = torch.from_numpy(ndimage.binary_dilation(stomach.numpy(), np.ones((5, 5, 5))))
        assert torch.allclose(changed[~far], hu[~far], atol=0.1)
        walls.append(float((changed - hu)[stomach & (window.rim < 3.5)].abs().median()))
        seen.append(float(changed[stomach & (window.rim > 8)].median()))
    assert np.median(walls) < 10
    assert max(seen) > 100
    assert min(seen) < -100
    assert sum(abs(value - 40) < 2 for value in seen) >= 3, "some stay as they are"
