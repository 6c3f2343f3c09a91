from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assistant.measure.types import Measurement
from assistant.places import best_voxel, findings, layer_of, shown_line
from assistant.session import Session
from assistant.ui.reading import Reading
from eval.phantoms import grid
from prompts.ontology import ontology

ORIENTATIONS = ("RAS", "LPI", "SAR", "PIR")


@pytest.fixture
def reading(session: Session) -> Reading:
    return Reading(session, "phantom")


def asked(reading: Reading, *questions: str) -> Reading:
    for question in questions:
        reading.follow(reading.session.ask(question))
    return reading


def test_begins_in_the_middle_with_nothing_found(reading):
    assert reading.findings == []
    assert reading.view.at == [50, 40, 35]
    assert reading.picture().size == (800, 640)  # 200 mm by 160 mm


def test_findings_are_newest_first_and_listed_once(reading):
    asked(reading, "How big is the liver?", "how big is the spleen?", "longest diameter of the liver")
    assert [f.structure for f in reading.findings] == ["liver", "spleen"]
    kinds = {m.kind for m in reading.findings[0].measurements}
    assert {"volume", "longest_diameter"} <= kinds


def test_undo_takes_the_finding_away(reading):
    asked(reading, "How big is the liver?", "how big is the spleen?")
    reading.session.undo()
    assert [f.structure for f in reading.findings] == ["liver"]


def test_measured_line_brings_its_own_slice(reading):
    asked(reading, "longest diameter of the liver")
    line = shown_line(reading.findings[0])
    assert line is not None
    assert reading.view.plane == "axial"
    assert reading.slice == line.slice_k


def test_best_voxel_lies_in_the_mask(reading):
    asked(reading, "segment the liver and both kidneys")
    for finding in reading.findings:
        voxel = best_voxel(finding)
        assert voxel is not None
        assert finding.mask[voxel]


def test_absent_finding_moves_nothing(study, make_segmenter):
    reading = Reading(Session(study, make_segmenter(absent=["stomach"])), "phantom")
    before = list(reading.view.at)
    asked(reading, "segment the stomach")
    assert [f.present for f in reading.findings] == [False]
    assert best_voxel(reading.findings[0]) is None
    assert reading.view.at == before
    assert reading.view.chosen is None


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_every_orientation_shows_the_same_picture(make_study, segmenter, orientation):
    pictures, shown = [], []
    for letters in ("RAS", orientation):
        shape = tuple(dict(zip("RLAPSI", (100, 100, 80, 80, 70, 70), strict=True))[c] for c in letters)
        spacing = tuple(2.5 if c in "SI" else 2.0 for c in letters)
        reading = Reading(Session(make_study(grid(shape, spacing, letters)), segmenter), "phantom")
        asked(reading, "longest diameter of the liver")
        pictures.append(np.asarray(reading.picture()))
        shown.append(tuple(reading.view.at))
    assert shown[0] == shown[1]
    assert (np.abs(pictures[0].astype(int) - pictures[1]) > 40).mean() < 0.01


@pytest.mark.parametrize("orientation", ["RAS", "LPI"])
def test_slice_numbers_are_those_of_the_array(make_study, make_geometry, segmenter, orientation):
    reading = Reading(Session(make_study(make_geometry(orientation=orientation)), segmenter), "phantom")
    reading.slice = 10
    assert reading.slice == 10
    assert reading.view.at[2] == (10 if orientation == "RAS" else 59)
    reading.slice = 1000
    assert reading.slice == reading.last == 69


def test_scrolling_goes_to_the_feet_and_stops_there(reading):
    before = reading.view.at[2]
    reading.scroll(3)
    assert reading.view.at[2] == before - 3
    reading.scroll(1000)
    assert reading.view.at[2] == 0
    reading.scroll(-1000)
    assert reading.view.at[2] == reading.last


def test_show_request_sets_plane_slice_and_window(reading):
    asked(reading, "show the coronal slice through the liver in the lung window")
    assert (reading.view.plane, reading.view.window) == ("coronal", "lung")
    assert reading.slice == pytest.approx(42, abs=1)  # the liver's middle is 5 mm before the scan's


def test_layer_has_the_ontology_colour_and_the_line(reading):
    asked(reading, "longest diameter of the liver")
    layer = layer_of(reading.findings[0], reading.geometry, strong=True)
    assert layer is not None
    assert layer.colour == ontology()["liver"].colour
    assert layer.lines[0].text.endswith(" mm")
    assert layer.voxels.shape == layer.box.shape


def test_findings_of_no_history():
    assert findings([]) == []


def test_line_that_belongs_to_no_slice_is_not_shown(reading):
    asked(reading, "How big is the liver?")
    tall = Measurement("craniocaudal_extent", 80, "mm", ((0, 0, 0), (0, 0, 80)), None)
    assert shown_line(replace(reading.findings[0], measurements=(tall,))) is None
