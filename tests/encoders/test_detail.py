"""The second pass: where it looks, and that it gives what the network gives there."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from encoders.detail import (
    FineStudy,
    Neighbourhood,
    _cells,
    decode_near,
    nearest,
    reach_mm,
    scaled_box,
    window_places,
)
from encoders.geometry import Box, Geometry
from encoders.inference import extract_features
from encoders.universal import body_position
from encoders.volume import Volume


def grid(shape, spacing):
    return Geometry(shape, np.diag([*[spacing] * 3, 1.0]))


@pytest.fixture
def volume():
    rng = np.random.default_rng(0)
    hu = np.full((40, 36, 44), -1000, np.int16)
    hu[4:36, 4:32] = rng.normal(40, 80, (32, 28, 44))
    return Volume(hu, grid(hu.shape, 2.0))


@pytest.fixture
def fine(tiny_model, volume):
    coarse = extract_features(tiny_model, volume)
    return FineStudy.of(volume, coarse, 2.0)


@given(
    st.tuples(*[st.integers(3, 40)] * 3),
    st.tuples(*[st.integers(3, 60)] * 3),
    st.data(),
)
def test_a_box_on_another_grid_covers_the_same_space(shape, other, data):
    source = Geometry(shape, np.eye(4))
    affine = np.eye(4)
    affine[:3, :3] = np.diag(np.divide(shape, other))
    affine[:3, 3] = np.divide(shape, other) / 2 - 0.5
    target = Geometry(other, affine)
    start = [data.draw(st.integers(0, n - 1)) for n in shape]
    box = Box(
        tuple(start), tuple(data.draw(st.integers(s + 1, n)) for s, n in zip(start, shape, strict=True))
    )
    low, high = target.world_box(scaled_box(box, source, target))
    wanted_low, wanted_high = source.world_box(box)
    assert (np.array(low) <= np.array(wanted_low) + 1e-3).all()
    assert (np.array(high) >= np.array(wanted_high) - 1e-3).all()
    step = np.diag(affine)[:3]
    assert (np.array(low) > np.array(wanted_low) - step - 1e-3).all()
    assert (np.array(high) < np.array(wanted_high) + step + 1e-3).all()


def test_nearest_repeats_voxels_and_is_zero_outside():
    values = np.arange(1, 9, dtype=np.uint8).reshape(2, 2, 2)
    whole = nearest(values, grid((4, 4, 4), 2.0), (1, 1, 1), grid((8, 8, 8), 1.0), Box.whole((8, 8, 8)))
    assert (whole[2:6, 2:6, 2:6] == values.repeat(2, 0).repeat(2, 1).repeat(2, 2)).all()
    assert whole.sum() == 8 * values.sum()


def test_a_neighbourhood_reaches_so_far_and_no_farther(tiny_model, volume):
    coarse = extract_features(tiny_model, volume)
    fine = FineStudy.of(volume, coarse, 1.0)
    mask = np.zeros(coarse.body.shape, bool)
    mask[4, 4, 5] = True  # one voxel of 4 mm
    place = Neighbourhood.around(mask, 8.0, coarse, fine)
    gate = np.zeros(fine.grid.shape, bool)
    gate[place.box.slices] = place.gate
    middle = coarse.grid.to_world(np.array([4, 4, 5]) + coarse.body.start)
    away = np.linalg.norm(fine.grid.to_world(np.argwhere(gate)) - middle, axis=1)
    assert away.max() <= 8.0 + 2 * np.sqrt(3)
    assert gate.sum() == pytest.approx(33 * 64)  # voxels within two of one another, in a lattice
    assert Neighbourhood.around(np.zeros_like(mask), 8.0, coarse, fine) is None


def test_one_window_gives_what_the_network_gives(tiny_model, fine):
    box = Box((10, 10, 12), (26, 22, 32))  # the size of a window
    place = Neighbourhood(box, np.ones(box.shape, bool))
    text = tiny_model.embeddings(["liver", "spleen"])
    found = decode_near(tiny_model, fine, place, text)
    start, stop = (np.subtract(edge, box.start).tolist() for edge in (fine.body.start, fine.body.stop))
    hu = fine.hu[box.slices][None].float()
    with torch.inference_mode():
        wanted = tiny_model(hu, body_position(start, stop, box.shape)[None], ["liver", "spleen"])[0]
    difference = (found - wanted).abs()  # bfloat16 in the one, float32 in the other
    assert difference.max() < 0.3 * wanted.std()
    assert difference.mean() < 0.03 * wanted.std()


def test_voxels_outside_the_gate_are_surely_not_it(tiny_model, fine):
    box = Box((0, 0, 0), fine.grid.shape)
    gate = np.zeros(box.shape, bool)
    gate[20:24, 20:24, 20:24] = True
    told = []
    found = decode_near(
        tiny_model,
        fine,
        Neighbourhood(box, gate),
        tiny_model.embeddings(["liver"]),
        lambda done, what: told.append(done),
    )[0].numpy()
    assert (found[~gate] == -20).all()
    assert (found[gate] > -20).all()
    every = np.prod([len(range(0, n, w)) for n, w in zip(box.shape, tiny_model.config.window, strict=True)])
    assert len(told) < every
    assert told[-1] == 1


def test_a_small_body_is_padded_with_air(tiny_model):
    hu = np.full((10, 8, 9), 40, np.int16)
    volume = Volume(hu, grid(hu.shape, 2.0))
    fine = FineStudy.of(volume, extract_features(tiny_model, volume), 2.0)
    box = Box.whole(hu.shape)
    found = decode_near(
        tiny_model, fine, Neighbourhood(box, np.ones(box.shape, bool)), tiny_model.embeddings(["liver"])
    )
    assert found.shape == (1, *hu.shape)
    assert torch.isfinite(found).all()


def test_every_structure_has_a_reach():
    assert reach_mm("liver_tumor") < reach_mm("pancreas")
    assert reach_mm("kidney_left") > 0


def test_a_mask_that_runs_on_is_followed(tiny_model, volume):
    fine = FineStudy.of(volume, extract_features(tiny_model, volume), 2.0)
    box = Box((12, 12, 12), (24, 24, 24))
    place = Neighbourhood(box, np.ones(box.shape, bool))
    ends = np.zeros(box.shape, bool)
    ends[3:9, 3:9, 3:9] = True
    assert place.following(ends, 8.0, fine) is None
    assert place.following(np.zeros(box.shape, bool), 8.0, fine) is None
    runs_on = ends.copy()
    runs_on[3:9, 3:9] = True  # out of the gate above and below
    wider = place.following(runs_on, 8.0, fine)
    gate = np.zeros(fine.grid.shape, bool)
    gate[wider.box.slices] = wider.gate
    assert gate[box.slices].all()
    assert gate[17, 17, 12 - 4 : 24 + 4].all()  # 8 mm are four voxels
    assert not gate[:, :, : 12 - 4].any()
    assert not gate[:, :, 24 + 4 :].any()
    assert not gate[: 15 - 4].any()


@given(st.integers(1, 400), st.integers(8, 96), st.floats(0, 0.7), st.randoms(use_true_random=False))
def test_every_marked_voxel_of_an_axis_belongs_to_one_window_that_holds_it(length, window, overlap, random):
    marked = np.zeros(max(length, window), bool)
    marked[[random.randrange(length) for _ in range(random.randrange(1, 5))]] = True
    cells = _cells(marked, window, overlap)
    owned = [n for _, own in cells for n in range(own.start, own.stop) if marked[n]]
    assert owned == np.flatnonzero(marked).tolist()
    for start, own in cells:
        assert 0 <= start <= own.start < own.stop <= start + window <= len(marked)
        assert marked[own].any()


@pytest.mark.parametrize("seed", range(5))
def test_windows_hold_all_that_is_marked_and_a_bent_tube_needs_few(seed):
    window = (20, 16, 20)
    z = np.arange(200)
    x, y = 60 + 30 * np.sin(z / 40 + seed), 50 + 25 * np.cos(z / 40 + seed)
    gate = np.zeros((120, 100, 200), bool)
    for n in z:
        gate[int(x[n]) - 5 : int(x[n]) + 5, int(y[n]) - 5 : int(y[n]) + 5, n] = True
    places = window_places(gate, window)
    covered = np.zeros_like(gate)
    for start in places:
        part = tuple(slice(s, s + w) for s, w in zip(start, window, strict=True))
        assert gate[part].any()
        covered[part] = True
    assert covered[gate].all()
    least = len(window_places(np.ones((20, 16, 200), bool), window))
    assert least <= len(places) <= 4 * least
    assert window_places(np.zeros_like(gate), window) == []
