"""Stages of training: one command runs those that a recipe comes after."""

import json

import nibabel as nib
import numpy as np
import pytest
import torch
import yaml

from encoders.checkpoints import load_model, read_config
from encoders.learning.train import train
from encoders.text.embedded import EmbeddedTextEncoder


@pytest.fixture
def data(tmp_path):
    """One CT of a ball in a body, labelled, and two recipes on it."""
    grid = np.indices((40, 40, 40)) - 20
    ball = np.square(grid).sum(0) < 36
    body = np.square(grid).sum(0) < 300
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    nib.save(
        nib.Nifti1Image(np.where(ball, 60, np.where(body, -80, -1000)).astype(np.int16), affine),
        tmp_path / "ct.nii.gz",
    )
    nib.save(nib.Nifti1Image(ball.astype(np.uint8), affine), tmp_path / "labels.nii.gz")
    (tmp_path / "labels.json").write_text(json.dumps({"spleen": 1}))
    first = {
        "name": "first",
        "seed": 1,
        "model": {
            "structures": ["spleen"],
            "spacing_mm": 3.0,
            "window": [16, 16, 16],
            "backbone": "compact_unet",
            "backbone_args": {"widths": [8, 16], "out_channels": 8},
            "text_dim": 16,
            "hidden": 16,
            "head_channels": [8, 4, 4],
            "groups": 4,
        },
        "optimiser": {"lr": 1e-3, "weight_decay": 0.0, "warmup": 1, "cooldown": 1, "clip": 1.0, "ema": 0.9},
        "phases": [{"until": 2}],
        "synthetic": 0.0,
        "cases": [
            {"name": "ball", "ct": "ct.nii.gz", "labels": [{"file": "labels.nii.gz", "names": "labels.json"}]}
        ],
    }
    (tmp_path / "first.yaml").write_text(yaml.safe_dump(first))
    second = {
        "extends": "first.yaml",
        "name": "second",
        "after": str(tmp_path / "first.yaml"),
        "model": {"structures": ["spleen", "liver"]},
        "text": {"steps": 3},
    }
    (tmp_path / "second.yaml").write_text(yaml.safe_dump(second))
    return tmp_path


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
    }
    (data / "again.yaml").write_text(yaml.safe_dump(again))
    third = load_model(train(data / "again.yaml", data, data / "runs" / "again"))
    for name in ("spleen", "liver"):
        assert torch.equal(second.embeddings([name]), third.embeddings([name]))
    assert (data / "runs" / "again" / "text.safetensors").exists()
    before, after = (model.backbone.refine.weight for model in (first, second))
    assert not torch.equal(before, after)
