from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assistant.measure.types import Measurement
from assistant.places import place_of_line
from assistant.session import Session
from assistant.ui.places import chips
from assistant.ui.reading import Reading
from eval.phantoms import grid

ORIENTATIONS = ("RAS", "LPI", "SAR", "PIR")


@pytest.fixture
def reading(session: Session) -> Reading:
    return Reading(session, "phantom")


def test_chips_are_the_finding_its_box_and_its_numbers(reading):
    answer = reading.session.ask("volume and longest diameter of the liver")
    offered = chips(answer, reading.geometry)
    assert offered[0].text == "liver"
    assert offered[1].text == "box 90 × 78 × 80 mm"
    assert [c.text.split()[0] for c in offered[2:]] == ["volume", "longest"]
    assert [c.is_finding for c in offered] == [True, False, False, False]
    assert {c.key for c in offered} == {("liver", "liver")}


def test_chip_of_an_absent_finding_is_not_offered(study, make_segmenter):
    session = Session(study, make_segmenter(absent=["stomach"]))
    assert chips(session.ask("segment the stomach"), study.volume.geometry) == []


def test_number_leads_to_its_own_slice(reading):
    answer = reading.session.ask("longest diameter of the liver")
    measured = answer.findings[0].measurements[0]
    chip = chips(answer, reading.geometry)[-1]
    reading.view.plane = "sagittal"
    reading.go(chip.place, chip.key)
    assert (reading.view.plane, reading.slice) == ("axial", measured.slice_k)
    assert reading.view.chosen == ("liver", "liver")


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_box_leads_to_its_middle_in_every_orientation(make_study, segmenter, orientation):
    shape = tuple(dict(zip("RLAPSI", (100, 100, 80, 80, 70, 70), strict=True))[c] for c in orientation)
    spacing = tuple(2.5 if c in "SI" else 2.0 for c in orientation)
    session = Session(make_study(grid(shape, spacing, orientation)), segmenter)
    geometry = session.study.volume.geometry
    box = chips(session.ask("segment the liver"), geometry)[1]
    world = geometry.canonical().to_world(box.place.at)
    assert np.abs(world - (45, 5, 20)).max() <= 2.5  # the liver's middle, to a voxel


@pytest.mark.parametrize(
    ("ends", "plane"),
    [
        (((0, 0, -20), (0, 0, 20)), "coronal"),
        (((0, -20, 0), (0, 20, 20)), "sagittal"),
        (((-20, 0, 0), (20, 9, 0)), "axial"),
    ],
)
def test_line_is_shown_in_the_plane_that_holds_it(reading, ends, plane):
    line = Measurement("max_3d_diameter", 40.0, "mm", ends, None)
    place = place_of_line(line, reading.geometry)
    assert place is not None
    assert place.plane == plane
    assert place_of_line(replace(line, endpoints_mm=None), reading.geometry) is None
