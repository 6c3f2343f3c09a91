"""What is taken away: every file of the zip is opened and compared with the answers."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from assistant.export.pdf import pdf
from assistant.export.pictures import pictures, window_of
from assistant.places import findings
from assistant.session import Session
from encoders.errors import BodyMapsError
from eval.phantoms import grid
from prompts.ontology import ontology

YELLOW = (255, 236, 90)


@pytest.fixture
def asked(make_study, make_segmenter) -> Session:
    """Asked about a liver, its diameter, the kidneys, and a stomach that is not there; stored upside down."""
    study = replace(
        make_study(grid((100, 80, 70), (2.0, 2.0, 2.5), "LPI")),
        name="DOE_JANE_1950",
        source=Path("/home/doe/jane.nii"),
    )
    session = Session(study, make_segmenter(absent=["stomach"]))
    for request in (
        "volume, longest diameter and craniocaudal extent of the liver for Jane Doe",
        "both kidneys",
    ):
        session.ask(request)
    session.ask("segment the stomach")
    return session


@pytest.fixture
def bundle(asked, tmp_path) -> dict[str, bytes]:
    path = asked.save_all(tmp_path / "out" / "all.zip")
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_holds_what_it_should(bundle):
    plain = {name for name in bundle if not name.startswith("pictures/")}
    masks = {f"masks/{s}.nii.gz" for s in ("liver", "kidney_left", "kidney_right")}
    assert plain == {*masks, "findings.csv", "findings.json", "report.md", "report.pdf"}


def test_masks_are_the_findings_masks_on_the_studys_grid(bundle, asked, tmp_path):
    for finding in findings(asked.history):
        if not finding.present:
            continue
        path = tmp_path / "mask.nii.gz"
        path.write_bytes(bundle[f"masks/{finding.structure}.nii.gz"])
        image = nib.load(path)
        assert np.array_equal(np.asarray(image.dataobj), finding.mask)
        assert np.allclose(image.affine, asked.study.volume.geometry.affine)


def test_numbers_are_the_answers_numbers(bundle, asked):
    rows = list(csv.DictReader(io.StringIO(bundle["findings.csv"].decode())))
    written = {(r["structure"], r["measure"]): r["value"] for r in rows if r["measure"]}
    said = {
        (f.structure, m.kind): str(round(m.value, 3))
        for answer in asked.history
        for f in answer.findings
        for m in f.measurements
    }
    assert written == said
    assert {"volume", "longest_diameter", "craniocaudal_extent"} <= {kind for _, kind in written}
    assert [r["present"] for r in rows if r["structure"] == "stomach"] == ["False"]


def test_json_is_that_of_the_contract_with_the_masks_names(bundle, asked):
    record = json.loads(bundle["findings.json"])
    liver = next(f for f in record["findings"] if f["structure"] == "liver")
    assert liver["mask"] == "masks/liver.nii.gz"
    assert liver["box"] == asked.history[0].findings[0].box.to_dict()
    stomach = next(f for f in record["findings"] if f["structure"] == "stomach")
    assert (stomach["present"], stomach["box"], stomach["mask"]) == (False, None, None)
    assert np.allclose(record["scan"]["affine"], asked.study.volume.geometry.affine)


def test_pictures_show_overlay_box_and_line(bundle, asked):
    shown = {
        name: np.asarray(Image.open(io.BytesIO(bundle[name]))) for name in bundle if name.endswith(".png")
    }
    diameter = next(m for m in asked.history[0].findings[0].measurements if m.kind == "longest_diameter")
    axial = next(v for k, v in shown.items() if f"liver_axial_{diameter.slice_k}" in k)
    assert (axial == ontology()["liver"].colour).all(axis=-1).sum() > 300
    assert (axial == YELLOW).all(axis=-1).sum() > 100
    assert (np.ptp(axial.astype(int), axis=-1) > 30).sum() > 5000
    coronal = next(v for k, v in shown.items() if "liver_coronal" in k)
    assert (coronal == YELLOW).all(axis=-1).sum() > 100


def test_report_says_what_was_found_and_refers_to_its_pictures(bundle):
    text = bundle["report.md"].decode()
    assert "Research use only" in text
    assert re.search(r"\| liver \| yes \| .*volume [\d,.]+ ml", text)
    assert re.search(r"\| stomach \| not found \| – \| – \| – ", text)
    assert "Dice 0.950 on 3 case(s)" in text
    named = set(re.findall(r"\((pictures/.*?)\)", text))
    assert named == {name for name in bundle if name.startswith("pictures/")}


def test_pdf_has_pages_and_pictures(bundle):
    data = bundle["report.pdf"]
    assert data.startswith(b"%PDF-")
    assert data.rstrip().endswith(b"%%EOF")
    assert data.count(b"/Subtype /Image") == sum(name.startswith("pictures/") for name in bundle)


def test_says_nothing_of_the_patient_or_of_this_computer(bundle, tmp_path):
    for name, data in bundle.items():
        if name.endswith(".nii.gz"):
            import gzip

            data = gzip.decompress(data)[:400]
        for secret in (b"DOE", b"Doe", b"JANE", b"/home", b"jane.nii", str(tmp_path).encode()):
            assert secret not in data, (name, secret)
            assert secret.decode() not in name


def test_structured_report_is_taken_along(asked, tmp_path):
    asked.ask("write a report")
    asked.save_all(tmp_path / "folder")
    text = (tmp_path / "folder" / "report.md").read_text()
    assert "## Structured report" in text
    assert "\n# " not in text
    assert (tmp_path / "folder" / "masks" / "liver.nii.gz").is_file()


def test_second_lesion_has_a_name_of_its_own(asked, tmp_path):
    step, liver = asked._steps.done[0], asked.history[0].findings[0]
    two = replace(step.answer, findings=(liver, replace(liver, label="liver 2")))
    asked._steps.done[0] = replace(step, answer=two)
    asked.save_all(tmp_path)
    assert {p.name for p in (tmp_path / "masks").iterdir()} >= {"liver.nii.gz", "liver_2.nii.gz"}


def test_nothing_to_take_is_a_sentence_and_no_file(session, tmp_path):
    for target in (tmp_path / "x.zip", tmp_path / "folder"):
        with pytest.raises(BodyMapsError, match="ask about a structure first"):
            session.save_all(target)
        assert not target.exists()


def test_target_that_is_a_file_is_refused(asked, tmp_path):
    (tmp_path / "x").write_text("kept")
    with pytest.raises(BodyMapsError, match=r"\.zip"):
        asked.save_all(tmp_path / "x")
    assert (tmp_path / "x").read_text() == "kept"


def test_windows_fit_the_structure(asked):
    liver = asked.history[0].findings[0]
    shown = {s: window_of(replace(liver, structure=s)) for s in ("liver", "lung_left", "vertebrae_L3")}
    assert shown == {"liver": "soft tissue", "lung_left": "lung", "vertebrae_L3": "bone"}


def test_pictures_of_nothing(asked):
    absent = [f for f in findings(asked.history) if not f.present]
    assert list(pictures(absent, asked.study.volume)) == []


def test_pdf_survives_letters_that_it_has_not():
    assert pdf(
        "# Ω\n\n| a | b |\n| --- | --- |\n| 肝 | × |\n\n- **x** “y” 肝\n\n![gone](nowhere.png)\n", {}
    ).startswith(b"%PDF")
