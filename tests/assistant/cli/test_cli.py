"""The command line: JSON on standard output, one line and status 2 for bad input, nothing half written."""

import json
import os
import signal
import subprocess
import sys
import time
from importlib.metadata import version

import nibabel as nib
import numpy as np
import pytest

from assistant.cli import available, run
from assistant.cli.common import structure_ids
from assistant.plan import STATUSES
from encoders.errors import BodyMapsError
from encoders.segmenters.registry import load as LOAD

PLAN_KEYS = {"request", "status", "calls", "text"}
ANSWER_KEYS = ["request", "status", "text", "seconds", "findings", "calls", "warnings"]


@pytest.fixture
def ct(tmp_path, study):
    path = tmp_path / "ct.nii.gz"
    nib.save(nib.Nifti1Image(study.volume.hu, study.volume.geometry.affine), path)
    return path


@pytest.fixture(autouse=True)
def phantom_segmenter(monkeypatch, segmenter):
    monkeypatch.setattr("encoders.segmenters.registry.load", lambda spec: segmenter)
    return segmenter


def lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def complaint(capsys):
    """The one line on standard error; nothing on standard output."""
    captured = capsys.readouterr()
    assert captured.out == ""
    text = captured.err.replace("\r", "\n").strip().splitlines()[-1]
    assert text.startswith("bodymaps: ")
    assert "Traceback" not in captured.err
    return text


# -- plan and structures


def test_plan_prints_one_object_a_turn(capsys):
    assert run(["plan", "segment the left kidney", "measure it", "--json"]) == 0
    first, second = lines(capsys)
    assert set(first) >= PLAN_KEYS
    assert first["status"] in STATUSES
    assert first["calls"][0]["args"]["targets"] == ["kidney_left"]
    assert second["calls"][0]["tool"] == "measure"
    assert second["calls"][0]["args"]["targets"] == ["kidney_left"]


