"""What must hold before a result can be believed, on phantoms with cropped fields of view."""

import dataclasses

import pytest

from assistant.coverage import estimate
from assistant.session import Session
from assistant.tools import tools
from assistant.tools.base import Turn
from assistant.workspace import Workspace
from encoders.geometry import Box
from encoders.segmenters.base import Mask
from eval.phantoms import Block, Ellipsoid, Union, grid, rasterise


def cropped(study, low, high):
    """The phantom trunk between two axial slices of its 70."""
    return dataclasses.replace(study, volume=study.volume.crop(Box((0, 0, low), (100, 80, high))))


def call(turn, tool, **args):
    return tools()[tool].call(turn, args)


def test_coverage_comes_from_the_ends_that_are_seen():
    geometry = grid((20, 20, 50), 10.0)  # 500 mm high, from -250 to 250
    liver = Mask.from_full("liver", rasterise(Block((0, 0, 40), (60, 60, 180)), geometry), 0.9)
    covered = estimate({"liver": liver}, geometry)  # its usual place: the first lumbar vertebra is at 0
    assert (covered.bottom, covered.top) == pytest.approx((-250, 250), abs=10)
    assert covered.view("pancreas") == "inside"
    assert covered.view("urinary_bladder") == "partly"
    assert covered.view("brain") == "above"
    assert covered.view("femur_left") == "partly"
    assert covered.view("pancreas_tumor") == "unknown"
    half = geometry.crop(Box((0, 0, 30), (20, 20, 50)))  # cuts the liver at the bottom
    top = estimate({"liver": Mask.from_full("liver", liver.full()[:, :, 30:], 0.9)}, half)
    assert (top.bottom, top.top) == pytest.approx((50, 250), abs=10)
    assert top.view("urinary_bladder") == "below"
    assert top.levels == ("T3", "T11")


def test_nothing_is_said_of_coverage_without_a_landmark():
    geometry = grid((20, 20, 20), 10.0)
    assert estimate({"liver": Mask.absent("liver", geometry.shape, 0.9)}, geometry) is None
    whole = Mask.from_full("liver", rasterise(Block((0, 0, 0), (60, 60, 400)), geometry), 0.9)
    assert estimate({"liver": whole}, geometry) is None


def test_an_organ_outside_the_scan_is_said_to_lie_outside(study, make_segmenter):
    session = Session(cropped(study, 40, 70), make_segmenter(absent=["urinary_bladder", "stomach"]))
    answer = session.ask("how big is the urinary bladder?")
    assert "probably lies below this scan" in answer.text
    assert not answer.findings[0].present
    assert "below this scan" not in session.ask("how big is the stomach?").text


def test_an_organ_that_is_missing_inside_the_scan_is_not_put_outside(study, make_segmenter):
    answer = Session(study, make_segmenter(absent=["duodenum"])).ask("segment the duodenum")
    assert "not found" in answer.text
    assert "outside" not in answer.text
    assert "lies" not in answer.text


def test_no_tumor_is_not_said_of_an_organ_that_is_not_there(study, make_segmenter):
    scan = cropped(study, 45, 70)  # above the pancreas
    answer = Session(scan, make_segmenter(absent=["pancreas_tumor"])).ask("any pancreas tumors?")
    assert "not judged" in answer.text
    assert "pancreas was not found" in answer.text
    assert "No pancreas tumor was found" not in answer.text


def test_half_an_organ_without_a_tumor_is_said_to_be_half(study, make_segmenter):
    scan = cropped(study, 27, 70)  # through the pancreas
    answer = Session(scan, make_segmenter(absent=["pancreas_tumor"])).ask("any pancreas tumors?")
    assert "No pancreas tumor was found" in answer.text
    assert "Only a part of the pancreas is in the scan (cut off at the bottom)" in answer.text


def test_a_scan_without_contrast_agent_limits_the_search(study, make_segmenter):
    hu = study.volume.hu.copy()
    hu[hu == 160] = 40  # the aorta
    native = dataclasses.replace(study, volume=dataclasses.replace(study.volume, hu=hu))
    segmenter = make_segmenter(absent=["pancreas_tumor"])
    assert "no contrast agent" in Session(native, segmenter).ask("any pancreas tumors?").text
    assert "no contrast agent" not in Session(study, segmenter).ask("any pancreas tumors?").text


