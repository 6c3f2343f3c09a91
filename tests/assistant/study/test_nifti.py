"""NIfTI files, sound and broken."""

import gzip
import struct

import nibabel as nib
import numpy as np
import pytest

from assistant.study import limits, open_study
from encoders.errors import BodyMapsError
from eval.phantoms import grid, paint


def image(array, affine=None, kind=nib.nifti1.Nifti1Image):
    return kind(array, np.diag([1.5, 1.5, 2.0, 1.0]) if affine is None else affine)


@pytest.fixture
def hu():
    return np.random.default_rng(0).integers(-1000, 400, (7, 6, 5)).astype(np.int16)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize("kind", [nib.nifti1.Nifti1Image, nib.nifti2.Nifti2Image])
@pytest.mark.parametrize("orientation", ["RAS", "LPS", "SRA", "PIR"])
def test_same_array_and_affine_as_nibabel(tmp_path, body_and_organ, ending, kind, orientation):
    volume = paint(grid((20, 22, 18), (2.5, 2.2, 3.3), orientation, (10, -12, 8)), body_and_organ)
    path = tmp_path / f"ct{ending}"
    nib.save(image(volume.hu, volume.geometry.affine, kind), path)
    study, saved = open_study(path), nib.load(path)
    assert np.array_equal(study.volume.hu, saved.get_fdata())
    assert study.volume.hu.dtype == np.int16
    assert np.array_equal(study.volume.geometry.affine, saved.affine)
    assert study.name == "ct"
    assert study.warnings == ()


@pytest.mark.parametrize(
    ("stored", "slope", "inter", "dtype"),
    [
        (np.uint16, 1, -1024, np.int16),
        (np.int16, 2, -1000, np.int16),
        (np.uint8, 4, -500, np.int16),
        (np.int16, 0.5, 0, np.float32),
        (np.float32, 1, 0, np.int16),
        (np.float64, 1, 0.25, np.float32),
        (">i2", 1, 0, np.int16),
        (np.int32, 1, 0, np.int16),
    ],
)
def test_scaling_is_honoured(tmp_path, stored, slope, inter, dtype):
    pixels = np.arange(210).reshape(7, 6, 5).astype(stored)
    header = nib.nifti1.Nifti1Header(endianness=">" if stored == ">i2" else "<")
    header.set_data_dtype(stored)
    made = nib.nifti1.Nifti1Image(pixels, np.eye(4), header)
    made.header.set_slope_inter(slope, inter)
    data = bytearray(made.to_bytes())
    order = ">" if stored == ">i2" else "<"
    data[112:120] = struct.pack(f"{order}2f", slope, inter)  # nibabel would rescale the pixels instead
    data[352:] = pixels.tobytes(order="F")
    (tmp_path / "ct.nii").write_bytes(data)
    volume = open_study(tmp_path / "ct.nii").volume
    assert volume.hu.dtype == dtype
    assert np.array_equal(volume.hu, np.arange(210).reshape(7, 6, 5) * slope + inter)
    assert np.array_equal(volume.hu, nib.load(tmp_path / "ct.nii").get_fdata())


@pytest.mark.parametrize(("qform", "sform"), [(1, 0), (0, 2), (1, 2), (0, 0)])
def test_affine_is_the_one_nibabel_takes(tmp_path, hu, qform, sform):
    made = image(hu)
    turned = grid(hu.shape, (1, 2, 3), "LPS", (10, 5, 3), (30, 20, 10)).affine
    made.set_qform(turned, code=qform)
    made.set_sform(np.diag([2, 2, 2, 1]), code=sform)
    nib.save(made, tmp_path / "ct.nii")
    study = open_study(tmp_path / "ct.nii")
    assert np.allclose(study.volume.geometry.affine, nib.load(tmp_path / "ct.nii").affine)
    assert any("left and right may be swapped" in w for w in study.warnings) == (qform == sform == 0)


def test_fourth_axis_of_one_is_dropped(tmp_path, hu):
    nib.save(image(hu[..., None]), tmp_path / "ct.nii.gz")
    assert open_study(tmp_path / "ct.nii.gz").volume.shape == hu.shape


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.zeros((4, 4, 4, 2), np.int16), "4 axes"),
        (np.zeros((8, 8), np.int16), "single slice"),
        (np.zeros((8, 8, 1), np.int16), "single slice"),
        (np.full((4, 4, 4), np.nan, np.float32), "NaN"),
        (np.full((4, 4, 4), 1e39), "too large"),
        (np.zeros((4, 4, 4), [("R", "u1"), ("G", "u1"), ("B", "u1")]), "colours"),
        (np.zeros((4, 4, 4), np.complex64), "complex"),
    ],
)
def test_what_is_no_ct_is_refused(tmp_path, array, says):
    nib.save(image(array), tmp_path / "ct.nii")
    with pytest.raises(BodyMapsError, match=says) as caught:
        open_study(tmp_path / "ct.nii")
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "ct.nii") in str(caught.value)


def test_zero_slices(tmp_path, hu):
    data = bytearray(image(hu).to_bytes())
    data[46:48] = struct.pack("<h", 0)
    (tmp_path / "ct.nii").write_bytes(data)
    with pytest.raises(BodyMapsError, match="no slices"):
        open_study(tmp_path / "ct.nii")


