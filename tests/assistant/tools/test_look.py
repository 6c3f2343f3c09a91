"""segment, measure, locate, detect and screen on phantoms with known lesions."""

import numpy as np
import pytest

from assistant.regions import derive
from assistant.tools import tools
from assistant.tools.base import Turn
from assistant.wording import compose
from assistant.workspace import Workspace
from encoders.geometry import Box
from eval.phantoms import Ellipsoid, Union

TAIL, HEAD = Ellipsoid((-42, 10, -20), (9, 7, 8)), Ellipsoid((35, 10, -20), (6, 5, 5))


@pytest.fixture
def turn(study, make_segmenter):
    return Turn(
        Workspace(study, make_segmenter({"pancreas_tumor": Union((TAIL, HEAD))}, absent=["liver_tumor"]))
    )


def call(turn, tool, **args):
    return tools()[tool].call(turn, args)


def labels(result):
    return [r["label"] for r in result["findings"]]


def test_lesions_are_counted_placed_and_ordered_by_size(turn):
    result = call(turn, "detect", targets=["pancreas_tumor"])
    assert labels(result) == ["pancreas tumor 1 of 2", "pancreas tumor 2 of 2"]
    assert [r["location"] for r in result["findings"]] == [["tail of the pancreas"], ["head of the pancreas"]]
    longest = [r["measurements"][0]["value"] for r in result["findings"]]
    assert longest == pytest.approx([18, 12], abs=2.9)


def test_within_keeps_the_lesions_of_one_region(turn):
    result = call(turn, "segment", targets=["pancreas_tumor"], within="pancreas_head")
    assert labels(result) == ["pancreas tumor 2 of 2"]


def test_only_the_lesions_of_the_side_that_was_asked_for(study, make_segmenter):
    """A kidney lesion may lie in either kidney: "in the left kidney" leaves those of the right one out."""
    left, right = Ellipsoid((-45, -45, -38), (8, 7, 8)), Ellipsoid((45, -45, -40), (6, 6, 6))
    turn = Turn(Workspace(study, make_segmenter({"kidney_tumor": Union((left, right))})))
    for side, kept in (("left", "kidney tumor 1 of 2"), ("right", "kidney tumor 2 of 2")):
        result = call(turn, "detect", targets=["kidney_tumor"], within=f"kidney_{side}")
        assert labels(result) == [kept]
        assert all(f"{side} kidney" in place for place in result["findings"][0]["location"])
    assert len(labels(call(turn, "detect", targets=["kidney_tumor"], within="kidneys"))) == 2


def test_a_count_is_of_the_lesions_that_fit(turn):
    for args, count in (({}, 2), ({"min_mm": 15}, 1), ({"within": "pancreas_head"}, 1)):
        result = call(turn, "measure", targets=["pancreas_tumor"], measures=["count"], **args)
        given = [m for r in result["findings"] for m in r["measurements"] if m["kind"] == "count"]
        assert [m["value"] for m in given] == [count]
        assert compose([result]).startswith(f"{count} pancreas tumor")


def test_volumes_may_be_asked_for_in_any_unit_that_the_planner_reads(turn):
    for unit, said in (("ml", "44.8 ml"), ("cc", "44.8 cc"), ("mm3", "44,760 mm3"), ("l", "0.04 l")):
        result = call(turn, "measure", targets=["spleen"], measures=["volume"], unit=unit)
        assert f"volume {said} (" in compose([result])


def test_regions_of_one_rule_are_derived_once(turn, monkeypatch):
    rules = []
    monkeypatch.setattr(
        "assistant.workspace.derive", lambda rule, *args: rules.append(rule) or derive(rule, *args)
    )
    call(turn, "segment", targets=["liver_segment_7", "liver_segment_8", "liver_segment_2"])
    assert len(rules) == 1