def test_liver_density_with_contrast_agent_says_that_it_does_not_show_fat(session):
    assert "fat" not in session.ask("how dense is the liver?").text
    session.ask("describe the scan")
    assert "fat in the liver is judged on scans without it" in session.ask("how dense is the liver?").text


@pytest.mark.parametrize(("within", "count"), [("kidney_left", 1), ("kidney_right", 1), ("kidneys", 2)])
def test_a_side_keeps_the_lesions_of_that_kidney(study, make_segmenter, within, count):
    both = Union((Ellipsoid((-45, -45, -60), (6, 6, 6)), Ellipsoid((45, -45, -15), (7, 7, 7))))
    turn = Turn(Workspace(study, make_segmenter({"kidney_tumor": both})))
    found = call(turn, "detect", targets=["kidney_tumor"], within=within)["findings"]
    assert len([r for r in found if r["present"]]) == count


def test_a_lesion_has_its_organ_and_its_pole(study, make_segmenter):
    turn = Turn(Workspace(study, make_segmenter({"kidney_tumor": Ellipsoid((-45, -45, -62), (6, 6, 6))})))
    (record,) = call(turn, "detect", targets=["kidney_tumor"])["findings"]
    assert record["location"] == ["lower pole of the left kidney"]
    assert record["places"] == ["kidney_lower_pole_left"]
    assert record["organ"] == "kidney_left"
    found = call(turn, "detect", targets=["kidney_tumor"], within="kidney_lower_pole_left")["findings"]
    assert len(found) == 1
    assert call(turn, "detect", targets=["kidney_tumor"], within="kidney_mid_pole_left")["findings"] == []


def test_a_lesion_far_from_its_organ_is_doubted(study, make_segmenter):
    session = Session(study, make_segmenter({"pancreas_tumor": Ellipsoid((70, 50, 60), (6, 6, 6))}))
    assert "outside the pancreas as segmented" in session.ask("any pancreas tumors?").text


def test_the_left_lobe_does_not_take_lesions_of_the_right(study, make_segmenter):
    near = Ellipsoid((72, 10, 20), (5, 5, 5))
    turn = Turn(Workspace(study, make_segmenter({"liver_tumor": near})))
    assert call(turn, "detect", targets=["liver_tumor"], within="liver_lobe_left")["findings"] == []
    assert len(call(turn, "detect", targets=["liver_tumor"], within="liver_lobe_right")["findings"]) == 1


def test_describe_says_what_is_covered_cut_off_and_outside(study, make_segmenter):
    scan = cropped(study, 25, 70)  # from within the kidneys and the pancreas upwards
    turn = Turn(Workspace(scan, make_segmenter(absent=["urinary_bladder", "stomach"])))
    result = call(turn, "describe")
    assert result["edges"] == {
        "aorta": ["bottom", "top"],
        "inferior_vena_cava": ["bottom", "top"],
        "kidney_left": ["bottom"],
        "kidney_right": ["bottom"],
        "pancreas": ["bottom"],
    }
    assert result["seen"] == ["liver", "spleen", "gallbladder"]
    assert result["missing"] == ["stomach"]
    assert result["outside"] == ["urinary_bladder"]
    covered = result["scan"]["coverage"]
    assert covered["judged_by"] == ["liver", "kidney_left", "kidney_right", "spleen"]
    text = " ".join(result["lines"])
    assert f"levels {covered['upper']} to {covered['lower']}" in text
    assert "Probably outside the scan: urinary bladder" in text


@pytest.mark.parametrize("orientation", ["LPS", "SAR", "AIR"])
def test_what_is_cut_off_does_not_depend_on_how_the_file_stores_its_axes(
    make_study, make_segmenter, orientation
):
    def edges(study):
        return call(Turn(Workspace(study, make_segmenter())), "describe")

    here = edges(make_study())
    geometry = grid(
        {"LPS": (100, 80, 70), "SAR": (70, 80, 100), "AIR": (80, 70, 100)}[orientation],
        {"LPS": (2.0, 2.0, 2.5), "SAR": (2.5, 2.0, 2.0), "AIR": (2.0, 2.5, 2.0)}[orientation],
        orientation,
    )
    there = edges(make_study(geometry))
    assert there["edges"] == here["edges"]
    assert there["scan"]["coverage"] == here["scan"]["coverage"]
