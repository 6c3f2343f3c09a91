"""Tiny MSD, nnU-Net and BTCV data sets score what hand computation gives."""

import json

import nibabel as nib
import numpy as np
import pytest

from encoders.errors import BodyMapsError
from encoders.segmenters.base import Mask, Quality
from encoders.segmenters.names import structure_of
from eval.dataset import read_dataset
from eval.layouts import read_layout
from eval.leaderboard import collection, leaderboard
from eval.segmentation import evaluate, evaluate_predictions, table

SHAPE = (20, 18, 16)


class Fixed:
    """Draws given boxes: {structure: slices}."""

    name = "fixed"

    def __init__(self, boxes):
        self.boxes = boxes

    def supported(self):
        return frozenset(self.boxes)

    def quality(self, structure):
        return Quality("experimental")

    def segment(self, volume, structures, progress=None):
        masks = {}
        for structure in structures:
            full = np.zeros(volume.shape, bool)
            full[self.boxes[structure]] = True
            masks[structure] = Mask.from_full(structure, full, 0.9)
        return masks


def save(array, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, np.diag([2.0, 1.0, 1.0, 1.0])), path)


def ct():
    hu = np.full(SHAPE, -1000, np.int16)
    hu[1:19, 1:17] = 40
    return hu


def labels():
    array = np.zeros(SHAPE, np.uint8)
    array[2:12, 4:12, 4:12] = 1  # 640 voxels, 64 of them become label 2
    array[4:8, 4:8, 4:8] = 2
    return array


def about(nnunet):
    names = {"background": 0, "liver": 1, "cancer": 2, "zzz": 3}
    if nnunet:
        return {"name": "Liver", "channel_names": {"0": "CT"}, "labels": names}
    return {"name": "Liver", "labels": {str(v): k for k, v in names.items()}}


@pytest.mark.parametrize(("nnunet", "suffix"), [(False, ""), (True, "_0000")], ids=["MSD", "nnU-Net"])
def test_msd_and_nnunet_by_hand(tmp_path, nnunet, suffix):
    (tmp_path / "dataset.json").write_text(json.dumps(about(nnunet)))
    save(ct(), tmp_path / "imagesTr" / f"liver_1{suffix}.nii.gz")
    save(labels(), tmp_path / "labelsTr" / "liver_1.nii.gz")
    save(ct(), tmp_path / "imagesTr" / f"liver_2{suffix}.nii.gz")  # has no labels: not a case
    boxes = {
        "liver": np.s_[2:12, 4:12, 4:10],  # 480 voxels, all inside the 640
        "liver_tumor": np.s_[6:10, 4:8, 4:8],  # 64 voxels, 32 of them in the 64
    }
    result = evaluate(Fixed(boxes), tmp_path)
    assert result["cases"] == 1
    rows = {r["structure"]: r for r in result["rows"]}
    assert rows["liver"]["dice"] == pytest.approx(960 / 1120)
    assert rows["liver"]["volume_error"] == pytest.approx(-0.25)
    assert rows["liver_tumor"]["dice"] == pytest.approx(0.5)
    # moved by two voxels of 2 mm: 16 of each surface's 56 voxels are 4 mm from the other, none is farther
    assert rows["liver_tumor"]["hd95_mm"] == 4.0
    assert rows["liver_tumor"]["nsd"] == 1.0  # within the benchmark's 7 mm
    assert "zzz" in table(result)


def test_btcv_by_hand(tmp_path):
    array = np.zeros(SHAPE, np.uint8)
    array[2:6, 2:6, 2:6] = 1
    array[10:14, 2:6, 2:6] = 13
    save(ct(), tmp_path / "img" / "img0001.nii.gz")
    save(array, tmp_path / "label" / "label0001.nii.gz")
    boxes = {"spleen": np.s_[2:6, 2:6, 2:6], "adrenal_gland_left": np.s_[10:14, 2:6, 4:8]}
    rows = {r["structure"]: r for r in evaluate(Fixed(boxes), tmp_path)["rows"]}
    assert len(rows) == 13
    assert rows["spleen"]["dice"] == rows["spleen"]["nsd"] == 1.0
    assert rows["adrenal_gland_left"]["dice"] == 0.5
    assert rows["liver"]["supported"] is False


def test_a_layout_without_labels_is_refused(tmp_path):
    (tmp_path / "dataset.json").write_text(json.dumps(about(False)))
    save(ct(), tmp_path / "imagesTr" / "liver_1.nii.gz")
    with pytest.raises(BodyMapsError, match="no case"):
        evaluate(Fixed({}), tmp_path)


