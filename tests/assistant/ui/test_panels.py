from __future__ import annotations

import base64
import io
import re

import pytest
from PIL import Image

from assistant.places import Place
from assistant.session import Session
from assistant.ui import panels
from assistant.ui.places import Chip
from assistant.ui.reading import Reading


@pytest.fixture
def reading(session: Session) -> Reading:
    return Reading(session, "scan <b>.nii.gz")


def test_facts_are_of_the_scan_and_escaped(reading):
    html = panels.facts(reading)
    assert "scan &lt;b&gt;.nii.gz" in html
    assert "100 × 80 × 70 voxels" in html
    assert "2.00 × 2.00 × 2.50 mm" in html
    assert "200 × 160 × 175 mm" in html


def test_viewer_holds_the_picture_and_says_what_is_on_it(reading):
    reading.follow(reading.session.ask("how big is the liver?"))
    html = panels.viewer(reading)
    data = re.search(r"base64,([^\"]+)", html)
    assert data
    assert Image.open(io.BytesIO(base64.b64decode(data[1]))).format == "PNG"
    assert re.search(r'alt="Axial slice \d+ of 69, soft tissue window, showing liver', html)


def test_empty_viewer_says_what_to_do():
    assert "Open a CT" in panels.viewer(None)
    assert "<img" not in panels.viewer(None)


def test_table_has_a_row_for_each_finding_and_none_to_click_for_absent_ones(study, make_segmenter):
    reading = Reading(Session(study, make_segmenter(absent=["stomach"])), "phantom")
    for question in ("how big is the liver?", "segment the stomach"):
        reading.follow(reading.session.ask(question))
    html = panels.findings_table(reading)
    rows = re.findall(r"<tr[^>]*>.*?</tr>", html.split("<tbody>")[1])
    assert len(rows) == 2
    absent, liver = rows
    assert "not found" in absent
    assert "data-row" not in absent
    assert 'data-row="1"' in liver
    assert 'aria-current="true"' in liver
    assert re.search(r"volume \d+ ml", liver)
    assert "90 × 78 × 80 mm" in liver  # 90 by 80 by 80 mm, in whole voxels of 2 by 2 by 2.5 mm


def test_chips_are_numbered_buttons_with_escaped_words():
    place = Place((1, 2, 3))
    offered = [Chip("liver", ("liver", "a<b"), place, True), Chip("volume <9> ml", ("liver", "a<b"), place)]
    html = panels.chips(offered, 7)
    assert re.findall(r'data-chip="(\d+)"', html) == ["7", "8"]
    assert "volume &lt;9&gt; ml" in html
    assert "a&lt;b" in html
    assert html.count("swatch") == 1


def test_notices_are_escaped_and_in_their_order():
    html = panels.notices("credit", ("odd <scan>",), "went wrong", "reading")
    assert html.index("credit") < html.index("odd &lt;scan&gt;") < html.index("went wrong")
    assert 'role="alert"' in html
    assert panels.notices() == ""


def test_progress_is_shown_only_while_busy():
    assert panels.progress(0.5, "half", False) == ""
    assert 'value="0.500"' in panels.progress(0.5, "half", True)
    assert "value" not in panels.progress(0.0, "", True)  # not known yet: a bar without a value
