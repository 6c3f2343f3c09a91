import json
from contextlib import nullcontext

import nibabel as nib
import numpy as np
import pytest

from encoders.checkpoints import load_model
from encoders.errors import BodyMapsError
from encoders.learning import genesis


@pytest.fixture
def image():
    return np.random.default_rng(0).random((40, 32, 36), np.float32)


def test_grey_values_follow_one_curve(image):
    out = genesis.nonlinear(image, np.random.default_rng(1))
    order = np.argsort(image.ravel())
    steps = np.abs(np.diff(out.ravel()[order]))
    assert steps.max() < 0.05
    assert not np.allclose(out, image)


def test_shuffling_keeps_far_away_structure(image):
    half = image.copy()
    half[:20] = 0
    out = genesis.shuffle(half, np.random.default_rng(2))
    assert (out[:12] == 0).all()
    assert not np.array_equal(out, half)


def test_painting_keeps_some_voxels_and_loses_others(image):
    inside = genesis.inpaint(image, np.random.default_rng(3)) == image
    outside = genesis.outpaint(image, np.random.default_rng(3)) == image
    assert inside[:3].all()
    assert 0.5 < inside.mean() < 1
    assert not outside[0].any()
    assert 0 < outside.mean() < 0.95


def recipe(labels):
    return {
        "name": "tiny",
        "seed": 0,
        "model": {
            "spacing_mm": 4.0,
            "window": [32, 32, 32],
            "backbone_args": {"widths": [8, 8, 16, 16], "out_channels": 8},
            "text_dim": 16,
            "hidden": 16,
            "head_channels": [8, 8, 8],
            "groups": 4,
            "structures": ["liver", "spleen"],
        },
        "optimiser": {"lr": 3e-3, "weight_decay": 0.0, "warmup": 2, "cooldown": 2, "clip": 1.0, "ema": 0.9},
        "phases": [{"until": 30}],
        "synthetic": 0.0,
        "cases": [labels],
    }


def study(folder):
    rng = np.random.default_rng(0)
    hu = np.full((48, 48, 48), -1000, np.int16)
    hu[8:40, 8:40] = 40
    hu[14:24, 14:24, 14:34] = 200
    hu = (hu + rng.normal(0, 5, hu.shape)).astype(np.int16)
    nib.save(nib.Nifti1Image(hu, np.diag([4.0, 4, 4, 1])), folder / "ct.nii.gz")
    nib.save(nib.Nifti1Image((hu > 100).astype(np.uint8), np.diag([4.0, 4, 4, 1])), folder / "labels.nii.gz")
    (folder / "labels.json").write_text(json.dumps({"liver": 1}))
    return {"name": "one", "ct": "ct.nii.gz", "labels": [{"file": "labels.nii.gz", "names": "labels.json"}]}


def test_restoring_gets_better_and_its_weights_start_a_training(tmp_path, monkeypatch):
    # gradients of bfloat16 kernels on the CPU differ from run to run
    monkeypatch.setattr(genesis, "mixed_precision", nullcontext)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("BODYMAPS_CACHE", str(tmp_path / "cache"))
    content = recipe(study(tmp_path))
    trainer = genesis.Pretrainer(content, tmp_path, tmp_path / "run")
    before = trainer.model.backbone.state_dict()
    before = {name: value.clone() for name, value in before.items()}
    losses = [trainer.iterate()[0] for _ in range(30)]
    assert np.mean(losses[-8:]) < 0.8 * np.mean(losses[:4])
    trainer.save()
    model = load_model(tmp_path / "run" / "weights.safetensors")
    assert any(not np.allclose(v, before[k], atol=1e-3) for k, v in model.backbone.state_dict().items())
    from encoders.learning.trainer import Trainer

    started = Trainer(
        {**content, "init": str(tmp_path / "run" / "weights.safetensors")}, tmp_path, tmp_path / "b"
    )
    assert np.isfinite(started.iterate()[0])


def test_labels_alone_cannot_be_restored(tmp_path, monkeypatch):
    monkeypatch.setenv("BODYMAPS_CACHE", str(tmp_path / "cache"))
    entry = study(tmp_path)
    entry.pop("ct")
    with pytest.raises(BodyMapsError, match="needs images"):
        genesis.Pretrainer(recipe(entry), tmp_path, tmp_path / "run")