def test_an_unreadable_dataset_json_is_refused(tmp_path):
    (tmp_path / "dataset.json").write_text("{")
    with pytest.raises(BodyMapsError, match=r"dataset\.json"):
        read_layout(tmp_path)


@pytest.mark.parametrize("dataset", ["Pancreas", "PANCREAS"])
def test_a_label_means_what_its_data_set_says(dataset):
    assert structure_of("cancer", dataset) == "pancreas_tumor"
    assert structure_of("cancer", "elsewhere") is None
    assert structure_of("right kidney", "elsewhere") == "kidney_right"


@pytest.mark.parametrize(("name", "tolerance"), [("Liver", 7), ("Dataset003_Liver", 7), ("Other", 2)])
def test_the_decathlon_has_its_own_tolerances(tmp_path, name, tolerance):
    (tmp_path / "dataset.json").write_text(json.dumps(about(False) | {"name": name}))
    save(ct(), tmp_path / "imagesTr" / "liver_1.nii.gz")
    save(labels(), tmp_path / "labelsTr" / "liver_1.nii.gz")
    assert read_dataset(tmp_path).tolerance_mm == tolerance


def msd(folder, name="Liver"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dataset.json").write_text(json.dumps(about(False) | {"name": name}))
    save(ct(), folder / "imagesTr" / "liver_1.nii.gz")
    save(labels(), folder / "labelsTr" / "liver_1.nii.gz")
    save(ct(), folder / "imagesTs" / "liver_9.nii.gz")


BOXES = {"liver": np.s_[2:12, 4:12, 4:10], "liver_tumor": np.s_[6:10, 4:8, 4:8]}


def test_export_has_the_data_sets_values_and_covers_its_test_images(tmp_path):
    msd(tmp_path / "set")
    result = evaluate(Fixed(BOXES), tmp_path / "set", export=tmp_path / "out")
    assert result["cases"] == 1
    for case in ("liver_1", "liver_9"):
        image = nib.load(tmp_path / "out" / f"{case}.nii.gz")
        assert np.array_equal(image.affine, np.diag([2.0, 1.0, 1.0, 1.0]))
        array = np.asanyarray(image.dataobj)
        assert (array == 2).sum() == 64  # the tumour wins over the organ
        assert (array == 1).sum() == 480 - 64
    again = evaluate_predictions(tmp_path / "out", tmp_path / "set")
    assert again["summary"] == result["summary"]


def test_a_group_is_scored_by_its_leaves(tmp_path):
    (tmp_path / "dataset.json").write_text(json.dumps({"name": "KiTS", "labels": {"1": "kidney"}}))
    array = np.zeros(SHAPE, np.uint8)
    array[2:6, 2:6, 2:6] = array[10:14, 2:6, 2:6] = 1
    save(ct(), tmp_path / "imagesTr" / "k.nii.gz")
    save(array, tmp_path / "labelsTr" / "k.nii.gz")
    boxes = {"kidney_left": np.s_[2:6, 2:6, 2:6], "kidney_right": np.s_[10:14, 2:6, 2:6]}
    (row,) = evaluate(Fixed(boxes), tmp_path)["rows"]
    assert (row["structure"], row["dice"]) == ("kidneys", 1.0)
    (row,) = evaluate(Fixed({"kidney_left": boxes["kidney_left"]}), tmp_path)["rows"]
    assert row["supported"] is False


def test_several_data_sets_and_the_leaderboard(tmp_path):
    msd(tmp_path / "Task03_Liver")
    msd(tmp_path / "Task99_Other", "Other")
    assert [p.name for p in collection(tmp_path)] == ["Task03_Liver", "Task99_Other"]
    assert collection(tmp_path / "Task03_Liver") == []
    results = [evaluate(Fixed(BOXES), part) for part in collection(tmp_path)]
    lines = leaderboard(results).splitlines()
    own = [cell.strip() for cell in lines[2].strip("|").split("|")]
    nsd = results[0]["summary"]["liver"]["nsd"]
    assert own[:2] == ["fixed", f"{100 * 960 / 1120:.2f}/{100 * nsd:.2f} (1)"]
    assert own[3] == "-"
    assert any("nnU-Net" in line and "81.64/96.14" in line for line in lines)
    assert leaderboard(results[1:]) == ""