def test_plan_imports_nothing_heavy():
    code = (
        "import sys; from assistant.cli import run;"
        "run(['plan', 'segment the left kidney', 'measure it', '--json']);"
        "heavy = {'torch', 'monai', 'langchain', 'langchain_core', 'gradio', 'transformers', 'scipy'};"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip().splitlines()[-1] == "[]"


def test_plan_without_json_is_readable(capsys):
    assert run(["plan", "segment the liver"]) == 0
    assert "segment(targets=['liver'])" in capsys.readouterr().out


def test_structures_lists_the_whole_ontology(capsys):
    assert run(["structures", "--json"]) == 0
    records = {r["id"]: r for r in lines(capsys)}
    assert set(records["liver"]) == {"id", "name", "kind", "children", "synonyms", "codes", "supported"}
    assert records["kidneys"]["children"] == ["kidney_left", "kidney_right"]


# -- ask


def test_ask_prints_the_contract(ct, capsys):
    assert run(["ask", str(ct), "How big is the liver?", "and the left kidney?", "--json"]) == 0
    first, second = lines(capsys)
    assert list(first) == ANSWER_KEYS
    assert first["findings"][0]["structure"] == "liver"
    assert second["findings"][0]["structure"] == "kidney_left"


def test_ask_saves_masks_and_the_answer(ct, tmp_path, capsys, study):
    out = tmp_path / "out"
    assert run(["ask", str(ct), "segment the liver", "--out", str(out), "--json"]) == 0
    (answer,) = lines(capsys)
    mask = nib.load(answer["findings"][0]["mask"])
    assert sorted(p.name for p in out.iterdir()) == ["answer.json", "liver.nii.gz"]
    assert json.loads((out / "answer.json").read_text()) == answer
    start, stop = answer["findings"][0]["box"]["voxel"]
    where = np.argwhere(np.asarray(mask.dataobj))
    assert where.min(axis=0).tolist() == start
    assert (where.max(axis=0) + 1).tolist() == stop
    assert np.allclose(mask.affine, study.volume.geometry.affine)


def test_ask_with_a_prior(ct, tmp_path, capsys, make_study):
    path = tmp_path / "prior.nii.gz"
    volume = make_study(tumor=False).volume
    nib.save(nib.Nifti1Image(volume.hu, volume.geometry.affine), path)
    question = "compare the liver with the prior"
    assert run(["ask", str(ct), question, "--prior", str(path), "--json"]) == 0
    (answer,) = lines(capsys)
    assert answer["status"] == "act"
    assert "unchanged" in answer["text"]
    assert run(["ask", str(ct), question, "--prior", str(tmp_path / "missing.nii.gz")]) == 2
    assert "missing.nii.gz" in complaint(capsys)


def test_ask_without_json_prints_text(ct, capsys):
    assert run(["ask", str(ct), "How big is the liver?"]) == 0
    assert "302 ml" in capsys.readouterr().out


# -- segment


def test_segment_writes_one_label_map_and_its_labels(ct, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(["segment", str(ct), "-t", "liver", "-t", "left kidney", "-o", str(out)]) == 0
    labels = json.loads((out / "labels.json").read_text())["labels"]
    assert {entry["id"] for entry in labels.values()} == {"liver", "kidney_left"}
    values = np.unique(np.asarray(nib.load(out / "segmentation.nii.gz").dataobj))
    assert {str(v) for v in values} == {"0", *labels}


def test_segment_several_studies_into_folders_of_their_own(ct, tmp_path):
    other = tmp_path / "other.nii.gz"
    other.write_bytes(ct.read_bytes())
    out = tmp_path / "out"
    assert run(["segment", str(ct), str(other), "-t", "liver", "-o", str(out)]) == 0
    assert sorted(p.name for p in out.iterdir()) == ["ct", "other"]


def test_a_missing_study_does_not_stop_the_others(ct, tmp_path, capsys):
    out = tmp_path / "out"
    studies = [str(tmp_path / "missing.nii.gz"), str(ct)]
    assert run(["segment", *studies, "-t", "liver", "-o", str(out)]) == 2
    said = capsys.readouterr()
    assert "missing.nii.gz: no such file" in said.err
    assert "Traceback" not in said.err
    assert said.out.splitlines() == [
        str(out / "ct" / name) for name in ("segmentation.nii.gz", "labels.json")
    ]
    assert [p.name for p in out.iterdir()] == ["ct"]


def test_segment_to_dicom_seg_needs_a_dicom_study(ct, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(["segment", str(ct), "-t", "liver", "-o", str(out), "--format", "dicom-seg"]) == 2
    assert "DICOM" in complaint(capsys)
    assert not out.exists() or not list(out.iterdir())


# -- bad input


def truncated(path, ct):
    path.write_bytes(ct.read_bytes()[:2000])


def not_an_image(path, ct):
    path.write_bytes(b"hello")


def flat(path, ct):
    nib.save(nib.Nifti1Image(np.zeros((8, 8), np.int16), np.eye(4)), path)


def no_slices(path, ct):
    nib.save(nib.Nifti1Image(np.zeros((8, 8, 0), np.int16), np.eye(4)), path)


@pytest.mark.parametrize("spoil", [truncated, not_an_image, flat, no_slices, None])
def test_bad_studies_are_one_line_and_status_two(spoil, ct, tmp_path, capsys):
    bad, out = tmp_path / "bad.nii.gz", tmp_path / "out"
    if spoil:
        spoil(bad, ct)
    assert run(["ask", str(bad), "How big is the liver?", "--json", "--out", str(out)]) == 2
    assert "bad.nii.gz" in complaint(capsys)
    assert not out.exists()
    assert run(["segment", str(bad), "-t", "liver", "-o", str(out)]) == 2
    assert not out.exists()


def test_unknown_structure_names_the_nearest(ct, tmp_path, capsys):
    assert run(["segment", str(ct), "-t", "livr", "-o", str(tmp_path / "out")]) == 2
    assert "liver" in complaint(capsys)
    assert not (tmp_path / "out").exists()


def test_unsupported_structure(ct, tmp_path, capsys):
    assert run(["segment", str(ct), "-t", "heart", "-o", str(tmp_path / "out")]) == 2
    assert "cannot segment heart" in complaint(capsys)


@pytest.mark.parametrize(
    "arguments", [["nope"], ["plan"], ["ask"], ["plan", "--jso", "x"], ["segment", "x.nii"]]
)
def test_wrong_usage_is_one_line_and_status_two(arguments, capsys):
    assert run(arguments) == 2
    complaint(capsys)


def test_version(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"bodymaps {version('bodymaps')}\n"


def test_out_that_is_a_file(ct, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert run(["ask", str(ct), "hello", "--out", str(tmp_path / "file")]) == 2
    assert "give a folder" in complaint(capsys)


@pytest.mark.parametrize("verb", [["ask", "segment the liver"], ["segment", "-t", "liver"]])
def test_results_that_cannot_be_written_are_told_before_the_work(verb, ct, tmp_path, capsys, segmenter):
    (tmp_path / "file").write_text("")
    assert run([verb[0], str(ct), *verb[1:], "--out", str(tmp_path / "file" / "results")]) == 2
    assert "give a folder" in complaint(capsys)
    assert segmenter.asked == []


@pytest.mark.parametrize("kind", ["weights", "universal"])
@pytest.mark.parametrize("verb", [["ask", "How big is the liver?"], ["segment", "-t", "liver", "-o", "out"]])
def test_a_file_that_is_no_model(kind, verb, ct, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("encoders.segmenters.registry.load", LOAD)
    monkeypatch.chdir(tmp_path)
    bad = tmp_path / "letter.safetensors"
    bad.write_text("hello")
    assert run([verb[0], str(ct), *verb[1:], "--segmenter", f"{kind}:{bad}"]) == 2
    assert "letter.safetensors" in complaint(capsys)


@pytest.fixture
def ctrl_c():
    """Ctrl-C interrupts, also where the tests were started in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_stops_at_the_next_step(ct, capsys, segmenter, monkeypatch, ctrl_c):
    def slow(volume, structures, progress):
        os.kill(os.getpid(), signal.SIGINT)
        ends = time.monotonic() + 60
        while time.monotonic() < ends:
            progress(0.5, "still looking")
            time.sleep(0.01)
        raise AssertionError("nobody said to stop")

    monkeypatch.setattr(segmenter, "segment", slow)
    assert run(["ask", str(ct), "How big is the liver?"]) == 130
    assert "bodymaps: stopped" in capsys.readouterr().err


def test_unknown_llm_is_one_line(ct, capsys):
    assert run(["ask", str(ct), "hello", "--llm", "nonsense:model"]) == 2
    assert "nonsense" in complaint(capsys)


def test_the_page_of_a_verb_is_its_help(capsys):
    for verb in available():
        assert run([verb, "--help"]) == 0
        assert verb in capsys.readouterr().out


# -- as a program


def test_as_a_module():
    command = [sys.executable, "-m", "assistant.cli", "plan", "hello", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["status"] == "chat"


def test_a_heavy_verb_restarts_once_with_the_allocator_settings(tmp_path):
    code = (
        "import os, sys; sys.argv = ['bodymaps', *sys.argv[1:]];"
        "from assistant.cli.allocator import restart_with_allocator as again; again();"
        "print(os.environ.get('MALLOC_MMAP_MAX_'), os.environ.get('BODYMAPS_RESTARTED'))"
    )
    done = subprocess.run([sys.executable, "-c", code, "ask"], capture_output=True, text=True, check=True)
    if sys.platform.startswith("linux"):
        assert done.stdout in ("0 1\n", "None None\n")  # glibc, or another C library
    else:
        assert done.stdout == "None None\n"


def test_a_warning_of_the_study_is_printed_once():
    from assistant.answer import Answer
    from assistant.cli.ask import _readable

    warnings = ("The intensities do not look like Hounsfield units.", "The liver is cut off.")
    text = _readable(Answer("liver", "act", "Liver: 300 ml. The liver is cut off.", warnings=warnings))
    assert "  warning: The intensities do not look like Hounsfield units." in text
    assert text.count("The liver is cut off.") == 1


@pytest.mark.parametrize(("name", "near"), [("flurble", None), ("left kidny", "kidney_left")])
def test_only_a_name_that_is_like_it_is_offered_for_an_unknown_structure(name, near):
    with pytest.raises(BodyMapsError, match="unknown structure") as caught:
        structure_ids([name])
    assert ("nearest" in str(caught.value)) == bool(near)
    assert (near or "") in str(caught.value)
