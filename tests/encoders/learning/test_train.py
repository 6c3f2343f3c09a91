"""Stages of training: one command runs those that a recipe comes after."""

from pathlib import Path

import pytest
import torch
import yaml

from encoders.checkpoints import load_model, read_config
from encoders.errors import BodyMapsError
from encoders.learning import train as module
from encoders.learning.recipe import read_recipe
from encoders.learning.train import train
from encoders.text.embedded import EmbeddedTextEncoder


def test_one_command_runs_the_stages_before(data, monkeypatch):
    monkeypatch.setenv("BODYMAPS_CACHE", str(data / "cache"))
    runs = data / "runs"
    weights = train(data / "second.yaml", data, runs / "second")
    config, notes = read_config(weights)
    assert config.structures == ("spleen", "liver")
    assert notes["step"] == 2
    assert read_config(runs / "first" / "weights.safetensors")[1]["step"] == 2
    assert EmbeddedTextEncoder.load(runs / "second" / "text.safetensors").encode(["spleen"]).shape == (1, 16)
    assert not (runs / "first" / "text.safetensors").exists()
    ended = (runs / "first" / "weights.safetensors").stat().st_mtime_ns
    train(data / "second.yaml", data, runs / "second", steps=3)
    assert read_config(weights)[1]["step"] == 3
    assert (runs / "first" / "weights.safetensors").stat().st_mtime_ns == ended


def test_stages_with_kept_weights_are_repeated_when_asked(data, monkeypatch):
    monkeypatch.setenv("BODYMAPS_CACHE", str(data / "cache"))
    kept = train(data / "first.yaml", data, data / "first")  # ends as first/weights.safetensors
    start = kept.rename(data / "first.safetensors")
    middle = {"extends": "first.yaml", "name": "middle", "init": str(start), "blend": 0.5}
    (data / "middle.yaml").write_text(yaml.safe_dump(middle))
    last = {
        "extends": "first.yaml",
        "name": "last",
        "init": str(data / "middle.safetensors"),
        "after": str(start),
    }
    (data / "last.yaml").write_text(yaml.safe_dump(last))
    runs = data / "runs"
    train(data / "last.yaml", data, runs / "last", repeat=True)
    assert sorted(path.name for path in runs.iterdir()) == ["first", "last", "middle"]
    blended = runs / "middle" / "blended.safetensors"
    written = blended.stat().st_mtime_ns
    asked = []

    def stop(content, *_):
        asked.append(content)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "Trainer", stop)
    with pytest.raises(KeyboardInterrupt):
        train(data / "last.yaml", data, data / "runs" / "last", repeat=True)
    assert asked[0]["init"] == str(blended)
    assert asked[0]["after"] == str(runs / "first" / "weights.safetensors")
    assert blended.stat().st_mtime_ns == written


def test_every_kept_stage_has_a_recipe_of_its_name():
    """`--repeat` reaches the data from the shipped passes."""
    for name in ("embedded-bones.yaml", "embedded-phases.yaml", "embedded-liver.yaml"):
        waiting, seen = [name], set()
        while waiting:
            recipe = Path(waiting.pop())
            content = read_recipe(recipe.with_suffix(".yaml"))
            seen.add(content["name"])
            waiting += [content[key] for key in ("init", "after") if content.get(key)]
        assert "embedded" in seen  # the first stage, which starts from nothing


