"""compare, describe, show, report, correct, export, undo and help."""

import csv
import json
import re
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from assistant.session import Session
from assistant.tools import NAMES, tools
from assistant.tools.base import Turn
from assistant.workspace import Workspace
from encoders.segmenters.base import Mask


@pytest.fixture
def turn(study, segmenter):
    return Turn(Workspace(study, segmenter))


@pytest.fixture
def make_turn(study, segmenter):
    return lambda: Turn(Workspace(study, segmenter))


def call(turn, tool, **args):
    return tools()[tool].call(turn, args)


def test_every_tool_says_what_it_does_and_has_a_schema():
    for name in NAMES:
        tool = tools()[name]
        assert tool.name == name
        assert tool.description.endswith(".")
        assert tool.args.model_json_schema()["additionalProperties"] is False


def test_results_are_plain_data(turn):
    for name, args in [
        ("segment", {"targets": ["liver"]}),
        ("compare", {"targets": ["kidney_left", "kidney_right"]}),
        ("describe", {}),
        ("report", {}),
        ("show", {}),
        ("help", {}),
    ]:
        result = call(turn, name, **args)
        assert "error" not in result
        json.dumps(result, allow_nan=False)


def test_compare_says_which_is_larger_and_by_how_much(turn):
    (pair,) = call(turn, "compare", targets=["kidney_left", "kidney_right"], measures=["volume"])[
        "comparisons"
    ]
    left, right = pair["values"]
    assert pair["larger"] == "kidney_left"
    assert pair["difference"] == pytest.approx(left - right, abs=1e-3)
    assert pair["percent"] == round(100 * (left - right) / right)


def test_compare_with_an_absent_structure_compares_nothing(turn, make_segmenter, study):
    turn = Turn(Workspace(study, make_segmenter(absent=["stomach"])))
    result = call(turn, "compare", targets=["liver", "stomach"], measures=["volume"])
    assert result["comparisons"] == []


def test_compare_with_a_prior_study_is_an_honest_error(turn):
    assert "no prior study" in call(turn, "compare", study="prior")["error"]


def test_describe_gives_grid_density_and_phase(turn):
    result = call(turn, "describe")
    assert result["scan"]["spacing_mm"] == [2.0, 2.0, 2.5]
    assert result["scan"]["orientation"] == "RAS"
    assert result["scan"]["extent_mm"] == 70 * 2.5
    assert result["phase"]["mean_hu"]["aorta"] == 160


def test_describe_without_an_aorta_does_not_guess_the_phase(study, segmenter):
    del segmenter.solids["aorta"]
    result = call(Turn(Workspace(study, segmenter)), "describe")
    assert result["phase"]["phase"] is None
    assert "cannot segment the aorta" in " ".join(result["lines"])


@pytest.mark.parametrize(("plane", "axis"), [("axial", 2), ("coronal", 1), ("sagittal", 0)])
def test_show_goes_through_the_middle_of_the_target(turn, plane, axis):
    result = call(turn, "show", targets=["spleen"], plane=plane, window="liver")
    box = turn.workspace.find(["spleen"])["spleen"].mask.box
    assert result["show"]["slice"] == round(box.centre[axis])
    assert result["show"]["axis"] == axis
    assert result["show"]["window"] == [80, 150]


def test_show_follows_the_axes_of_the_file(make_study, make_geometry, segmenter):
    study = make_study(make_geometry(orientation="SAR"))
    result = call(Turn(Workspace(study, segmenter)), "show", plane="axial")
    assert result["show"]["axis"] == 0


def test_show_outside_the_scan_is_an_error(turn):
    assert "0 to 69" in call(turn, "show", slice=70)["error"]


def test_correct_takes_one_structure_out_of_another(turn):
    before = turn.workspace.find(["pancreas"])["pancreas"].mask
    call(turn, "correct", targets=["pancreas"], exclude=["pancreas_tumor"])
    after = turn.workspace.find(["pancreas"])["pancreas"].mask
    tumor = turn.workspace.find(["pancreas_tumor"])["pancreas_tumor"].mask
    assert after.voxel_count == before.voxel_count - np.count_nonzero(before.full() & tumor.full())
    assert not (after.full() & tumor.full()).any()


def test_correct_without_what_leaked_says_what_is_possible(turn):
    assert "take one structure out" in call(turn, "correct", targets=["liver"])["error"]


def test_correct_by_points_in_voxels_and_in_millimetres_is_the_same(make_turn):
    """A bite out of the liver is mended by a click in it."""
    masks = []
    for unit in ("voxel", "mm"):
        turn = make_turn()
        volume = turn.workspace.study.volume
        whole = turn.workspace.find(["liver"])["liver"]
        bitten = whole.mask.full()
        i, j, k = (int(v) for v in whole.mask.box.centre)
        bitten[i:, :, :] = False
        turn.workspace.correct(replace(whole, mask=Mask.from_full("liver", bitten, 0.9)))
        voxel = [i + 4, j, k]
        point = voxel if unit == "voxel" else volume.geometry.to_world(voxel).tolist()
        result = call(turn, "correct", targets=["liver"], **{f"include_{unit}": [point]})
        assert re.search(r"Liver: mended by 1 point inside, \d+ ml before, \d+ ml now", result["lines"][0])
        after = turn.workspace.find(["liver"])["liver"].mask
        assert (after.voxel_count - np.count_nonzero(bitten)) * volume.geometry.voxel_ml > 15
        assert after.full()[tuple(voxel)]
        assert "corrected by hand" in result["findings"][0]["method"]
        masks.append(after.full())
    assert np.array_equal(*masks)


