"""Opening any path: the right reader or one clear line."""

import nibabel as nib
import numpy as np
import pytest

from assistant.study import open_study
from encoders.errors import BodyMapsError
from encoders.geometry import Geometry

SHEAR = np.eye(4)
SHEAR[0, 1] = 0.2


def save(path, volume):
    nib.save(nib.nifti1.Nifti1Image(volume.hu, volume.geometry.affine), path)
    return path


def test_no_such_file(tmp_path):
    with pytest.raises(BodyMapsError, match=r"nowhere\.nii\.gz: no such file or folder"):
        open_study(tmp_path / "nowhere.nii.gz")


@pytest.mark.parametrize("name", ["letter.txt", "scan", "scan.png", "scan.dcm"])
@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG" * 100])
def test_other_files_are_refused_with_what_to_give(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BodyMapsError, match=r"not a CT image; give \.nii"):
        open_study(tmp_path / name)


def test_text_and_path_and_dots(tmp_path, ct):
    path = save(tmp_path / "patient.7.v2.nii.gz", ct)
    for given in (path, str(path)):
        study = open_study(given)
        assert study.name == "patient.7.v2"
        assert study.source == path


def test_progress_is_reported_and_can_stop_it(tmp_path, ct):
    seen = []
    open_study(save(tmp_path / "ct.nii", ct), lambda fraction, what: seen.append(fraction))
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0.0, 1.0)

    class Stop(Exception):
        pass

    def stop(fraction, what):
        raise Stop

    with pytest.raises(Stop):
        open_study(tmp_path / "ct.nii", stop)


def test_fingerprint_is_of_pixels_and_grid(tmp_path, ct):
    first = open_study(save(tmp_path / "a.nii", ct)).fingerprint
    assert open_study(save(tmp_path / "b.nii.gz", ct)).fingerprint == first
    other = ct.hu.copy()
    other[0, 0, 0] += 1
    nib.save(nib.nifti1.Nifti1Image(other, ct.geometry.affine), tmp_path / "c.nii")
    assert open_study(tmp_path / "c.nii").fingerprint != first
    moved = ct.geometry.affine + np.eye(4, k=3)
    nib.save(nib.nifti1.Nifti1Image(ct.hu, moved), tmp_path / "d.nii")
    assert open_study(tmp_path / "d.nii").fingerprint != first


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda ct: (ct.hu + 1024, ct.geometry.affine), "do not look like Hounsfield units"),
        (lambda ct: (ct.hu, np.diag([0.01, 0.01, 0.01, 1]) @ ct.geometry.affine), "spacing"),
        (
            lambda ct: (
                ct.hu,
                ct.geometry.affine @ SHEAR,
            ),
            "sheared",
        ),
    ],
    ids=["raw numbers", "metres", "shear"],
)
def test_doubts_are_said(tmp_path, ct, change, says):
    hu, affine = change(ct)
    nib.save(nib.nifti1.Nifti1Image(hu.astype(np.int16), affine), tmp_path / "ct.nii")
    study = open_study(tmp_path / "ct.nii")
    assert isinstance(study.volume.geometry, Geometry)
    assert any(says in warning for warning in study.warnings)


def test_a_file_that_may_not_be_seen(tmp_path, ct, refuse):
    path = save(tmp_path / "ct.nii.gz", ct)
    refuse(path)
    with pytest.raises(BodyMapsError, match=r"ct\.nii\.gz: cannot be read: Permission denied"):
        open_study(path)
