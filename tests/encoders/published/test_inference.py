"""Preprocessing, windows, blending and the way back against MONAI, which the reference is built of."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.data import MetaTensor
from monai.data.utils import dense_patch_slices
from monai.inferers import sliding_window_inference
from monai.transforms import CropForeground, Orientation, Spacing

from encoders.geometry import Geometry
from encoders.published import inference
from encoders.volume import Volume


def ct(shape=(30, 26, 20), spacing=(2.0, 1.2, 3.0), seed=0):
    rng = np.random.default_rng(seed)
    hu = np.full(shape, -1000, np.int16)
    hu[4:-3, 5:-4, 2:] = rng.normal(40, 90, (shape[0] - 7, shape[1] - 9, shape[2] - 2)).clip(-170)
    return Volume(hu, Geometry(shape, np.diag([*spacing, 1.0])))


@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, -1, 1), (1, -1, -1)])
def test_preparing_equals_the_published_transforms(signs):
    volume = ct()
    affine = volume.geometry.affine.copy()
    affine[:3, :3] *= np.array(signs)
    volume = Volume(volume.hu, Geometry(volume.shape, affine))
    image = MetaTensor(volume.hu[None].astype(np.float32), affine=torch.from_numpy(affine))
    image = Spacing(pixdim=(1.5,) * 3, mode="bilinear")(Orientation(axcodes="RAS", labels=None)(image))
    image = ((image + 175) / 425).clamp(0, 1)
    image = CropForeground(select_fn=lambda x: x > 0)(image)
    prepared = inference.prepare(volume)
    assert tuple(prepared.image.shape) == tuple(image.shape[1:])
    np.testing.assert_allclose(prepared.image.numpy(), image[0].numpy(), atol=1e-4)


@settings(deadline=None, max_examples=40)
@given(
    st.tuples(*[st.integers(8, 120)] * 3),
    st.tuples(*[st.sampled_from([32, 48, 96])] * 3),
    st.sampled_from([0.0, 0.25, 0.5, 0.75]),
)
def test_windows_lie_where_monai_puts_them(size, window, overlap):
    size = tuple(max(n, w) for n, w in zip(size, window, strict=True))
    step = [int(w * (1 - overlap)) if n > w else w for n, w in zip(size, window, strict=True)]
    expected = [tuple((s.start, s.stop) for s in place) for place in dense_patch_slices(size, window, step)]
    ours = [tuple((s.start, s.stop) for s in place) for place in inference.windows(size, window, overlap)]
    assert sorted(ours) == sorted(expected)
    assert len(set(ours)) == len(ours)


@pytest.mark.parametrize("shape", [(40, 36, 50), (20, 36, 29), (33, 32, 32)])
@pytest.mark.parametrize("overlap", [0.5, 0.75])
def test_blending_equals_monai(make_model, shape, overlap):
    model = make_model("unet")
    image = torch.rand(shape)
    window, rows = (32, 32, 32), [5, 27]
    with torch.inference_mode():
        expected = sliding_window_inference(
            image[None, None], window, 1, lambda x: model(x, rows), overlap=overlap, mode="gaussian"
        )[0]
    logits = inference.logits_of(model, image, rows, window, overlap)
    torch.testing.assert_close(logits, expected, atol=1e-4, rtol=0)


def test_the_fused_fast_path_gives_nearly_the_same_masks(make_model):
    model, image = make_model("unet"), torch.rand(40, 32, 32)
    image = torch.nn.functional.avg_pool3d(image[None], 5, 1, 2)[0]
    rows = list(range(32))
    plain = inference.logits_of(model, image, rows, (32, 32, 32))
    model.backbone.fuse()
    exact = inference.logits_of(model, image, rows, (32, 32, 32))
    # a dozen convolutions sum in another order; without AVX-512 by 1.2e-4
    torch.testing.assert_close(exact, plain, atol=4e-4, rtol=1e-4)
    half = inference.logits_of(model, image, rows, (32, 32, 32), half=True)
    a, b = half > 0, plain > 0
    assert 2 * (a & b).sum() / (a.sum() + b.sum()) > 0.99


def test_a_mask_comes_back_to_the_study_as_nearest_neighbour():
    volume = ct(shape=(30, 26, 20), spacing=(2.0, 1.2, 3.0))
    flipped = volume.geometry.affine.copy()
    flipped[0, 0] *= -1
    volume = Volume(volume.hu, Geometry(volume.shape, flipped))
    prepared = inference.prepare(volume)
    keep = np.zeros(prepared.image.shape, bool)
    keep[5:20, 4:12, 6:25] = True
    mask = inference.to_study("liver", keep, prepared, 0.5)
    big = np.zeros(prepared.shape, bool)
    big[prepared.box.slices] = keep
    full = np.zeros(volume.shape, bool)
    for i, j, k in np.ndindex(volume.shape):
        x = volume.shape[0] - 1 - i  # to canonical order
        at = [round(c * s / 1.5) for c, s in zip((x, j, k), (2.0, 1.2, 3.0), strict=True)]
        full[i, j, k] = big[tuple(np.minimum(at, np.subtract(big.shape, 1)))]
    assert full.any()
    assert np.array_equal(mask.full(), full)


def test_nothing_kept_is_absent():
    prepared = inference.prepare(ct())
    mask = inference.to_study("liver", np.zeros(prepared.image.shape, bool), prepared, 0.9)
    assert not mask.present
    assert mask.confidence == 0.9


def test_a_study_of_air_is_prepared_whole():
    volume = Volume(np.full((8, 8, 8), -1000, np.int16), Geometry((8, 8, 8), np.diag([1.5, 1.5, 1.5, 1])))
    prepared = inference.prepare(volume)
    assert prepared.image.shape == (8, 8, 8)
    assert not prepared.image.any()
