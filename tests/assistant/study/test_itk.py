"""MetaImage and NRRD."""

import numpy as np
import pytest

from assistant.study import open_study
from encoders.errors import BodyMapsError
from eval.phantoms import grid, paint

sitk = pytest.importorskip("SimpleITK")


def as_itk(volume):
    """A volume as a SimpleITK image: axes (k, j, i) in its array, LPS+ in space."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(volume.hu.T))
    affine = volume.geometry.affine.copy()
    affine[:2] *= -1
    spacing = np.array(volume.geometry.spacing)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((affine[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    return image


@pytest.mark.parametrize("ending", [".mha", ".mhd", ".nrrd", ".nhdr"])
@pytest.mark.parametrize("orientation", ["RAS", "LPS", "SRA"])
def test_same_place_as_written(tmp_path, body_and_organ, organ_centre, ending, orientation):
    volume = paint(grid((30, 24, 26), (1.5, 2.0, 2.5), orientation, (9, -7, 12), (5, 6, 7)), body_and_organ)
    path = tmp_path / f"ct{ending}"
    sitk.WriteImage(as_itk(volume), str(path))
    study = open_study(path)
    assert np.array_equal(study.volume.hu, volume.hu)
    assert study.volume.hu.dtype == np.int16
    assert np.allclose(study.volume.geometry.affine, volume.geometry.affine, atol=1e-6)
    assert np.allclose(organ_centre(study.volume), organ_centre(volume), atol=1e-6)
    assert study.warnings == ()
    assert study.name == "ct"


def test_agrees_with_nifti(tmp_path, ct):
    sitk.WriteImage(as_itk(ct), str(tmp_path / "a.mha"))
    sitk.WriteImage(as_itk(ct), str(tmp_path / "b.nii.gz"))
    a, b = open_study(tmp_path / "a.mha"), open_study(tmp_path / "b.nii.gz")
    assert a.volume.geometry.same_grid(b.volume.geometry, 1e-3)
    assert np.array_equal(a.volume.hu, b.volume.hu)


def test_fourth_axis_of_one_is_dropped(tmp_path, ct):
    sitk.WriteImage(sitk.JoinSeries([as_itk(ct)]), str(tmp_path / "ct.nrrd"))
    assert np.array_equal(open_study(tmp_path / "ct.nrrd").volume.hu, ct.hu)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda image: image[:, :, 3], "single slice"),
        (lambda image: image[:, :, 3:4], "single slice"),
        (lambda image: sitk.JoinSeries([image, image]), "4 axes"),
        (lambda image: sitk.Compose([image, image, image]), "3 numbers"),
    ],
)
def test_what_is_no_ct_is_refused(tmp_path, ct, make, says):
    sitk.WriteImage(make(as_itk(ct)), str(tmp_path / "ct.mha"))
    with pytest.raises(BodyMapsError, match=says) as caught:
        open_study(tmp_path / "ct.mha")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("ending", [".mha", ".nrrd"])
@pytest.mark.parametrize("keep", [0, 20, 0.5])
def test_damaged(tmp_path, ct, ending, keep):
    path = tmp_path / f"ct{ending}"
    sitk.WriteImage(as_itk(ct), str(path))
    data = path.read_bytes()
    path.write_bytes(data[: keep if isinstance(keep, int) else int(len(data) * keep)])
    with pytest.raises(BodyMapsError, match="not a readable image") as caught:
        open_study(path)
    assert "\n" not in str(caught.value)


def test_nrrd_without_a_space_says_so(tmp_path):
    header = b"NRRD0004\ntype: short\ndimension: 3\nsizes: 4 4 4\nencoding: raw\nendian: little\n\n"
    pixels = np.linspace(-1000, 200, 64).astype("<i2").tobytes()
    (tmp_path / "ct.nrrd").write_bytes(header + pixels)
    assert any("left and right" in warning for warning in open_study(tmp_path / "ct.nrrd").warnings)


@pytest.mark.parametrize("ending", [".mha", ".mhd", ".nrrd", ".nhdr"])
@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../secret.raw", "sub/ct.raw", "LIST", "LIST 2", "ct%03d.raw 1 3 1"]
)
def test_pixels_of_another_folder_are_refused(tmp_path, ct, ending, name):
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.raw").write_bytes(bytes(ct.hu.nbytes))
    whole = tmp_path / "in" / f"whole{'.mhd' if 'm' in ending else '.nhdr'}"
    sitk.WriteImage(as_itk(ct), str(whole))
    path = tmp_path / "in" / f"ct{ending}"
    path.write_text(whole.read_text().replace("whole.raw", name))
    with pytest.raises(BodyMapsError, match="beside it"):
        open_study(path)


@pytest.mark.parametrize("ending", [".mhd", ".nhdr"])
def test_pixels_that_are_not_there(tmp_path, ct, ending):
    sitk.WriteImage(as_itk(ct), str(tmp_path / f"ct{ending}"))
    (tmp_path / "ct.raw").unlink()
    with pytest.raises(BodyMapsError, match=r"no ct\.raw beside it"):
        open_study(tmp_path / f"ct{ending}")


@pytest.mark.parametrize("ending", [".mha", ".nrrd"])
def test_bomb_is_refused_before_it_unpacks(tmp_path, ct, ending):
    path = tmp_path / f"ct{ending}"
    sitk.WriteImage(as_itk(ct), str(path), True)
    sizes = " ".join(map(str, ct.hu.shape)).encode()
    path.write_bytes(path.read_bytes().replace(sizes, b"512 512 600"))
    with pytest.raises(BodyMapsError, match="too much"):
        open_study(path)