def test_a_second_pass_keeps_the_first_ones_words(data, monkeypatch):
    monkeypatch.setenv("BODYMAPS_CACHE", str(data / "cache"))
    closer = {
        "extends": "second.yaml",
        "name": "closer",
        "seed": 2,
        "after": str(data / "second.yaml"),
        "fixed_embeddings": True,
        "fresh": ["liver"],
        "model": {"spacing_mm": 1.5, "structures": ["spleen", "liver"]},
        "favoured": ["spleen"],
        "favoured_share": 1.0,
    }
    (data / "closer.yaml").write_text(yaml.safe_dump(closer))
    second = load_model(train(data / "closer.yaml", data, data / "runs" / "closer"))
    first = load_model(data / "runs" / "second" / "weights.safetensors")
    words = {name: (first.embeddings([name]), second.embeddings([name])) for name in ("spleen", "liver")}
    assert torch.equal(*words["spleen"])
    assert not torch.allclose(*words["liver"], atol=0.1)
    # going on from both passes: the words stay those of the first, also of the structure that was fresh
    again = {
        "extends": "closer.yaml",
        "name": "again",
        "after": str(data / "runs" / "second" / "weights.safetensors"),
        "init": str(data / "runs" / "closer" / "weights.safetensors"),
        "fresh": [],
        "export": ["liver"],
    }
    (data / "again.yaml").write_text(yaml.safe_dump(again))
    third = load_model(train(data / "again.yaml", data, data / "runs" / "again"))
    for name in ("spleen", "liver"):
        assert torch.equal(second.embeddings([name]), third.embeddings([name]))
    assert (data / "runs" / "again" / "text.safetensors").exists()
    part = load_model(data / "runs" / "again" / "export.safetensors")
    assert part.config.structures == ("liver",)
    assert torch.allclose(part.embeddings(["liver"]), third.embeddings(["liver"]), atol=0.01)
    # a structure that these weights do not know has the words of the first pass too
    narrow = {"extends": "again.yaml", "name": "narrow", "model": {"structures": ["liver"]}, "favoured": []}
    (data / "narrow.yaml").write_text(yaml.safe_dump(narrow))
    start = train(data / "narrow.yaml", data, data / "runs" / "narrow")
    (data / "wide.yaml").write_text(
        yaml.safe_dump({"extends": "again.yaml", "name": "wide", "init": str(start)})
    )
    wide = load_model(train(data / "wide.yaml", data, data / "runs" / "wide"))
    assert torch.equal(wide.embeddings(["spleen"]), first.embeddings(["spleen"]))
    mixed = {"extends": "again.yaml", "name": "mixed", "blend": 0.25, "text": None}
    (data / "mixed.yaml").write_text(yaml.safe_dump(mixed))
    path = train(data / "mixed.yaml", data, data / "runs" / "mixed")
    ends = [
        load_model(p).backbone.refine.weight
        for p in (Path(again["init"]), path.parent / "weights.safetensors")
    ]
    assert torch.allclose(load_model(path).backbone.refine.weight, torch.lerp(*ends, 0.25), atol=1e-4)
    assert not torch.allclose(*ends, atol=1e-4)
    (data / "mixed.yaml").write_text(yaml.safe_dump({**mixed, "init": str(start)}))
    with pytest.raises(BodyMapsError, match="different models"):
        train(data / "mixed.yaml", data, data / "runs" / "unlike")
    before, after = (model.backbone.refine.weight for model in (first, second))
    assert not torch.equal(before, after)


def test_a_recipe_replaces_entries_and_null_removes_them(tmp_path):
    (tmp_path / "a.yaml").write_text(
        "{name: a, model: {backbone: unet, args: {width: 1, out: 2}}, text: {steps: 5}}"
    )
    (tmp_path / "b.yaml").write_text(
        "{extends: a.yaml, name: b, model: {args: {width: null, out: 3}}, text: null}"
    )
    assert read_recipe(tmp_path / "b.yaml") == {
        "name": "b",
        "model": {"backbone": "unet", "args": {"out": 3}},
    }


def test_cases_join_those_of_another_recipe(tmp_path):
    (tmp_path / "a.yaml").write_text("{name: a, cases: [{name: one, weight: 1}, {name: two}]}")
    (tmp_path / "b.yaml").write_text(
        "{extends: a.yaml, more_cases: [{name: one, weight: 2}, {name: three}], name: b}"
    )
    (tmp_path / "c.yaml").write_text("{name: c, cases_of: b.yaml}")
    cases = [{"name": "one", "weight": 2}, {"name": "two"}, {"name": "three"}]
    assert read_recipe(tmp_path / "b.yaml") == {"name": "b", "cases": cases}
    assert read_recipe(tmp_path / "c.yaml") == {"name": "c", "cases": cases}


def test_labels_come_after_those_of_another_recipe(tmp_path):
    (tmp_path / "a.yaml").write_text("{name: a, cases: [{name: one, labels: [{rule: lungs}]}, {name: two}]}")
    (tmp_path / "b.yaml").write_text("{extends: a.yaml, more_labels: {one: [{absent: [prostate]}]}}")
    both = [{"rule": "lungs"}, {"absent": ["prostate"]}]
    assert read_recipe(tmp_path / "b.yaml")["cases"] == [{"name": "one", "labels": both}, {"name": "two"}]
    (tmp_path / "c.yaml").write_text("{extends: a.yaml, more_labels: {three: []}}")
    with pytest.raises(BodyMapsError, match=r"c\.yaml: it has no case three"):
        read_recipe(tmp_path / "c.yaml")


def test_a_recipe_may_hold_cases_out_of_all_phases_of_another(tmp_path):
    (tmp_path / "a.yaml").write_text("phases: [{until: 5, hold_out: [one]}, {until: 9, balance: 0.1}]")
    (tmp_path / "b.yaml").write_text("{extends: a.yaml, hold_out: [one, two]}")
    held = ["one", "two"]
    phases = [{"until": 5, "hold_out": held}, {"until": 9, "balance": 0.1, "hold_out": held}]
    assert read_recipe(tmp_path / "b.yaml") == {"phases": phases}
