"""The detection protocol on cases small enough to count by hand."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pytest

from assistant.cli import run
from encoders.errors import BodyMapsError
from eval.detection import Lesion, Patient, at_threshold, examine, members

SHAPE = (30, 30, 20)
VOXEL_ML = 0.008  # 2 mm voxels


def block(*corners):
    """A bool array of cubes: (corner, side in voxels)."""
    array = np.zeros(SHAPE, bool)
    for corner, side in corners:
        array[tuple(slice(c, c + side) for c in corner)] = True
    return array


A, B, FAR, SPECK = ((2, 2, 2), 5), ((15, 15, 5), 3), ((25, 2, 15), 4), ((2, 25, 15), 2)


def test_pieces_and_lesions_are_paired_by_overlap():
    patient = examine("one", "liver_tumor", block(((4, 4, 4), 5), FAR, SPECK), block(A, B), VOXEL_ML)
    assert [round(lesion.found_mm3) for lesion in patient.lesions] == [1000, 0]
    assert patient.lesions[0].diameter_mm == pytest.approx((6 / np.pi * 1000) ** (1 / 3))
    assert [round(p) for p in patient.pieces_mm3] == [1000, 512, 64]
    assert patient.right == (True, False, False)
    assert patient.false_positives(70) == 1
    assert patient.false_positives(10) == 2
    assert patient.hit(70)
    assert not patient.hit(1000)


def test_a_piece_on_a_lesion_that_the_ct_had_before_is_left_out():
    drawn, unasked = block(((4, 4, 4), 5), FAR, SPECK), block(FAR)
    patient = examine("one", "liver_tumor", drawn, block(A, B), VOXEL_ML, unasked)
    assert [round(p) for p in patient.pieces_mm3] == [1000, 64]
    both = examine("one", "liver_tumor", drawn, block(A), VOXEL_ML, block(((8, 8, 8), 2)))
    assert both.right[0], "a piece that meets a reference too is right"


def test_shares_of_four_patients():
    def patient(lesions, pieces, right):
        return Patient("x", "t", tuple(Lesion(*x) for x in lesions), tuple(pieces), tuple(right))

    patients = [
        patient([(12, 300), (4, 0)], [300], [True]),  # found, a small one missed
        patient([(25, 0)], [200], [False]),  # positive for the wrong reason
        patient([], [80], [False]),  # false alarm at 70, none at 100
        patient([], [], []),
    ]
    at = at_threshold(patients, 70)
    assert (at["sensitivity"]["right"], at["sensitivity"]["n"]) == (2, 2)
    assert (at["location_hits"]["right"], at["location_hits"]["n"]) == (1, 2)
    assert (at["specificity"]["right"], at["specificity"]["n"]) == (1, 2)
    assert at["false_positives_per_scan"] == 0.5
    shares = {name: (s["right"], s["n"]) for name, s in at["lesions"].items()}
    assert shares == {
        "all": (1, 3),
        ">= 10 mm": (1, 2),
        "< 5 mm": (0, 1),
        "5-10 mm": (0, 0),
        "10-20 mm": (1, 1),
        ">= 20 mm": (0, 1),
    }
    assert at_threshold(patients, 100)["specificity"]["right"] == 2


def test_targets():
    assert members("liver_tumor") == ("liver_tumor",)
    assert set(members("liver")) >= {"liver_tumor"}
    assert set(members("kidneys")) >= {"kidney_tumor", "kidney_cyst"}
    with pytest.raises(BodyMapsError, match="no lesions are known in 'aorta'"):
        members("aorta")


def _save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, np.diag([2.0, 2.0, 2.0, 1.0])), path)


def test_the_command_scores_given_masks(tmp_path, capsys):
    for case, truth, predicted in (("a", block(A), block(A, FAR)), ("b", None, block())):
        _save(tmp_path / "data" / case / "ct.nii.gz", np.zeros(SHAPE, np.int16))
        if truth is not None:
            _save(tmp_path / "data" / case / "liver_tumor.nii.gz", truth.astype(np.uint8))
        _save(tmp_path / "own" / case / "liver_tumor.nii.gz", predicted.astype(np.uint8))
    out = tmp_path / "detection.json"
    arguments = [tmp_path / "data", "-t", "liver", "--predictions", tmp_path / "own", "-o", out]
    assert run(["eval", "detection", *map(str, arguments)]) == 0
    text = capsys.readouterr().out
    assert "2 case(s)" in text
    at = json.loads(out.read_text())["targets"]["liver"]["default"]
    assert at["sensitivity"]["value"] == at["specificity"]["value"] == at["location_hits"]["value"] == 1
    assert at["lesions"][">= 10 mm"] == {"value": 1.0, "right": 1, "n": 1, **_bounds(at)}
    assert at["false_positives_per_scan"] == 0.5


def _bounds(at):
    return {key: at["lesions"]["all"][key] for key in ("low95", "high95")}


def test_a_segmenter_without_lesions_is_a_clear_line(tmp_path, capsys):
    _save(tmp_path / "data" / "a" / "ct.nii.gz", np.zeros(SHAPE, np.int16))
    status = run(
        [
            "eval",
            "detection",
            str(tmp_path / "data"),
            "-t",
            "hepatic_vessel_tumor",
            "-o",
            str(tmp_path / "x.json"),
        ]
    )
    assert status == 2
    assert "can be looked for" in capsys.readouterr().err
    assert not (tmp_path / "x.json").exists()