def test_correct_by_a_half_open_box_of_voxels_keeps_what_is_in_it(turn):
    box = turn.workspace.find(["liver"])["liver"].mask.box
    half = [list(box.start), [int(box.centre[0]), *box.stop[1:]]]
    call(turn, "correct", targets=["liver"], box_voxel=half)
    mended = turn.workspace.find(["liver"])["liver"].mask
    assert mended.present
    assert mended.box.stop[0] <= half[1][0]


def test_correct_with_a_brush_erases_what_it_touches(turn):
    before = turn.workspace.find(["liver"])["liver"].mask
    voxel = [int(v) for v in before.box.centre]
    result = call(turn, "correct", targets=["liver"], exclude_voxel=[voxel], radius_mm=6, brush=True)
    after = turn.workspace.find(["liver"])["liver"].mask
    geometry = turn.workspace.study.volume.geometry
    gone = np.argwhere(before.full() & ~after.full())
    distances = np.linalg.norm(geometry.to_world(gone) - geometry.to_world(voxel), axis=-1)
    assert len(gone)
    assert distances.max() <= 6
    assert "a brush of 6 mm" in result["lines"][0]


def test_correct_draws_what_the_segmenter_does_not_know(study, organs_only):
    turn = Turn(Workspace(study, organs_only))
    assert not turn.workspace.can_find("pancreas_tumor")
    at = turn.workspace.find(["pancreas"])["pancreas"].mask.box.centre
    mark = {"include_voxel": [[int(v) for v in at]], "radius_mm": 8}
    assert "no mask before" in call(turn, "correct", targets=["pancreas_tumor"], **mark)["lines"][0]
    (found,) = call(turn, "measure", targets=["pancreas_tumor"], measures=["volume"])["findings"]
    assert found["present"]
    assert found["quality"]["note"] == "drawn by hand"
    turn.workspace.restore({})
    assert not turn.workspace.can_find("pancreas_tumor")


def test_correct_refuses_marks_that_mean_nothing(turn):
    assert "outside the scan" in call(turn, "correct", targets=["liver"], include_mm=[[9e3, 0, 0]])["error"]
    assert "invalid arguments" in call(turn, "correct", targets=["liver"], include_mm=[[1, 2]])["error"]
    assert "one mask at a time" in call(turn, "correct", targets=["kidneys"], include_mm=[[0, 0, 0]])["error"]
    assert turn.workspace.mended() == {}


def test_correct_that_changes_nothing_says_so(turn):
    at = [int(v) for v in turn.workspace.find(["liver"])["liver"].mask.box.centre]
    line = call(turn, "correct", targets=["liver"], include_voxel=[at], radius_mm=3, brush=True)["lines"][0]
    assert "changed nothing" in line
    assert turn.workspace.mended() == {}


def test_export_needs_a_folder(turn):
    assert "no folder" in call(turn, "export")["error"]


def test_export_writes_masks_on_the_studys_grid(study, segmenter, tmp_path):
    session = Session(study, segmenter, out=tmp_path)
    session.ask("segment the liver")
    session.ask("save the mask")
    image = nib.load(tmp_path / "liver.nii.gz")
    assert np.array_equal(image.get_fdata() > 0, session.history[0].findings[0].mask)
    assert np.allclose(image.affine, study.volume.geometry.affine)


def test_export_as_a_table(study, segmenter, tmp_path):
    session = Session(study, segmenter, out=tmp_path)
    session.ask("how big is the liver?")
    session.ask("export as csv")
    (row,) = list(csv.DictReader((tmp_path / "measurements.csv").open()))
    assert (row["structure"], row["measure"], row["unit"]) == ("liver", "volume", "ml")


def test_export_in_an_unknown_format_is_an_error(turn):
    assert "nifti" in call(turn, "export", format="stl")["error"]


def test_help_lists_what_the_model_can_find(turn):
    assert "liver" in call(turn, "help")["supported"]


@pytest.mark.parametrize(
    ("estimate", "said"),
    [
        ("arterial", "Yes: the estimated contrast phase is arterial (probable)."),
        ("portal-venous", "No, not arterial: the estimated contrast phase is portal-venous (probable)."),
        ("with contrast agent", "Whether the contrast phase is arterial cannot be told"),
        (None, "Whether the contrast phase is arterial cannot be told"),
    ],
)
def test_a_phase_that_is_asked_about_is_answered_with_the_estimate(turn, monkeypatch, estimate, said):
    phase = {"phase": estimate, "sure": "probable", "mean_hu": {}, "line": "Contrast: the evidence."}
    monkeypatch.setattr("assistant.tools.describe.contrast_phase", lambda *_: dict(phase))
    first, second = call(turn, "describe", phase="arterial")["lines"]
    assert first.startswith(said)
    assert second == "Contrast: the evidence."
    assert "none of arterial" in call(turn, "describe", phase="lunar")["error"]


def test_the_phases_that_are_asked_about_are_those_that_are_estimated():
    from assistant.phase import _rules, phases_asked
    from assistant.planner.files import data

    estimates = {rule["phase"] for rule in _rules()["rules"]}
    assert phases_asked().keys() == data("phases").keys()
    for rule in phases_asked().values():
        assert {*rule["agree"], *rule["differ"]} <= estimates
