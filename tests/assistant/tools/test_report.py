"""The structured report on phantoms."""

import dataclasses
import json

import pytest

from assistant.session import Session
from assistant.tools import tools
from assistant.tools.base import Turn
from assistant.workspace import Workspace
from encoders.geometry import Box
from eval.phantoms import Block, Ellipsoid, Union


@pytest.fixture
def turn(study, segmenter):
    return Turn(Workspace(study, segmenter))


def call(turn, tool, **args):
    return tools()[tool].call(turn, args)


def report(study, segmenter, **args):
    result = call(Turn(Workspace(study, segmenter)), "report", **args)
    return result["report"], result["markdown"]


def test_report_has_the_fields_and_says_what_was_not_examined(turn):
    result = call(turn, "report")
    report = result["report"]
    liver = next(o for o in report["organs"] if o["structure"] == "liver")
    assert liver["volume_ml"] == pytest.approx(301.6, rel=0.02)
    assert liver["size"] is None
    (lesion,) = report["lesions"]
    assert lesion["location"] == ["tail of the pancreas"]
    assert lesion["attenuation"] == "hypoattenuating"
    assert "liver tumor" in report["not_examined"]
    assert result["markdown"].startswith("# CT report")
    assert "17.1 mm" in result["markdown"]


def test_report_calls_a_large_spleen_enlarged(study, make_segmenter):
    segmenter = make_segmenter({"spleen": Ellipsoid((-50, -10, 10), (45, 42, 52))})  # 412 ml
    report = call(Turn(Workspace(study, segmenter)), "report", targets=["spleen"])["report"]
    assert report["organs"][0]["size"] == "enlarged"


def test_an_implausible_volume_is_called_a_wrong_mask_not_a_disease(study, make_segmenter):
    segmenter = make_segmenter({"spleen": Ellipsoid((0, 0, 0), (90, 70, 80))})  # 2.1 l
    turn = Turn(Workspace(study, segmenter))
    report = call(turn, "report", targets=["spleen"])
    assert report["report"]["organs"][0]["size"] is None
    assert "check the mask" in report["markdown"]
    assert any("far outside" in w for w in turn.warnings)


def test_report_gives_no_volume_of_a_cut_off_organ(study, make_segmenter):
    segmenter = make_segmenter({"liver": Ellipsoid((45, 5, 70), (45, 40, 40))})
    (organ,) = call(Turn(Workspace(study, segmenter)), "report", targets=["liver"])["report"]["organs"]
    assert organ["volume_ml"] is None
    assert organ["cut_off"] == ["top"]


def organ(fields, structure):
    return next(o for o in fields["organs"] if o["structure"] == structure)


def test_density_of_an_organ_leaves_its_lesions_out(study, segmenter):
    fields, text = report(study, segmenter)
    assert organ(fields, "pancreas")["mean_hu"] == pytest.approx(90, abs=0.5)
    assert organ(fields, "pancreas")["without_lesions"]
    assert not organ(fields, "liver")["without_lesions"]
    assert "mean density 90 HU (SD 0 HU) without its lesions" in text


def test_both_kidneys_have_a_volume_together(study, segmenter):
    fields, text = report(study, segmenter)
    (both,) = fields["together"]
    parts = [organ(fields, f"kidney_{side}")["volume_ml"] for side in ("left", "right")]
    assert both["volume_ml"] == pytest.approx(sum(parts), abs=0.01)
    assert "Kidneys together" in text


def test_each_kind_of_lesion_is_summed_up(study, make_segmenter):
    lesions = Union((Ellipsoid((60, 5, 30), (12, 10, 9)), Ellipsoid((30, -5, 10), (8, 7, 7))))
    fields, text = report(study, make_segmenter({"liver_tumor": lesions}, absent=["pancreas_tumor"]))
    liver, pancreas = (
        next(k for k in fields["summary"] if k["structure"] == f"{o}_tumor") for o in ("liver", "pancreas")
    )
    assert (liver["count"], pancreas["count"]) == (2, 0)
    assert liver["volume_ml"] == pytest.approx(lesions.volume_ml, rel=0.1)
    assert liver["largest_mm"] == pytest.approx(24, abs=2)
    impression = text.split("## Impression")[1]
    assert "2 liver tumors" in impression
    assert "No pancreas tumors found" in impression


