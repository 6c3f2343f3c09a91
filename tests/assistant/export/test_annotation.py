"""A mended mask as a label file: what is saved is what training reads."""

import json

import nibabel as nib
import numpy as np
import pytest

from assistant.export.annotation import save_annotation
from assistant.session import Session
from encoders.errors import BodyMapsError
from encoders.learning.loading import read_case


@pytest.fixture
def mended(study, segmenter):
    session = Session(study, segmenter)
    box = session.ask("segment the liver").findings[0].box.world_mm
    point = [(a + b) / 2 for a, b in zip(*box, strict=True)]
    session.correct("liver", exclude=[point], radius_mm=8, brush=True)
    session.correct("spleen", include=[point], radius_mm=4, brush=True)
    session.undo()
    session.correct("spleen", exclude=[point], radius_mm=4, brush=True)
    return session


def test_training_reads_it_as_a_label_file(mended, tmp_path):
    save_annotation(mended, tmp_path)
    note = json.loads((tmp_path / "annotation.json").read_text())
    entry = {"name": "mended", "labels": note["case"]["labels"]}
    case = read_case(entry, tmp_path, spacing=2.0)
    liver = mended.workspace.find(["liver"])["liver"].mask
    assert case.complete == {"liver"}
    assert case.labels.shape == (100, 80, 88)
    found = np.count_nonzero(case.labels == case.names.index("liver")) * 8e-3
    assert found == pytest.approx(liver.voxel_count * mended.study.volume.geometry.voxel_ml, rel=0.03)


def test_it_lies_on_the_studys_grid_with_its_marks(mended, tmp_path):
    save_annotation(mended, tmp_path)
    image = nib.load(tmp_path / "labels.nii.gz")
    values = json.loads((tmp_path / "labels.json").read_text())
    assert np.allclose(image.affine, mended.study.volume.geometry.affine)
    full = mended.workspace.find(["liver"])["liver"].mask.full()
    assert np.array_equal(np.asarray(image.dataobj) == values["liver"], full)
    note = json.loads((tmp_path / "annotation.json").read_text())
    assert note["segmenter"] == "phantom"
    (hint, _) = note["hints"]  # what was undone is no hint
    assert hint["targets"] == ["liver"]
    assert hint["radius_mm"] == 8


def test_without_a_correction_there_is_nothing_to_save(study, segmenter, tmp_path):
    session = Session(study, segmenter)
    session.ask("segment the liver")
    with pytest.raises(BodyMapsError, match="correct one first"):
        save_annotation(session, tmp_path / "new")
    assert not (tmp_path / "new").exists()
