"""From marks on the picture to millimetres, on grids of all orientations."""

import io
import zipfile

import numpy as np
import pytest

from assistant.session import Session
from assistant.ui import mending, panels
from assistant.ui.reading import BRUSH_MM, Reading
from assistant.ui.render import PLANES, SIZE, Frame
from encoders.errors import BodyMapsError


@pytest.fixture(params=["RAS", "LPI", "PSR"])
def reading(request, make_study, make_geometry, make_segmenter):
    session = Session(make_study(make_geometry(orientation=request.param)), make_segmenter())
    session.ask("segment the liver")
    return Reading(session, "phantom")


def spot_of(reading, world):
    """Where the picture draws a point, as fractions of it."""
    canonical = reading.canonical
    frame = Frame.fitting(reading.plane, canonical, SIZE)
    x, y = frame.position(canonical.geometry.to_voxel(world))
    columns, rows = frame.voxels
    return x / (columns * frame.scale[0]), y / (rows * frame.scale[1])


@pytest.mark.parametrize("plane", PLANES)
def test_a_mark_is_where_the_picture_shows_it(reading, plane):
    reading.view.plane = plane
    world = np.add(reading.canonical.geometry.to_world(reading.view.at), (8.0, -6.0, 5.0))
    world[PLANES[plane].axis] = reading.canonical.geometry.to_world(reading.view.at)[PLANES[plane].axis]
    reading.view.mark = "include"
    (point,) = mending.marks(reading, [spot_of(reading, world)])["include"]
    assert np.allclose(point, world)


def test_what_marks_mean(reading):
    middle = [(0.5, 0.5)]
    for mark, other, side in [
        ("include", False, "include"),
        ("include", True, "exclude"),
        ("exclude", True, "include"),
        ("paint", False, "include"),
        ("erase", False, "exclude"),
    ]:
        reading.view.mark = mark
        found = mending.marks(reading, middle, other)
        assert len(found[side]) == 1
        assert ("brush" in found) == (mark in ("paint", "erase"))
    assert found["radius_mm"] == BRUSH_MM


def test_a_box_is_as_deep_as_the_mask(reading):
    reading.view.mark = "box"
    low, high = reading.findings[0].box.world_mm
    corners = np.sort(mending.marks(reading, [(0.2, 0.2), (0.8, 0.8)])["box"], axis=0)
    assert corners[0][2] <= low[2] + 2.5
    assert corners[1][2] >= high[2] - 2.5


def test_a_box_around_nothing_is_as_deep_as_wide(make_study, make_segmenter):
    session = Session(make_study(), make_segmenter(absent=["pancreas_tumor"]))
    session.ask("is there a pancreas tumor?")
    reading = Reading(session, "phantom")
    reading.view.mark = "box"
    assert reading.mending == "pancreas_tumor"
    low, high = np.sort(mending.marks(reading, [(0.4, 0.4), (0.6, 0.6)])["box"], axis=0)
    sides = high - low
    assert sides[2] == pytest.approx((sides[0] + sides[1]) / 2)


def test_numbers_of_a_mask_that_was_mended_are_shown_no_more(reading):
    session = reading.session
    session.ask("longest diameter of the liver")
    before = reading.findings[0].value("longest_diameter")
    assert before is not None
    point = reading.canonical.geometry.to_world(reading.view.at)
    liver = reading.findings[0]
    point = [(a + b) / 2 for a, b in zip(*liver.box.world_mm, strict=True)]
    session.correct("liver", exclude=[point], radius_mm=6, brush=True)
    assert reading.findings[0].value("longest_diameter") is None
    assert reading.findings[0].value("volume") is not None
    session.undo()
    assert reading.findings[0].value("longest_diameter") == before


def test_the_annotation_is_a_zip_once_something_was_mended(reading):
    with pytest.raises(BodyMapsError):
        mending.annotation_zip(reading)
    point = [(a + b) / 2 for a, b in zip(*reading.findings[0].box.world_mm, strict=True)]
    reading.session.correct("liver", exclude=[point], radius_mm=6, brush=True)
    names = zipfile.ZipFile(io.BytesIO(mending.annotation_zip(reading))).namelist()
    assert "annotation/labels.nii.gz" in names


def test_header_says_the_phase_once_the_masks_tell_it(reading):
    assert "phase" not in panels.facts(reading)
    reading.session.ask("segment the aorta")
    assert "phase: " in panels.facts(reading)
