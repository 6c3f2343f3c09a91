"""The way from a CT to masks, with a tiny random model and with known logits."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from encoders import inference
from encoders.errors import Cancelled
from encoders.geometry import Box, Geometry
from encoders.universal import body_position
from encoders.volume import Volume


@given(st.integers(1, 400), st.integers(4, 120), st.floats(0, 0.9))
def test_windows_cover_everything(length, window, overlap):
    starts = inference.window_starts(length, window, overlap)
    covered = np.zeros(max(length, window), bool)
    for start in starts:
        assert start >= 0
        assert start + window <= max(length, window)
        covered[start : start + window] = True
    assert covered.all()
    assert all(b - a <= max(1, round(window * (1 - overlap)) + 1) for a, b in pairwise(starts))


def test_blending_weight_is_highest_in_the_middle():
    weight = inference.blending_weight((5, 7, 9))
    assert weight.shape == (5, 7, 9)
    assert weight.argmax() == np.ravel_multi_index((2, 3, 4), (5, 7, 9))
    assert weight.min() > 0


def test_resampling_keeps_the_mean():
    hu = np.random.default_rng(0).normal(0, 100, (8, 8, 8)).astype(np.float32)
    assert inference.resample_hu(hu, (4, 4, 4)).mean() == pytest.approx(hu.mean(), abs=1e-3)
    assert inference.resample_hu(hu, (4, 4, 16)).shape == (4, 4, 16)


def test_body_box_finds_the_patient_not_the_table():
    hu = np.full((40, 40, 20), -1000, np.int16)
    hu[10:30, 12:28] = 40
    hu[:, 2] = 100  # a table
    box = inference.body_box(hu, margin=0)
    assert (box.start, box.stop) == ((10, 12, 0), (30, 28, 20))


def test_logits_of_a_ball_come_back_as_that_ball():
    """A signed distance on a coarse grid gives the ball on the fine grid to within a voxel's thickness."""
    fine = Geometry((60, 48, 50), np.diag([1.0, 1.25, 1.2, 1]))
    coarse = fine.resampled(3.0)
    centre, radius = fine.to_world((30, 24, 25)), 14.0

    def distance(geometry):
        grid = np.stack(np.meshgrid(*map(np.arange, geometry.shape), indexing="ij"), -1)
        return radius - np.linalg.norm(geometry.to_world(grid) - centre, axis=-1)

    box = Box.of_mask(distance(coarse) > -4)
    logits = torch.from_numpy(distance(coarse)[box.slices]).float()
    found, mask = inference.to_study_grid(logits, box, coarse, fine)
    full = np.zeros(fine.shape, bool)
    full[found.slices] = mask
    truth = distance(fine) > 0
    assert 2 * (full & truth).sum() / (full.sum() + truth.sum()) > 0.97


def ct(shape=(40, 30, 36), spacing=4.0):
    rng = np.random.default_rng(3)
    hu = np.full(shape, -1000, np.int16)
    hu[4:-4, 4:-4] = rng.normal(40, 60, (shape[0] - 8, shape[1] - 8, shape[2])).astype(np.int16)
    return Volume(hu, Geometry(shape, np.diag([spacing, spacing, spacing, 1.0])))


def test_windowed_logits_equal_the_blend_computed_by_hand(tiny_model):
    volume = ct()
    study = inference.extract_features(tiny_model, volume)
    assert len(study.windows) > 1
    logits = inference.decode(tiny_model, study, tiny_model.embeddings(["spleen", "liver"]))
    assert logits.shape == (2, *study.body.shape)
    hu = torch.from_numpy(volume.hu[study.body.slices].astype(np.float32))
    position = body_position((0, 0), study.body.shape, study.body.shape)
    window = tiny_model.config.window
    weight = inference.blending_weight(window)
    total, norm = torch.zeros(study.body.shape), torch.zeros(study.body.shape)
    for kept in study.windows:
        place = tuple(slice(s, s + w) for s, w in zip(kept.start, window, strict=True))
        total[place] += (
            tiny_model(hu[place][None], position[(slice(None), *place)][None], ["spleen"])[0, 0] * weight
        )
        norm[place] += weight
    # features are kept in bfloat16
    assert (logits[0] - total / norm).abs().mean() < 0.02 * logits[0].abs().mean() + 0.02


def test_small_studies_are_padded(tiny_model):
    study = inference.extract_features(tiny_model, ct((9, 8, 7)))
    logits = inference.decode(tiny_model, study, tiny_model.embeddings(["liver"]))
    assert logits.shape == (1, *study.body.shape)
    assert torch.isfinite(logits).all()


def test_progress_can_stop_the_work(tiny_model):
    def stop(done, what):
        raise Cancelled

    with pytest.raises(Cancelled):
        inference.extract_features(tiny_model, ct(), progress=stop)


def test_parts_equal_the_whole(tiny_model):
    study = inference.extract_features(tiny_model, ct())
    text = tiny_model.embeddings(tiny_model.config.structures)
    whole = inference.decode(tiny_model, study, text)
    for index, logits in inference.decode_in_parts(tiny_model, study, text, at_once=3):
        torch.testing.assert_close(logits, whole[index], atol=1e-2, rtol=1e-2)
