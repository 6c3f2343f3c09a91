import numpy as np
import pytest

from assistant.export.labels import label_map, save_segmentation
from encoders.errors import BodyMapsError
from encoders.files import replacing, save_json
from encoders.segmenters.base import Mask
from eval.phantoms import Ellipsoid, grid, rasterise


def test_label_map_keeps_small_parts_visible():
    geometry = grid((20, 20, 20), 1.0)
    masks = {
        name: Mask.from_full(name, rasterise(solid, geometry), 1.0)
        for name, solid in {
            "liver_tumor": Ellipsoid((0, 0, 0), (3, 3, 3)),
            "liver": Ellipsoid((0, 0, 0), (8, 8, 8)),
        }.items()
    }
    array, labels = label_map(masks | {"spleen": Mask.absent("spleen", geometry.shape, 0.9)}, geometry.shape)
    assert {v: e["id"] for v, e in labels.items()} == {"1": "liver_tumor", "2": "liver"}
    assert np.count_nonzero(array == 1) == masks["liver_tumor"].voxel_count
    assert np.count_nonzero(array) == masks["liver"].voxel_count


def test_segmentation_lists_what_was_not_found(study, segmenter, tmp_path):
    masks = segmenter.segment(study.volume, ["liver"])
    masks["spleen"] = Mask.absent("spleen", study.volume.shape, 0.9)
    paths = save_segmentation(masks, study, tmp_path)
    assert [p.name for p in paths] == ["segmentation.nii.gz", "labels.json"]
    assert '"not_found": [\n  "spleen"\n ]' in paths[1].read_text()


def test_dicom_seg_of_a_study_that_is_not_dicom_is_a_clear_error(study, segmenter, tmp_path):
    with pytest.raises(BodyMapsError, match="DICOM"):
        save_segmentation(segmenter.segment(study.volume, ["liver"]), study, tmp_path, "dicom-seg")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_no_half_written_file(tmp_path):
    target = tmp_path / "answer.json"

    def write():
        with replacing(target) as temporary:
            temporary.write_text("half")
            raise RuntimeError("disk")

    with pytest.raises(RuntimeError, match="disk"):
        write()
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_place_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BodyMapsError, match="cannot write"):
        save_json({}, tmp_path / "file" / "answer.json")
