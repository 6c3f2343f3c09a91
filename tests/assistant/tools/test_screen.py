"""Screening: the decision, its threshold, its evidence, and how good it is known to be."""

import dataclasses

import pytest

from assistant.session import Session
from assistant.tools import tools
from assistant.tools.base import Turn
from assistant.workspace import Workspace
from encoders.geometry import Box
from encoders.segmenters.base import Detection, Quality
from eval.phantoms import Ellipsoid, Union

TAIL, HEAD = Ellipsoid((-42, 10, -20), (9, 7, 8)), Ellipsoid((35, 10, -20), (6, 5, 5))
MEASURED = Detection(0.8, 0.95, 10, 40, 3000.0, "Measured on synthetic tumors.")


@pytest.fixture
def segmenter(make_segmenter):
    return make_segmenter({"pancreas_tumor": Union((TAIL, HEAD))}, absent=["liver_tumor"])


def measured(segmenter, detection):
    segmenter.quality = lambda structure: Quality("validated", 0.9, 3, "", detection)
    return segmenter


def screen(study, segmenter, *targets, **args):
    turn = Turn(Workspace(study, segmenter))
    return tools()["screen"].call(turn, {"targets": list(targets), **args})


def test_the_decision_comes_with_its_evidence(study, segmenter):
    result = screen(study, segmenter, "pancreas_tumor")
    found = result["screening"]["pancreas_tumor"]
    assert found["positive"]
    assert found["volume_ml"] == pytest.approx(TAIL.volume_ml + HEAD.volume_ml, rel=0.1)
    assert found["largest_ml"] == pytest.approx(TAIL.volume_ml, rel=0.1)
    assert (found["pieces"], found["threshold_ml"], found["measured"]) == (2, 0.07, None)
    assert [r["location"] for r in result["findings"]] == [["tail of the pancreas"], ["head of the pancreas"]]


def test_a_negative_result_says_that_nothing_was_measured(study, segmenter):
    result = screen(study, segmenter, "liver_tumor")
    assert result["screening"]["liver_tumor"]["decision"] == "negative"
    assert "have not been measured" in result["lines"][1]


@pytest.mark.parametrize(("threshold", "decision"), [(1500.0, "positive"), (3000.0, "negative")])
def test_the_measured_threshold_is_used_for_the_largest_piece(study, segmenter, threshold, decision):
    # the pieces have 2.1 and 0.6 ml
    detection = dataclasses.replace(MEASURED, threshold_mm3=threshold)
    found = screen(study, measured(segmenter, detection), "pancreas_tumor")["screening"]["pancreas_tumor"]
    assert found["decision"] == decision
    assert found["threshold_ml"] == threshold / 1000


def test_measured_figures_are_said_with_their_intervals(study, segmenter):
    result = screen(study, measured(segmenter, MEASURED), "pancreas_tumor")
    line = result["lines"][-1]
    assert "sensitivity 0.80 (95 % interval 0.49 to 0.94, 10 patients with lesions)" in line
    assert "specificity 0.95 (95 % interval 0.83 to 0.99, 40 patients without)" in line
    assert "synthetic tumors" in line


def test_a_figure_that_is_missing_is_said_to_be_missing(study, segmenter):
    detection = Detection(0.5, None, 2, 0, 70.0)
    line = screen(study, measured(segmenter, detection), "pancreas_tumor")["lines"][-1]
    assert "specificity not measured" in line
    assert "2 patients" in line


def test_there_is_no_decision_where_the_organ_is_not_in_the_scan(study, make_segmenter):
    above = dataclasses.replace(study, volume=study.volume.crop(Box((0, 0, 45), (100, 80, 70))))
    segmenter = make_segmenter(absent=["pancreas_tumor"])
    result = screen(above, segmenter, "pancreas_tumor")
    assert result["screening"]["pancreas_tumor"]["positive"] is None
    assert "no decision" in result["lines"][0]


def test_the_sentence_leads_to_the_tool(study, segmenter):
    answer = Session(study, segmenter).ask("screen for pancreatic cancer")
    assert [c.tool for c in answer.calls] == ["screen"]
    assert "Screening for pancreas tumor: positive" in answer.text
    assert "longest axial diameter" in answer.text
