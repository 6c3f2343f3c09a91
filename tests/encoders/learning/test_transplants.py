import numpy as np

from encoders.learning.cases import OUTSIDE, Case
from encoders.learning.transplants import REST, smooth, transplant

TABLE = {"spleen": 1, "liver": 2, "pancreas": 3}
ANCHORS = ("liver", "spleen")


def host():
    labels = np.full((40, 30, 50), 2, np.uint8)  # body without a name
    labels[:2] = 1  # outside
    labels[6:12, 8:20, 20:30] = 3  # spleen
    labels[24:36, 8:22, 18:32] = 4  # liver
    labels[18:21, 12:15, 20:26] = 5  # pancreas
    labels[17:22, 4:8] = 6  # spine
    names = ("unlabelled", OUTSIDE, REST, "spleen", "liver", "pancreas", "vertebrae_L1")
    return Case("host", 4.0, None, labels, names, frozenset(names), frozenset(), None)


def donor(grow=1.0):
    values = np.zeros((40, 30, 24), np.uint8)
    values[4:10, 8:20, 8:18] = 1
    values[22:34, 8:22, 6:20] = 2
    values[13:20, 5:12, 8:16] = 3  # reaches into the host's spine
    return values, np.array([4.0 * grow] * 3)


def test_the_donors_organs_take_the_place_of_the_hosts():
    values, spacing = donor()
    result = transplant(host(), values, spacing, TABLE, ANCHORS)
    labels = result.labels
    assert (labels == 4).sum() > 0.9 * (values == 2).sum()
    assert labels[19, 13, 23] != 5 or values[17, 13, 11] == 3  # the host's own pancreas is gone
    assert np.argwhere(labels == 5)[:, 1].mean() < 12
    assert (labels[17:22, 4:8] == 6).all()  # bone stays bone
    assert set(np.unique(labels)) <= set(range(len(result.names)))


def test_a_larger_donor_is_scaled_to_the_host():
    plain = transplant(host(), *donor(), TABLE, ANCHORS)
    larger = transplant(host(), *donor(1.25), TABLE, ANCHORS)
    assert np.isclose((larger.labels == 4).sum(), (plain.labels == 4).sum(), rtol=0.05)


def test_without_an_anchor_there_is_no_hybrid():
    values, spacing = donor()
    assert transplant(host(), np.where(values == 1, 0, values), spacing, TABLE, ANCHORS) is None


def test_thick_slices_are_interpolated():
    values, _ = donor()
    fine, spacing = smooth(values, np.array([1.0, 1.0, 6.0]))
    assert np.isclose(spacing[2] * fine.shape[2], 6.0 * values.shape[2])
    assert spacing[2] < 2.1
    assert np.isclose((fine == 2).mean(), (values == 2).mean(), rtol=0.05)