def test_within_a_region_without_lesions_is_said(turn):
    result = call(turn, "segment", targets=["pancreas_tumor"], within="pancreas_body")
    assert result["findings"] == []
    assert "none of them fits" in result["notes"][0]


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ({"select": "largest"}, ["pancreas tumor 1 of 2"]),
        ({"select": "smallest"}, ["pancreas tumor 2 of 2"]),
        ({"select": "largest", "rank": 2}, ["pancreas tumor 2 of 2"]),
        ({"min_mm": 15}, ["pancreas tumor 1 of 2"]),
        ({"max_mm": 15}, ["pancreas tumor 2 of 2"]),
        ({"min_mm": 40}, []),
        ({"select": "largest", "rank": 3}, []),
        ({"select": "largest", "top": 2}, ["pancreas tumor 1 of 2", "pancreas tumor 2 of 2"]),
        ({"select": "largest", "rank": 2, "top": 2}, ["pancreas tumor 2 of 2"]),
    ],
)
def test_selectors(turn, args, expected):
    assert labels(call(turn, "segment", targets=["pancreas_tumor"], **args)) == expected


def test_absent_lesion_is_a_finding_without_numbers(turn):
    (record,) = call(turn, "detect", targets=["liver_tumor"])["findings"]
    assert not record["present"]
    assert record["box"] is None
    assert record["measurements"] == []


def test_boxes_enclose_masks_exactly(turn):
    call(turn, "segment", targets=["pancreas_tumor", "liver", "aorta", "pancreas_tail"])
    assert turn.findings
    for finding in turn.findings.values():
        assert Box.of_mask(finding.mask) == Box(*finding.box.voxel)
        inside = turn.workspace.study.volume.geometry.to_world(np.argwhere(finding.mask))
        low, high = finding.box.world_mm
        assert (inside > low).all()
        assert (inside < high).all()


def test_usual_measures_depend_on_what_it_is(turn):
    result = call(turn, "measure", targets=["liver", "aorta", "pancreas_tumor"])
    kinds = {r["structure"]: [m["kind"] for m in r["measurements"]] for r in result["findings"]}
    assert kinds["liver"] == ["volume"]
    assert kinds["aorta"] == ["max_axial_diameter"]
    assert kinds["pancreas_tumor"][:2] == ["longest_diameter", "short_axis"]


def test_count_is_a_number_of_the_first_lesion(turn):
    result = call(turn, "measure", targets=["pancreas_tumor"], measures=["count"])
    assert [m["value"] for r in result["findings"] for m in r["measurements"]] == [2]


def test_distance_is_between_surfaces(turn):
    result = call(turn, "measure", targets=["kidney_left", "kidney_right"], measures=["distance"])
    (item,) = result["distances"]
    assert item["value"] == pytest.approx(90 - 20 - 18, abs=4)
    assert turn.findings["kidney_left", 0].value("distance") == pytest.approx(item["value"], abs=1e-3)


def test_distance_to_an_absent_structure_is_no_number(turn):
    result = call(turn, "measure", targets=["liver", "liver_tumor"], measures=["distance"])
    assert result["distances"] == []


def test_locate_gives_the_centre_in_millimetres(turn):
    (record,) = call(turn, "locate", targets=["spleen"])["findings"]
    assert record["centre_mm"] == pytest.approx([-65, -20, 30], abs=1.5)


def test_unsupported_structures_are_told_apart_from_absent_ones(turn):
    result = call(turn, "segment", targets=["heart", "liver_tumor"])
    assert [u["structure"] for u in result["unsupported"]] == ["heart"]
    assert [r["structure"] for r in result["findings"]] == ["liver_tumor"]


def test_quality_is_part_of_the_result(turn):
    (record,) = call(turn, "segment", targets=["liver"])["findings"]
    assert record["quality"] == {"level": "validated", "dice": 0.95, "cases": 3, "note": ""}


@pytest.mark.parametrize(
    ("tool", "args"),
    [
        ("segment", {"targets": []}),
        ("segment", {"targets": ["nonsense"]}),
        ("segment", {"targets": ["liver"], "measures": ["beauty"]}),
        ("measure", {"targets": ["liver"], "select": "best"}),
        ("measure", {"targets": ["liver"], "extra": 1}),
        ("detect", {"targets": ["liver"], "min_mm": -3}),
        ("show", {"plane": "diagonal"}),
        ("undo", {"steps": 0}),
    ],
)
def test_bad_arguments_are_errors_as_data(turn, tool, args):
    assert "invalid arguments" in call(turn, tool, **args)["error"]
    assert turn.workspace.segmenter.asked == []