def test_singular_affine(tmp_path, hu):
    made = image(hu)
    made.header["srow_x"] = made.header["srow_y"]
    data = bytearray(made.to_bytes())
    data[280:296] = data[296:312]  # srow_x = srow_y
    (tmp_path / "ct.nii").write_bytes(data)
    with pytest.raises(BodyMapsError, match="singular"):
        open_study(tmp_path / "ct.nii")


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.99])
@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_truncated(tmp_path, keep, ending):
    noise = np.random.default_rng(0).integers(-1000, 1000, (30, 30, 30)).astype(np.int16)
    data = image(noise).to_bytes()
    data = gzip.compress(data) if ending == ".nii.gz" else data
    path = tmp_path / f"ct{ending}"
    path.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(BodyMapsError, match=r"too early|truncated") as caught:
        open_study(path)
    assert "\n" not in str(caught.value)


def test_damaged_gzip(tmp_path):
    noise = np.random.default_rng(0).integers(-1000, 1000, (30, 30, 30)).astype(np.int16)
    data = bytearray(gzip.compress(image(noise).to_bytes()))
    data[-8] ^= 0xFF  # the checksum
    (tmp_path / "ct.nii.gz").write_bytes(data)
    with pytest.raises(BodyMapsError, match="damaged"):
        open_study(tmp_path / "ct.nii.gz")


@pytest.mark.parametrize(
    "content", [b"", b"\x5c\x01", b"hello, I am a letter" * 50, b"\x1f\x8b" + b"x" * 100]
)
@pytest.mark.parametrize("name", ["ct.nii", "ct.nii.gz"])
def test_not_an_image(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BodyMapsError, match=r"not a NIfTI|damaged|too early"):
        open_study(tmp_path / name)


def test_a_header_that_promises_too_much(tmp_path, hu):
    data = bytearray(image(hu).to_bytes())
    data[42:48] = struct.pack("<3h", 32000, 32000, 32000)
    (tmp_path / "bomb.nii.gz").write_bytes(gzip.compress(data))
    with pytest.raises(BodyMapsError, match="too much"):
        open_study(tmp_path / "bomb.nii.gz")


def test_gzip_without_its_ending_and_the_reverse(tmp_path, hu):
    data = image(hu).to_bytes()
    (tmp_path / "a.nii").write_bytes(gzip.compress(data))
    (tmp_path / "b.nii.gz").write_bytes(data)
    (tmp_path / "c.img").write_bytes(data)
    for name in ("a.nii", "b.nii.gz", "c.img"):
        assert np.array_equal(open_study(tmp_path / name).volume.hu, hu)


def test_texts_of_the_header_are_not_kept(tmp_path, hu):
    made = image(hu)
    made.header["descrip"] = b"JANE DOE 1950"
    nib.save(made, tmp_path / "ct.nii")
    study = open_study(tmp_path / "ct.nii")
    assert "DOE" not in repr((study.facts, study.warnings, study.name))


def test_gzip_bomb_is_refused_before_it_unpacks(tmp_path, hu):
    data = bytearray(image(hu).to_bytes()[:352])
    data[42:48] = struct.pack("<3h", 512, 512, 600)
    size = 512 * 512 * 600 * 2
    with gzip.open(tmp_path / "bomb.nii.gz", "wb", compresslevel=1) as file:
        file.write(
            bytes(data) + bytes(10**6)
        )  # the rest is not even needed: it is refused by what it promises
    assert size > limits.SMALL_BYTES
    with pytest.raises(BodyMapsError, match="too much"):
        open_study(tmp_path / "bomb.nii.gz")


@pytest.mark.parametrize("name", ["ct.nii", "ct.nii.gz"])
def test_the_first_part_of_a_large_file_is_called_cut_off(tmp_path, hu, name):
    data = bytearray(image(hu).to_bytes()[:352])
    data[42:48] = struct.pack("<3h", 512, 512, 600)
    data += np.random.default_rng(0).bytes(400_000)
    (tmp_path / name).write_bytes((gzip.compress(data) if name.endswith("gz") else data)[:200_000])
    with pytest.raises(BodyMapsError, match=r"promises 300 MB out of 0\.19 MB.* cut off or damaged"):
        open_study(tmp_path / name)


def test_pixels_that_begin_nowhere(tmp_path, hu):
    data = bytearray(image(hu).to_bytes())
    data[108:112] = struct.pack("<f", 1e13)
    (tmp_path / "ct.nii.gz").write_bytes(gzip.compress(data))
    with pytest.raises(BodyMapsError, match="header is damaged"):
        open_study(tmp_path / "ct.nii.gz")


def test_noisy_ct_is_no_bomb(tmp_path):
    noise = np.random.default_rng(0).normal(40, 10, (200, 200, 900)).astype(np.int16)
    assert noise.nbytes > limits.SMALL_BYTES
    nib.save(image(noise), tmp_path / "ct.nii")
    (tmp_path / "ct.nii.gz").write_bytes(gzip.compress((tmp_path / "ct.nii").read_bytes(), 1))
    assert open_study(tmp_path / "ct.nii.gz").volume.shape == noise.shape
