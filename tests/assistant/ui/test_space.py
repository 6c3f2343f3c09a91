"""What the 3D viewer is given."""

from __future__ import annotations

import html
import io
import json
import re

import nibabel as nib
import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from assistant.session import Session
from assistant.ui import space
from assistant.ui.reading import SPACE, Reading
from assistant.ui.store import Store
from encoders.geometry import Geometry
from eval.phantoms import grid
from prompts.ontology import ontology


@pytest.fixture(params=["RAS", "LPI", "SAR"])
def reading(request, make_study, make_segmenter) -> Reading:
    geometry = grid((50, 40, 35), (4, 4, 5), request.param, turn=(3, 5, 8))
    reading = Reading(Session(make_study(geometry), make_segmenter()), "phantom")
    for question in ("How big is the liver?", "longest diameter of the spleen"):
        reading.follow(reading.session.ask(question))
    return reading


def read(data: bytes) -> nib.nifti1.Nifti1Image:
    return nib.nifti1.Nifti1Image.from_stream(io.BytesIO(data))


def test_the_ct_and_the_masks_lie_on_the_study_grid(reading):
    ct, masks = read(space.ct(reading)), read(space.masks(reading))
    geometry = reading.geometry
    for image in (ct, masks):
        assert np.allclose(image.affine, geometry.affine, atol=1e-3)
    assert np.array_equal(np.asanyarray(ct.dataobj), reading.session.study.volume.hu)
    labels = np.asanyarray(masks.dataobj)
    for value, finding in enumerate(space.present(reading), start=1):
        assert (labels == value).sum() == finding.mask.sum()


def test_a_large_ct_is_thinned_and_stays_where_it_is(reading, monkeypatch):
    monkeypatch.setattr(space, "MOST_VOXELS", 10_000)
    ct = read(space.ct(reading))
    assert space.step_of(reading.geometry.shape) == 2
    assert np.prod(ct.shape) <= 10_000
    sent = Geometry(ct.shape, ct.affine)
    assert np.allclose(sent.to_world((3, 4, 5)), reading.geometry.to_world((6, 8, 10)), atol=1e-3)
    assert ct.dataobj[3, 4, 5] == reading.session.study.volume.hu[6, 8, 10]


def test_the_state_says_where_to_look_and_in_which_colours(reading):
    reading.view.shown = SPACE
    markup = space.html(reading)
    state = json.loads(html.unescape(re.search(r'data-state="([^"]*)"', markup)[1]))
    found = space.present(reading)
    assert state["labels"]["labels"] == ["", *(f.label for f in found)]
    colours = list(zip(*(state["labels"][c][1:] for c in "RGB"), strict=True))
    assert colours == [ontology()[f.structure].colour for f in found]
    low, high = np.array(found[-1].box.world_mm)
    assert ((low - 6 <= state["at"]) & (state["at"] <= high + 6)).all()
    lines = sum(m.endpoints_mm is not None for f in found for m in f.measurements)
    assert len(state["boxes"]["edges"]) == 12 * len(found) + lines
    reading.view.boxes = False
    assert space.state(reading)["boxes"] is None


def test_a_box_has_twelve_edges_along_its_axes():
    assert len(space.EDGES) == 12
    assert all(bin(a ^ b).count("1") == 1 for a, b in space.EDGES)


def test_slices_leave_no_place_for_it(reading):
    assert space.html(reading) == ""
    assert space.html(None) == ""


def test_only_the_token_opens_a_study(reading):
    store = Store()
    store.put("browser", reading)
    client = TestClient(Starlette(routes=space.routes(store.at)))
    assert client.get(f"/niivue/{reading.token}/ct.nii").content == space.ct(reading)
    assert client.get(f"/niivue/{reading.token}/masks.nii").headers["cache-control"] == "no-store"
    for wrong in ("browser", "x" * len(reading.token), reading.token[:-1]):
        assert client.get(f"/niivue/{wrong}/ct.nii").status_code == 404
    assert client.get(f"/niivue/{reading.token}/secrets.nii").status_code == 404
    assert client.get("/niivue/niivue.js").headers["content-type"].startswith("text/javascript")
    assert client.get("/niivue/../../pyproject.js").status_code == 404
    store.drop("browser")
    assert client.get(f"/niivue/{reading.token}/ct.nii").status_code == 404
