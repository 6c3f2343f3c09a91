"""Where planted lesions may lie."""

import numpy as np
import torch

from encoders.learning.lesion_places import Organs, box_around, fit
from encoders.learning.lesion_settings import settings
from encoders.learning.lesion_shapes import occupancy

NAMES = ("unlabelled", "body_rest", "liver", "spleen")
SPACING = 3.0


def _places(hu, labels, count=12, taken=None, **changes):
    """The boxes that lesions of 12 mm find in the liver, and what they fill there."""
    entry = settings()["organs"]["liver"] | {"grows_out": 0.0, "inside": 0.95} | changes
    organs = Organs(hu, labels, NAMES, SPACING)
    taken = torch.zeros_like(labels, dtype=torch.bool) if taken is None else taken
    found = []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        found.append(fit(organs, entry, 2, occupancy((), 12.0, SPACING, rng), taken, rng))
    return [place for place in found if place is not None]


def test_vessels_are_avoided(scan):
    hu, labels = scan
    hu = hu.clone()
    hu[10:38, 8:32, 25:36] = 190.0  # a third is brighter than liver tissue, as a large vessel is
    middles = [(window[2].start + window[2].stop) / 2 for window, _ in _places(hu, labels)]
    assert len(middles) > 6
    assert max(middles) < 26


def test_other_lesions_are_avoided(scan):
    hu, labels = scan
    taken = torch.zeros_like(labels, dtype=torch.bool)
    taken[:24] = True
    places = _places(hu, labels, taken=taken)
    assert len(places) > 6
    assert all(not (filled * taken[window]).any() for window, filled in places)


def test_growing_out_reaches_tissue_without_a_name_but_neither_air_nor_other_organs(scan):
    hu, labels = scan
    labels = labels.clone()
    labels[10:38, 8:32, 36:] = 3
    hu = torch.where(labels == 0, -1000.0, hu)
    beyond = 0.0
    for window, filled in _places(hu, labels, 40, grows_out=1.0, inside=0.3):
        inside = labels[window]
        beyond += float(filled[inside == 1].sum())
        assert (filled[(inside == 3) | (inside == 0)] <= 0.5).all()
    assert beyond > 20


def test_a_box_at_the_edge_is_cut_on_both_sides_alike():
    occupied = torch.arange(125.0).reshape(5, 5, 5)
    window, part = box_around(torch.tensor([0, 5, 9]), occupied, (10, 10, 10))
    assert window == (slice(0, 3), slice(3, 8), slice(7, 10))
    assert torch.equal(part, occupied[2:, :, :3])


def test_organs_that_hardly_show_are_no_hosts(scan):
    hu, labels = scan
    few = labels.clamp_max(1)
    few[10:13, 10:13, 10:13] = 2  # 0.7 ml
    assert [value for _, value in Organs(hu, labels, NAMES, SPACING).entries] == [2]
    assert Organs(hu, few, NAMES, SPACING).entries == []