def test_attenuation_is_judged_against_the_lesions_own_organ(study, make_segmenter):
    hu = study.volume.hu.copy()
    left = Ellipsoid((-45, -45, -60), (6, 6, 6))
    segmenter = make_segmenter({"kidney_tumor": left})
    full = segmenter.segment(study.volume, ["kidney_tumor", "kidney_right"])
    hu[full["kidney_tumor"].full()] = 80
    hu[full["kidney_right"].full()] = 40  # the other kidney is darker than the tumor
    scan = dataclasses.replace(study, volume=dataclasses.replace(study.volume, hu=hu))
    (lesion,) = report(scan, segmenter)[0]["lesions"]
    assert (lesion["organ"], lesion["attenuation"]) == ("kidney_left", "hypoattenuating")


def test_contact_with_neighbours_is_said(study, make_segmenter):
    neighbours = {
        "pancreas_tumor": Block((-45, 0, -20), (14, 14, 16)),
        "stomach": Block((-45, 30, -20), (14, 46, 16)),  # its back touches the tumor
        "duodenum": Block((40, 30, -20), (14, 14, 16)),
    }
    fields, text = report(study, make_segmenter(neighbours))
    (lesion,) = fields["lesions"]
    assert [c["structure"] for c in lesion["contacts"]] == ["stomach"]
    assert "touches the stomach" in text
    assert "Stage and resectability are not given" in text


def test_contact_with_a_vessel_has_an_angle(study, make_segmenter):
    tumor = Block((4, -40, -20), (20, 60, 20))  # covers the right part of the aorta at x = -6
    fields, _ = report(study, make_segmenter({"pancreas_tumor": tumor}))
    (aorta,) = [c for c in fields["lesions"][0]["contacts"] if c["structure"] == "aorta"]
    assert aorta["degrees"] == pytest.approx(180, abs=40)


def test_a_scan_without_contrast_agent_is_called_so_and_tells_fat(study, make_segmenter):
    hu = study.volume.hu.copy()
    hu[hu == 160], hu[hu == 110] = 40, 30  # the aorta and the liver
    native = dataclasses.replace(study, volume=dataclasses.replace(study.volume, hu=hu))
    fields, text = report(native, make_segmenter())
    assert text.splitlines()[2].startswith("Non-contrast CT")
    assert organ(fields, "liver")["fatty"] is True
    assert organ(fields, "pancreas")["fatty"] is False
    assert organ(report(study, make_segmenter())[0], "liver")["fatty"] is None


def test_a_report_says_what_the_scan_does_not_show(study, make_segmenter):
    scan = dataclasses.replace(study, volume=study.volume.crop(Box((0, 0, 45), (100, 80, 70))))
    fields, text = report(scan, make_segmenter(absent=["pancreas_tumor", "liver_tumor"]))
    assert not next(k for k in fields["summary"] if k["structure"] == "pancreas_tumor")["judged"]
    assert "Lesions of the pancreas were not judged" in text
    assert "Only a part of the liver is in the scan" in text
    assert "No pancreas tumors" not in text
    assert organ(fields, "liver")["volume_ml"] is None


def test_a_report_as_json_is_json(study, segmenter):
    answer = Session(study, segmenter).ask("write a report as json")
    assert json.loads(answer.text[: answer.text.rindex("}") + 1])["lesions"][0]["organ"] == "pancreas"
    assert (
        "cannot be written as csv" in call(Turn(Workspace(study, segmenter)), "report", format="csv")["error"]
    )


def test_the_report_is_saved_as_markdown_and_json(study, segmenter, tmp_path):
    session = Session(study, segmenter, out=tmp_path)
    text = session.ask("write a report").results[0]["markdown"]
    answer = session.ask("export the report as markdown")
    assert "Saved 2 file(s)" in answer.text
    assert (tmp_path / "report.md").read_text(encoding="utf-8").strip() == text
    assert json.loads((tmp_path / "report.json").read_text())["segmenter"] == "phantom"
