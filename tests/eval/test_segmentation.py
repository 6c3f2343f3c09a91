"""`bodymaps eval segmentation` on a tiny data set with known scores."""

import json

import nibabel as nib
import numpy as np
import pytest
import trimesh

from encoders.errors import BodyMapsError
from encoders.files import save_json
from encoders.segmenters.base import Mask, Quality
from eval.dataset import find_cases
from eval.intervals import mean_interval
from eval.segmentation import evaluate, evaluate_predictions, table

SHAPE = (24, 20, 18)


class Fixed:
    """A segmenter that always answers with the same box for the liver."""

    name = "fixed"

    def supported(self):
        return frozenset({"liver", "spleen"})

    def quality(self, structure):
        return Quality("experimental")

    def segment(self, volume, structures, progress=None):
        found = {}
        for structure in structures:
            mask = np.zeros(volume.shape, bool)
            if structure == "liver":
                mask[4:12, 4:12, 4:12] = True
            found[structure] = Mask.from_full(structure, mask, 0.7)
        return found


@pytest.fixture
def dataset(tmp_path):
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    hu = np.full(SHAPE, -1000, np.int16)
    hu[2:22, 2:18] = 40
    for case, start in (("a", 4), ("b", 8)):
        folder = tmp_path / "set" / case
        (folder / "segmentations").mkdir(parents=True)
        nib.save(nib.Nifti1Image(hu, affine), folder / "ct.nii.gz")
        liver = np.zeros(SHAPE, np.uint8)
        liver[start : start + 8, 4:12, 4:12] = 1
        nib.save(nib.Nifti1Image(liver, affine), folder / "segmentations" / "liver.nii.gz")
    box = trimesh.creation.box((6, 6, 6))
    box.apply_translation((16.2, 10.2, 8.2))
    box.export(tmp_path / "set" / "a" / "aorta.stl")
    return tmp_path / "set"


def test_scores_per_case_and_in_summary(dataset, tmp_path):
    result = evaluate(Fixed(), dataset)
    assert result["cases"] == 2
    rows = {(r["case"], r["structure"]): r for r in result["rows"]}
    assert rows["a", "liver"]["dice"] == 1.0
    assert rows["a", "liver"]["nsd"] == 1.0
    assert rows["b", "liver"]["dice"] == 0.5
    assert rows["b", "liver"]["volume_error"] == 0.0
    assert rows["a", "aorta"]["supported"] is False
    assert result["summary"]["liver"] == {
        "cases": 2,
        "dice": 0.75,
        "nsd": pytest.approx((1 + rows["b", "liver"]["nsd"]) / 2),
        "hd95_mm": pytest.approx(rows["b", "liver"]["hd95_mm"] / 2),
        "dice_low95": None,  # two cases are too few for an interval
        "dice_high95": None,
    }
    assert result["tolerance_mm"] == 3  # TotalSegmentator's layout
    assert "aorta" not in result["summary"]
    text = table(result)
    assert "2 case(s), segmenter fixed" in text
    save_json(result, tmp_path / "out.json")
    assert json.loads((tmp_path / "out.json").read_text())["summary"]["liver"]["cases"] == 2


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(BodyMapsError, match="no case"):
        find_cases(tmp_path)


def test_a_reference_on_another_grid_is_refused(dataset):
    small = nib.Nifti1Image(np.ones((3, 3, 3), np.uint8), np.eye(4))
    nib.save(small, dataset / "a" / "spleen.nii.gz")
    with pytest.raises(BodyMapsError, match="shape"):
        evaluate(Fixed(), dataset)


def test_the_interval_of_a_mean_holds_it_and_repeats():
    low, high = mean_interval([0.7, 0.8, 0.9, 0.95])
    assert 0.7 < low < 0.8375 < high < 0.95
    assert mean_interval([0.7, 0.8, 0.9, 0.95]) == (low, high)
    assert mean_interval([0.5] * 4) == (0.5, 0.5)
    assert mean_interval([0.1, 0.9]) is None


def test_abdomenatlas_names_and_tolerance(dataset):
    segmentations = dataset / "a" / "segmentations"
    (segmentations / "liver.nii.gz").rename(segmentations / "postcava.nii.gz")
    nib.save(nib.load(segmentations / "postcava.nii.gz"), dataset / "a" / "combined_labels.nii.gz")
    nib.save(nib.load(segmentations / "postcava.nii.gz"), segmentations / "zzz.nii.gz")
    result = evaluate(Fixed(), dataset)
    assert {r["structure"] for r in result["rows"] if r["case"] == "a"} == {"aorta", "inferior_vena_cava"}
    assert (result["layout"], result["tolerance_mm"], result["unmapped"]) == ("AbdomenAtlas", 1, ["zzz"])


def test_predictions_of_others(dataset, tmp_path):
    """A folder of masks scores what the segmenter that drew them scores; a case left out is an error."""
    own = tmp_path / "own"
    full = np.zeros(SHAPE, np.uint8)
    full[4:12, 4:12, 4:12] = 1
    (own / "a").mkdir(parents=True)
    nib.save(nib.Nifti1Image(full, np.eye(4)), own / "a" / "liver.nii.gz")
    with pytest.raises(BodyMapsError, match="no prediction of case 'b'"):
        evaluate_predictions(own, dataset)
    (own / "b").mkdir()  # looked at, nothing found
    rows = {(r["case"], r["structure"]): r for r in evaluate_predictions(own, dataset)["rows"]}
    assert rows["a", "liver"]["dice"] == 1.0
    assert rows["b", "liver"]["dice"] == 0.0
    assert rows["a", "aorta"]["supported"] is False
