"""The two ways of `bodymaps eval speed`, on a small model and a small CT."""

import json
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest
import torch

from encoders.geometry import Geometry
from encoders.published import inference
from encoders.published.checkpoints import save
from encoders.published.model import Layout, PublishedModel
from encoders.volume import Volume
from eval import speed


@pytest.fixture
def model():
    torch.manual_seed(0)
    return PublishedModel(Layout("unet", 32, backbone_args={"width": 16})).eval().requires_grad_(False)


@pytest.fixture
def volume():
    rng = np.random.default_rng(0)
    hu = np.full((50, 44, 40), -1000, np.int16)
    hu[5:45, 5:40] = rng.normal(40, 80, (40, 35, 40)).clip(-170)
    return Volume(hu, Geometry(hu.shape, np.diag([-2.0, 1.5, 1.2, 1.0])))


def test_grouped_convolutions_equal_the_decoder(model):
    image = torch.rand(1, 1, 16, 16, 16)
    with torch.inference_mode():
        torch.testing.assert_close(speed.grouped_logits(model, image), model(image), atol=1e-4, rtol=0)


def test_both_preprocessings_give_one_image(volume):
    published, own = speed.published_preprocessing(volume), inference.prepare(volume)
    assert published.box == own.box
    assert published.shape == own.shape
    torch.testing.assert_close(published.image, own.image, atol=1e-4, rtol=0)


def test_a_sampled_network_runs_on_every_third_call_and_the_rest_is_a_copy():
    network = speed.Sampled(lambda part: part + 1, every=3)
    results = [network(torch.full((1,), float(n))) for n in range(7)]
    assert [float(r) for r in results] == [1, 1, 1, 4, 4, 4, 7]
    results[1] *= 0  # blending in place must not reach the next window
    assert float(results[0]) == 1
    assert (network.calls, len(network.seconds)) == (7, 3)
    assert len(network.cpu_seconds) == 3
    assert network.missing([1.0, 2.0, 3.0]) == pytest.approx(4 * 2.0)


def test_the_command_measures_both_ways(model, volume, tmp_path):
    weights, study, out = tmp_path / "m.pth", tmp_path / "ct.nii.gz", tmp_path / "speed.json"
    save(model, weights)
    nib.Nifti1Image(volume.hu, volume.geometry.affine).to_filename(study)
    command = [sys.executable, "-m", "assistant.cli", "eval", "speed", str(study), "--out", str(out)]
    command += [
        "--weights",
        str(weights),
        "--window",
        "32",
        "--every",
        "2",
        "-t",
        "liver",
        "-t",
        "hepatic_vessel",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    result = json.loads(out.read_text())
    fast, reference = result["runs"]["fast"], result["runs"]["reference"]
    assert (fast["classes"], reference["classes"]) == (2, 32)
    assert fast["windows"] == reference["windows"] >= 4
    assert fast["ran"] == reference["ran"] == -(-fast["windows"] // 2)
    assert fast["seconds"] > fast["wall_seconds"]
    assert result["times_faster"] == pytest.approx(reference["seconds"] / fast["seconds"])
    assert result["times_less_cpu"] == pytest.approx(reference["cpu_seconds"] / fast["cpu_seconds"])
    assert result["memory_share"] == pytest.approx(fast["peak_mb"] / reference["peak_mb"])
    for values in result["dice"].values():
        assert values["thresholded"] > 0.98
    assert "times faster" in done.stdout


def test_what_is_not_there_is_said(tmp_path):
    command = [sys.executable, "-m", "assistant.cli", "eval", "speed", str(tmp_path / "no.nii.gz")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "no.nii.gz" in done.stderr
