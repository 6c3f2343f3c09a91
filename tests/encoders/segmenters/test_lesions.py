"""What counts as a lesion: pieces of logits on phantoms of known size and place."""

import numpy as np
import pytest
import torch

from encoders.geometry import Box, Geometry
from encoders.segmenters.base import Asked
from encoders.segmenters.lesions import Candidates, Rule, closed, contrasts, judged, pieces

SHAPE = (40, 40, 40)
TUMOUR, CYST = Asked("liver_tumor"), Asked("liver_cyst")


def ball(centre, radius):
    grid = np.indices(SHAPE) - np.reshape(centre, (3, 1, 1, 1))
    return (grid**2).sum(0) <= radius**2


HOST = ball((20, 20, 20), 15)
FLAT = np.full(SHAPE, 90)


def candidates(tumour, cyst, hu=FLAT):
    grid = Geometry(SHAPE, np.diag([1.5, 1.5, 1.5, 1.0]))
    logits = torch.from_numpy(np.stack([tumour, cyst]).astype(np.float32))
    return Candidates((TUMOUR, CYST), logits, HOST, hu, Box((0, 0, 0), SHAPE), grid)


def test_a_piece_needs_its_peak_its_size_and_its_organ():
    values = np.full(SHAPE, -8.0)
    values[ball((20, 20, 20), 4)] = 6.0
    values[ball((10, 20, 20), 4)] = 3.0  # no peak
    values[28, 20, 20] = 7.0  # one voxel
    values[ball((35, 35, 35), 4)] = 7.0  # outside
    found = pieces(values, HOST, FLAT, Rule(level=2.0), 1.5**3 / 1000)
    assert len(found.peaks) == 4
    assert sorted(found.peaks[found.usable]) == pytest.approx([3, 6])
    mask = judged(candidates(values, np.full(SHAPE, -8.0)), TUMOUR, Rule(level=2.0, peak=5.0))
    assert (mask.verdict.keep == ball((20, 20, 20), 4)).all()
    assert ((mask.logits.numpy() > 0) == mask.verdict.keep).all()


def test_a_thin_piece_does_not_reach_what_a_round_one_does():
    thin, round_ = np.full(SHAPE, -8.0), np.full(SHAPE, -8.0)
    thin[8:32, 19:21, 19:21] = 6.0
    round_[ball((20, 20, 20), 3)] = 6.0
    (a,), (b,) = (pieces(values, HOST, FLAT, Rule(), 1.5**3 / 1000).peaks for values in (thin, round_))
    assert a < 0 < 4 < b


def test_noise_does_not_join_what_is_far_above_it():
    values = np.full(SHAPE, -8.0)
    values[8:32, 17:24, 17:24] = 2.0
    values[ball((12, 20, 20), 4)], values[ball((27, 20, 20), 4)] = 6.0, 5.0
    joined = pieces(values, HOST, FLAT, Rule(level=1.0), 1.5**3 / 1000)
    apart = pieces(values, HOST, FLAT, Rule(level=1.0, share=0.5), 1.5**3 / 1000)
    assert joined.peaks == pytest.approx([6])
    assert apart.peaks == pytest.approx([6, 5])
    assert ((apart.parts > 0) == (values > 3)).all()


def test_a_piece_that_does_not_differ_from_its_organ_is_none():
    values, hu = np.full(SHAPE, -8.0), np.where(HOST, 90, -100)
    dark, alike = ball((14, 20, 20), 4), ball((27, 20, 20), 4)
    values[dark], values[alike], hu[dark], hu[alike] = 5.0, 6.0, 60, 84
    found = contrasts(hu, HOST, np.where(dark, 1, np.where(alike, 2, 0)), np.ones(2, bool), 1.5**3 / 1000)
    assert found == pytest.approx([30, 6])
    seen = candidates(values, np.full(SHAPE, -8.0), hu)
    assert (judged(seen, TUMOUR, Rule(contrast=12.0)).verdict.keep == dark).all()
    assert (judged(seen, TUMOUR, Rule()).verdict.keep == dark | alike).all()


def test_a_piece_that_fills_its_organ_is_compared_with_the_whole():
    hu = np.where(HOST, 90, -100)
    parts = HOST.astype(int)
    assert contrasts(hu, HOST, parts, np.ones(1, bool), 1.5**3 / 1000) == pytest.approx([0])
    assert contrasts(hu, HOST, parts, np.zeros(1, bool), 1.5**3 / 1000).tolist() == [0]


def test_a_piece_is_of_one_kind():
    dark, bright = np.full(SHAPE, -8.0), np.full(SHAPE, -8.0)
    here, there = ball((15, 20, 20), 4), ball((26, 20, 20), 4)
    dark[here], bright[here] = 5.0, 3.0
    dark[there], bright[there] = 2.0, 4.0
    seen = candidates(dark, bright)
    assert (judged(seen, TUMOUR, Rule()).verdict.keep == here).all()
    assert (judged(seen, CYST, Rule()).verdict.keep == there).all()


@pytest.mark.parametrize("highest", [-6.0, 2.0, 4.5])
def test_the_absence_is_the_surer_the_farther_from_the_threshold(highest):
    values = np.full(SHAPE, -8.0)
    values[ball((20, 20, 20), 4)] = highest
    found = judged(candidates(values, np.full(SHAPE, -8.0)), TUMOUR, Rule(level=4.6, peak=5.0))
    assert not found.verdict.present
    assert found.verdict.confidence == pytest.approx(1 / (1 + np.exp(highest - 5.0)))


def test_a_bay_of_the_organ_belongs_to_it():
    bitten = HOST & ~ball((6, 20, 20), 3)
    assert (closed(bitten, 1.5) & HOST).sum() > bitten.sum()
    assert not closed(bitten, 1.5)[~HOST].sum() > 0.02 * HOST.sum()
