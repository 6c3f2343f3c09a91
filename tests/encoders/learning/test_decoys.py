"""What looks like a lesion and is none: thin layers, tubes, retouched tissue."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from scipy.spatial.distance import pdist

from encoders.learning.decoys import decoy, sheet, tube
from encoders.learning.lesion_places import Organs
from encoders.learning.lesion_settings import settings
from encoders.learning.lesion_shapes import occupancy

NAMES = ("unlabelled", "body_rest", "liver", "spleen")
SPACING = 3.0


def _thickness(filled, spacing):
    """Millimetres at the thickest place: a layer of n voxels has a distance to its outside of (n + 1) / 2."""
    mask = np.pad((filled >= 0.5).numpy(), 1)
    return (2 * ndimage.distance_transform_edt(mask).max() - 1) * spacing


def _length(filled, spacing):
    """Millimetres between the two voxels that are farthest apart."""
    points = np.argwhere((filled >= 0.5).numpy())
    return pdist(points[np.linspace(0, len(points) - 1, min(len(points), 1500)).astype(int)]).max() * spacing


@pytest.mark.parametrize("spacing", [1.5, 3.0])
@pytest.mark.parametrize("real", [False, True])
def test_sheets_are_thin_and_wide(spacing, real, shapes):
    for seed in range(8):
        filled = sheet(shapes if real else (), spacing, np.random.default_rng(seed))
        assert filled.shape[0] % 2 == 1
        assert len(set(filled.shape)) == 1
        assert float(filled.min()) >= 0
        assert float(filled.max()) <= 1 + 1e-5
        # 5 mm, and the half voxel a side by which a shift is rounded
        assert 0 < _thickness(filled, spacing) <= 5 + 0.87 * spacing
        assert 15 < _length(filled, spacing) < 90
    assert _thickness(occupancy((), 20.0, spacing, np.random.default_rng(0)), spacing) > 10  # the blob itself


def test_tubes_are_as_long_and_as_wide_as_they_are_said_to_be():
    spacing, widths, lengths = 1.0, [], []
    for seed in range(20):
        filled = tube(spacing, np.random.default_rng(seed))
        assert filled.shape[0] % 2 == 1
        assert float(filled[0].max()) == float(filled[-1].max()) == 0
        assert ndimage.label((filled >= 0.5).numpy(), np.ones((3, 3, 3)))[1] == 1
        width = _thickness(filled, spacing)
        volume = float(filled.sum()) * spacing**3
        widths.append(width)
        # a cylinder with a half ball at either end; the width is known to a voxel
        lengths.append(volume / (np.pi * (width + 0.4) ** 2 / 4) - 2 / 3 * width)
        assert _length(filled, spacing) < 52 + width + spacing
    assert min(widths) >= 2 - spacing
    assert max(widths) <= 8
    assert min(widths) < 4 < 6 < max(widths)
    assert 9 < min(lengths) < 25
    assert 40 < max(lengths) < 75


def test_tubes_hold_the_volume_of_their_width_and_length():
    for seed in range(8):
        rng = np.random.default_rng(seed)
        length, radius = rng.uniform(15, 50), rng.uniform(1, 4)
        volume = np.pi * radius**2 * length + 4 / 3 * np.pi * radius**3
        assert float(tube(1.0, np.random.default_rng(seed)).sum()) == pytest.approx(volume, rel=0.1)


def test_branches_are_as_wide_as_their_tube_and_leave_it():
    lone = [tube(1.0, np.random.default_rng(seed), (2, 2.001)) for seed in range(8)]
    forked = [tube(1.0, np.random.default_rng(seed), (2, 2.001), branches=4) for seed in range(8)]
    assert sum(float(f.sum()) for f in forked) > 1.4 * sum(float(f.sum()) for f in lone)
    for filled in forked:
        assert ndimage.label((filled >= 0.5).numpy(), np.ones((3, 3, 3)))[1] == 1
        assert _thickness(filled, 1.0) < 4 + 3.5  # two tubes side by side where a branch leaves


def _edited(scan, kind, taken, monkeypatch, seed):
    """A CT before and after one decoy of a kind of `tumours.yaml`."""
    monkeypatch.setitem(settings()["decoys"], "kinds", [kind])
    hu, labels = scan
    new = hu.clone()
    decoy(new, Organs(new, labels, NAMES, SPACING), taken, np.random.default_rng(seed), ())
    return hu, new


@pytest.mark.parametrize("kind", settings()["decoys"]["kinds"], ids=lambda k: f"{k['shape']}-{k['where']}")
def test_decoys_edit_where_their_kind_says(scan, kind, monkeypatch):
    labels = scan[1]
    free = torch.zeros_like(labels, dtype=torch.bool)
    within, edits = 0.0, 0
    for seed in range(25):
        hu, new = _edited(scan, kind, free, monkeypatch, seed)
        change = (new - hu).abs()
        edits += bool(change.any())
        within += float(change[labels == 2].sum() / change.sum().clamp_min(1e-6))
        assert torch.isfinite(new).all()
        assert _edited(scan, kind, ~free, monkeypatch, seed)[1].equal(hu)  # a lesion is everywhere
    assert edits > 3
    share = within / edits
    assert share > 0.5 if kind["where"] == "organ" else share < 0.5


def test_some_decoys_lie_in_some_organs_only(scan, monkeypatch):
    kind = {
        "shape": "tube",
        "where": "organ",
        "weight": 1,
        "inside": 0.5,
        "level": [300, 400],
        "radius": [1, 2],
    }
    kind |= {"branches": 0, "organs": ["no such organ"]}
    free = torch.zeros_like(scan[1], dtype=torch.bool)
    for seed in range(5):
        hu, new = _edited(scan, kind, free, monkeypatch, seed)
        assert new.equal(hu)
    kind["organs"] = list(NAMES)
    changed = [not _edited(scan, kind, free, monkeypatch, seed)[1].equal(scan[0]) for seed in range(10)]
    assert any(changed)
