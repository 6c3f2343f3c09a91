"""What counts as a lesion: pieces of logits on phantoms of known size and place."""

import numpy as np
import pytest
import torch

from encoders.geometry import Box, Geometry
from encoders.segmenters.base import Asked
from encoders.segmenters.lesions import Candidates, Rule, closed, judged, pieces

SHAPE = (40, 40, 40)
TUMOUR, CYST = Asked("liver_tumor"), Asked("liver_cyst")


def ball(centre, radius):
    grid = np.indices(SHAPE) - np.reshape(centre, (3, 1, 1, 1))
    return (grid**2).sum(0) <= radius**2


HOST = ball((20, 20, 20), 15)


def candidates(tumour, cyst):
    grid = Geometry(SHAPE, np.diag([1.5, 1.5, 1.5, 1.0]))
    logits = torch.from_numpy(np.stack([tumour, cyst]).astype(np.float32))
    return Candidates((TUMOUR, CYST), logits, HOST, Box((0, 0, 0), SHAPE), grid)


def test_a_piece_needs_its_peak_its_size_and_its_organ():
    values = np.full(SHAPE, -8.0)
    values[ball((20, 20, 20), 4)] = 6.0
    values[ball((10, 20, 20), 4)] = 3.0  # no peak
    values[28, 20, 20] = 7.0  # one voxel
    values[ball((35, 35, 35), 4)] = 7.0  # outside
    found = pieces(values, HOST, Rule(level=2.0), 1.5**3 / 1000)
    assert len(found.peaks) == 4
    assert sorted(found.peaks[found.usable]) == pytest.approx([3, 6])
    mask = judged(candidates(values, np.full(SHAPE, -8.0)), TUMOUR, Rule(level=2.0, peak=5.0))
    assert (mask.verdict.keep == ball((20, 20, 20), 4)).all()
    assert ((mask.logits.numpy() > 0) == mask.verdict.keep).all()


def test_a_thin_piece_does_not_reach_what_a_round_one_does():
    thin, round_ = np.full(SHAPE, -8.0), np.full(SHAPE, -8.0)
    thin[8:32, 19:21, 19:21] = 6.0
    round_[ball((20, 20, 20), 3)] = 6.0
    (a,), (b,) = (pieces(values, HOST, Rule(), 1.5**3 / 1000).peaks for values in (thin, round_))
    assert a < 0 < 4 < b


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
