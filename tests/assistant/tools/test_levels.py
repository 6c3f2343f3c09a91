"""Measures at the height of a vertebra: the aorta at L3."""

import pytest

from assistant.tools import tools
from assistant.tools.base import Turn
from assistant.wording import compose
from assistant.workspace import Workspace
from eval.phantoms import Block, Tube, Union

WIDE = Union((Tube((-6, -40, -90), (-6, -40, 90), 22), Tube((-6, -40, 40), (-6, -40, 70), 40)))
"""An aorta of 22 mm with an aneurysm of 40 mm above L3."""
BONES = {
    "vertebrae_L1": Block((0, -65, 55), (40, 30, 24)),
    "vertebrae_L3": Block((0, -65, -10), (40, 30, 24)),
}


@pytest.fixture
def make_turn(study, make_segmenter):
    def make(absent=()):
        solids = {name: solid for name, solid in (BONES | {"aorta": WIDE}).items() if name not in absent}
        return Turn(Workspace(study, make_segmenter(solids, absent=absent)))

    return make


def call(turn, level, tool="measure", targets=("aorta",), measures=("max_axial_diameter",)):
    return tools()[tool].call(turn, {"targets": targets, "measures": measures, "level": level})


def widths(turn):
    return {finding.label: finding.value("max_axial_diameter") for finding in turn.findings.values()}


def test_each_height_has_its_own_diameter(make_turn):
    turn = make_turn()
    results = [call(turn, level) for level in ([], ["vertebrae_L1"], ["vertebrae_L3"])]
    assert widths(turn) == {
        "aorta": pytest.approx(40, abs=2.9),
        "aorta at the height of the L1 vertebra": pytest.approx(40, abs=2.9),
        "aorta at the height of the L3 vertebra": pytest.approx(22, abs=2.9),
    }
    lines = [line for line in compose(results).splitlines() if "largest cross-section diameter" in line]
    assert [line.split(":")[0].lower() for line in lines] == [label.lower() for label in widths(turn)]


def test_the_slices_are_those_of_the_vertebra(make_turn):
    turn = make_turn()
    (record,) = call(turn, ["vertebrae_L3"])["findings"]
    bone = turn.workspace.find(["vertebrae_L3"])["vertebrae_L3"].mask.box
    assert record["slices"] == [bone.start[2], bone.stop[2] - 1]
    assert record["cut_off"] == []  # the whole aorta is cut off


def test_a_part_is_held_against_no_usual_volume(make_turn):
    (record,) = call(make_turn(), ["vertebrae_L3"], measures=("volume",))["findings"]
    assert not record["implausible"]
    assert record["typical_ml"] is None


def test_a_height_that_was_not_found_is_said_and_nothing_is_measured(make_turn):
    turn = make_turn(absent=["vertebrae_L3"])
    text = compose([call(turn, ["vertebrae_L3"])])
    assert "L3 vertebra: not found" in text
    assert "The aorta was not measured at the height of the L3 vertebra" in text
    assert all(not finding.measurements for finding in turn.findings.values())


def test_a_height_that_the_model_does_not_know_is_said(make_turn):
    text = compose([call(make_turn(), ["vertebrae_L5"])])
    assert "cannot segment the L5 vertebra" in text
    assert "mm" not in text


def test_a_structure_that_does_not_reach_the_height(make_turn):
    text = compose([call(make_turn(), ["vertebrae_L1"], targets=("gallbladder",), measures=("volume",))])
    assert "nothing of it was found there" in text


def test_a_distance_is_between_whole_structures(make_turn):
    result = call(make_turn(), ["vertebrae_L3"], targets=("aorta", "liver"), measures=("distance",))
    assert result["distances"]
    assert "not taken into account" in compose([result])


def test_two_vessels_are_compared_at_one_height(make_turn):
    result = call(make_turn(), ["vertebrae_L3"], "compare", ("aorta", "inferior_vena_cava"))
    aorta, cava = result["comparisons"][0]["values"]
    assert (aorta, cava) == (pytest.approx(22, abs=2.9), pytest.approx(20, abs=2.9))
