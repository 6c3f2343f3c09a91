"""One contract for the engines of others. The packages are stand-ins, but for MONAI, which runs its bundles itself."""

import inspect
import json
import os
import subprocess
import sys
import tempfile
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from encoders.errors import BodyMapsError, Cancelled
from encoders.segmenters import registry
from encoders.segmenters.base import Segmenter
from encoders.segmenters.engines import engines
from prompts.ontology import ontology

SIDES = ["kidney_left", "kidney_right"]


def test_masks_are_on_the_studys_grid_and_left_stays_left(spec, kidneys):
    volume, truth = kidneys
    segmenter = registry.load(spec)
    assert isinstance(segmenter, Segmenter)
    told = []
    masks = segmenter.segment(volume, SIDES, lambda done, what: told.append(done))
    assert list(masks) == SIDES
    for name, mask in masks.items():
        assert np.array_equal(mask.full(), truth[name])
        assert mask.confidence == 0.5
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0.0, 1.0)
    x = {n: volume.geometry.to_world(np.argwhere(m.full())).mean(0)[0] for n, m in masks.items()}
    assert x["kidney_left"] < x["kidney_right"]


def test_a_question_more_gives_the_same_masks(spec, kidneys):
    volume, truth = kidneys
    segmenter = registry.load(spec)
    segmenter.segment(volume, SIDES[1:])
    assert np.array_equal(segmenter.segment(volume, SIDES[:1])["kidney_left"].full(), truth["kidney_left"])
    assert segmenter.segment(volume, []) == {}


def test_what_it_supports_is_in_the_ontology_and_unmeasured(spec):
    segmenter = registry.load(spec)
    assert set(SIDES) <= segmenter.supported() <= set(ontology())
    quality = segmenter.quality("kidney_left")
    assert (quality.level, quality.dice, quality.cases) == ("experimental", None, 0)
    assert "not measured" in quality.note
    assert segmenter.quality("phlogiston").level == "unsupported"


def test_an_unknown_structure_is_refused(spec, kidneys):
    with pytest.raises(BodyMapsError, match="cannot segment phlogiston"):
        registry.load(spec).segment(kidneys[0], ["kidney_left", "phlogiston"])


def test_nothing_is_left_outside_a_scratch_folder(spec, kidneys, tmp_path, monkeypatch, capsys):
    home, work, scratch = (tmp_path / name for name in ("home", "work", "scratch"))
    for folder in (home, work, scratch):
        folder.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(work)
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    variables = dict(os.environ)
    registry.load(spec).segment(kidneys[0], SIDES)
    after = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p != scratch}
    del before[scratch]
    assert after == before
    assert dict(os.environ) == variables
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("error", [RuntimeError("it broke\nbadly"), SystemExit(1), MemoryError()])
def test_what_goes_wrong_inside_is_one_line(spec, kidneys, monkeypatch, error):
    def broken(*args, **kwargs):
        raise error

    for name, thing in {
        "totalsegmentator.python_api": "totalsegmentator",
        "voxtell.inference.predictor": "VoxTellPredictor.predict_single_image",
        "nnunetv2.inference.predict_from_raw_data": "nnUNetPredictor.predict_single_npy_array",
        "monai.inferers.inferer": "SlidingWindowInferer.__call__",
    }.items():
        *path, last = thing.split(".")
        owner = import_module(name)
        for part in path:
            owner = getattr(owner, part)
        monkeypatch.setattr(owner, last, broken)
    with pytest.raises(BodyMapsError, match="failed: ") as caught:
        registry.load(spec).segment(kidneys[0], SIDES)
    assert "\n" not in str(caught.value)


def test_cancelling_stops_the_work(spec, kidneys):
    def stop(done, what):
        raise Cancelled

    with pytest.raises(Cancelled):
        registry.load(spec).segment(kidneys[0], SIDES, stop)


@pytest.mark.parametrize("name", engines())
def test_a_package_that_is_not_here_is_named(name, monkeypatch):
    package = engines()[name].package
    monkeypatch.setattr("encoders.segmenters.engines.find_spec", lambda module: None)
    with pytest.raises(BodyMapsError, match=f"cannot run here.*pip install {package}"):
        registry.load(f"{name}:x")
    (entry,) = [e for e in registry.describe() if e["spec"] == engines()[name].spec]
    assert package in entry["missing"]
    assert entry["licence"]
    assert entry["needs"]


