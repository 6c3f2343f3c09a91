"""Masks saved on the study's own grid."""

import nibabel as nib
import numpy as np
import pytest

from assistant.study import Study, open_study, save_array, save_mask
from encoders.errors import BodyMapsError
from encoders.segmenters.base import Mask
from eval.phantoms import grid


@pytest.fixture
def mask(ct):
    return ct.hu > 70


@pytest.mark.parametrize(("qform", "sform"), [(1, 0), (0, 2), (3, 2), (0, 0)])
@pytest.mark.parametrize("name", ["m.nii", "m.nii.gz"])
def test_forms_are_those_of_the_source(tmp_path, ct, mask, qform, sform, name):
    made = nib.nifti1.Nifti1Image(ct.hu, None)
    made.set_qform(grid(ct.shape, (1, 2, 3), "LPS", (10, 5, 3), (30, 20, 10)).affine, code=qform)
    made.set_sform(ct.geometry.affine, code=sform)
    made.header["descrip"] = b"JANE DOE"
    nib.save(made, tmp_path / "ct.nii")
    source, study = nib.load(tmp_path / "ct.nii"), open_study(tmp_path / "ct.nii")
    saved = nib.load(save_mask(mask, study, tmp_path / name))
    assert saved.get_data_dtype() == np.uint8
    assert np.array_equal(saved.get_fdata(), mask)
    assert np.array_equal(saved.affine, source.affine)
    assert (saved.header["qform_code"], saved.header["sform_code"]) == (qform, sform)
    for name_of in ("srow_x", "quatern_b", "qoffset_z"):
        assert np.array_equal(saved.header[name_of], source.header[name_of])
    assert np.array_equal(saved.header["pixdim"][:4], source.header["pixdim"][:4])
    assert b"DOE" not in saved.header.binaryblock


def test_a_mask_object_is_its_array(tmp_path, ct, mask):
    study = Study(ct, tmp_path / "ct.mha", "ct")
    for name, what in (("a.nii.gz", mask), ("b.nii.gz", Mask.from_full("liver", mask, 1.0))):
        save_mask(what, study, tmp_path / name)
    a, b = nib.load(tmp_path / "a.nii.gz"), nib.load(tmp_path / "b.nii.gz")
    assert np.array_equal(a.get_fdata(), b.get_fdata())
    assert np.allclose(a.affine, ct.geometry.affine, atol=1e-5)
    assert np.allclose(a.get_qform(), ct.geometry.affine, atol=1e-4)


def test_labels_and_folders(tmp_path, ct):
    study = Study(ct, tmp_path / "ct.mha", "ct")
    labels = (ct.hu > -500).astype(np.uint16) * 300
    saved = nib.load(save_array(labels, study, tmp_path / "new" / "deep" / "labels.nii.gz"))
    assert np.array_equal(saved.get_fdata(), labels)
    assert [path.name for path in (tmp_path / "new" / "deep").iterdir()] == ["labels.nii.gz"]


def test_a_failure_leaves_the_old_file(tmp_path, ct, mask, monkeypatch):
    study = Study(ct, tmp_path / "ct.mha", "ct")
    path = save_mask(mask, study, tmp_path / "m.nii.gz")
    before = path.read_bytes()

    def fail(data, compresslevel):
        raise RuntimeError("no memory")

    monkeypatch.setattr("isal.igzip.compress", fail)
    with pytest.raises(RuntimeError):
        save_mask(~mask, study, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["m.nii.gz"]


def test_refusals(tmp_path, ct, mask):
    study = Study(ct, tmp_path / "ct.mha", "ct")
    with pytest.raises(BodyMapsError, match="shape"):
        save_mask(mask[1:], study, tmp_path / "m.nii.gz")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BodyMapsError, match="cannot write"):
        save_mask(mask, study, tmp_path / "file" / "m.nii.gz")