def test_reading_the_table_imports_no_engine():
    code = (
        "import sys; from encoders.segmenters import registry; registry.describe(); "
        "print([m for m in ('torch', 'monai', 'nnunetv2', 'voxtell', 'totalsegmentator') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


CALLS = {
    "totalsegmentator.python_api": ["totalsegmentator"],
    "voxtell.inference.predictor": ["VoxTellPredictor", "VoxTellPredictor.predict_single_image"],
    "nnunetv2.inference.predict_from_raw_data": [
        "nnUNetPredictor",
        "nnUNetPredictor.initialize_from_trained_model_folder",
        "nnUNetPredictor.predict_single_npy_array",
    ],
}


@pytest.mark.parametrize("module", CALLS)
def test_a_stand_in_has_the_signatures_of_the_real_package(module, request):
    """Where the package is installed: same parameters in the same order, with the same defaults."""
    if find_spec(module.split(".")[0]) is None:
        pytest.skip(f"{module.split('.')[0]} is not installed")
    real = import_module(module)
    request.getfixturevalue("stand_ins")
    ours = import_module(module)
    assert ours is not real
    for call in CALLS[module]:
        a, b = real, ours
        for part in call.split("."):
            a, b = getattr(a, part), getattr(b, part)
        shape = [
            [(p.name, p.kind, p.default) for p in inspect.signature(f).parameters.values()] for f in (a, b)
        ]
        assert shape[0] == shape[1]


# -- what only one of them has


def test_a_lesion_is_part_of_its_organ_and_of_no_other(stand_ins):
    table = registry.load("totalsegmentator").table
    assert table.values["kidney_left"] == (3, 23)
    assert table.values["kidney_right"] == (2, 24)
    assert table.values["kidney_cyst"] == (23, 24)


def test_only_the_classes_asked_for_are_computed_at_full_resolution(stand_ins, kidneys, monkeypatch):
    asked = []
    api = import_module("totalsegmentator.python_api")
    real = api.totalsegmentator
    monkeypatch.setattr(
        api, "totalsegmentator", lambda *a, **k: asked.append(k["roi_subset"]) or real(*a, **k)
    )
    registry.load("totalsegmentator").segment(kidneys[0], ["kidney_left"])
    fast = registry.load("totalsegmentator:fast")
    fast.segment(kidneys[0], ["kidney_left"])
    fast.segment(kidneys[0], ["kidney_right"])
    assert asked == [["kidney_left", "kidney_cyst_left"], None]
    with pytest.raises(BodyMapsError, match="unknown mode 'slow'"):
        registry.load("totalsegmentator:slow")


def test_voxtell_takes_a_bank_and_a_text_model(stand_ins, tmp_path, make):
    folder = make.voxtell(tmp_path / "m")
    predictor = registry.load(f"voxtell:{folder}?bank=/b.npz&text=/qwen").predictor
    assert (predictor.bank, predictor.text) == ("/b.npz", "/qwen")
    with pytest.raises(BodyMapsError, match=r"no plans\.json in"):
        registry.load(f"voxtell:{tmp_path}")
    with pytest.raises(BodyMapsError, match="unknown option 'banana"):
        registry.load(f"voxtell:{folder}?banana=1")


def test_nnunet_reads_labels_by_name(stand_ins, tmp_path, make):
    labels = {"background": 0, "organ": [1, 2], "pancreas": 1, "cancer": 2}
    segmenter = registry.load(f"nnunet:{make.nnunet(tmp_path / 'a', labels, name='Dataset007_Pancreas')}")
    assert segmenter.table.values == {"pancreas": (1, 2), "pancreas_tumor": (2,)}
    assert segmenter.table.unmapped == ("organ",)
    own = tmp_path / "names.yaml"
    own.write_text("organ: liver\n")
    spec = f"nnunet:{make.nnunet(tmp_path / 'b', labels)}?names={own}"
    assert registry.load(spec).table.values == {"liver": (1, 2), "pancreas": (1,)}
    own.write_text("organ: phlogiston\n")
    with pytest.raises(BodyMapsError, match="cannot mean 'phlogiston'"):
        registry.load(spec).supported()


def test_nnunet_orientation_of_training(stand_ins, tmp_path, make, kidneys):
    """Trained on LPS arrays: the stand-in, which knows RAS+ only, then calls the other side the left one."""
    volume, truth = kidneys
    spec = f"nnunet:{make.nnunet(tmp_path / 'a')}?orientation=LPS"
    masks = registry.load(spec).segment(volume, SIDES)
    assert np.array_equal(masks["kidney_left"].full(), truth["kidney_right"])
    for wrong in ("RSA", "RA", "XYZ"):
        with pytest.raises(BodyMapsError, match="orientation"):
            registry.load(f"nnunet:{tmp_path / 'a'}?orientation={wrong}")


def test_nnunet_folders_that_do_not_fit_are_refused(stand_ins, tmp_path, make):
    with pytest.raises(BodyMapsError, match=r"no dataset\.json in"):
        registry.load(f"nnunet:{tmp_path}")
    two = make.nnunet(tmp_path / "two", channels=2)
    with pytest.raises(BodyMapsError, match="reads 2 images"):
        registry.load(f"nnunet:{two}").supported()
    one = make.nnunet(tmp_path / "one")
    with pytest.raises(BodyMapsError, match=r"no checkpoint_final\.pth in fold 3"):
        _ = registry.load(f"nnunet:{one}?folds=3").predictor
    (one / "dataset.json").write_text("{")
    with pytest.raises(BodyMapsError, match="nnU-Net v2"):
        registry.load(f"nnunet:{one}").supported()


def test_the_packages_own_folder_stays_readable(tmp_path):
    with pytest.raises(BodyMapsError, match=r"no configs/metadata\.json in"):
        registry.load(f"bundle:{tmp_path}")
    assert list(Path(tmp_path).iterdir()) == []


@pytest.mark.parametrize("kidneys", ["oblique"], indirect=True)
def test_a_bundle_with_a_spacing_of_its_own_comes_back_to_the_study(tmp_path, make, kidneys):
    """Once by the bundle's own inversion, once, where it leaves that out, by the nearest voxel."""
    volume, truth = kidneys
    for name, post in {
        "inverts": None,
        "does not": [{"_target_": "AsDiscreted", "keys": "pred", "argmax": True}],
    }.items():
        folder = make.kidney_bundle(tmp_path / name, spacing=1.5)
        if post:
            path = folder / "configs" / "inference.json"
            config = json.loads(path.read_text())
            config["postprocessing"]["transforms"] = post
            path.write_text(json.dumps(config))
        for structure, mask in registry.load(f"bundle:{folder}").segment(volume, SIDES).items():
            both = (mask.full() & truth[structure]).sum()
            if (
                structure == "kidney_left"
            ):  # the rim of the brighter block passes through the other's densities
                assert both > 0.8 * truth[structure].sum()
                assert both > 0.95 * mask.voxel_count
            else:
                assert both > 0.7 * truth[structure].sum()
