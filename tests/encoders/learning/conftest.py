"""Phantoms that the tests of training share."""

import json

import nibabel as nib
import numpy as np
import pytest
import torch
import yaml

from encoders.learning.lesion_shapes import shape_of


@pytest.fixture
def scan():
    """A liver of 100 HU and 10 HU of grain in a body of 50 HU, with air around."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.zeros(48, 40, 44, dtype=torch.int64)
    labels[4:44, 4:36, 2:42] = 1
    labels[10:38, 8:32, 8:36] = 2
    hu = torch.tensor([-1000.0, 50.0, 100.0, 110.0])[labels]
    return hu + 10 * torch.randn(hu.shape, generator=generator) * (labels > 0), labels


@pytest.fixture(scope="session")
def shapes():
    x, y, z = np.mgrid[:20, :16, :14]
    blob = ((x - 9) / 9) ** 2 + ((y - 7.5) / 7) ** 2 + ((z - 6.5) / 6) ** 2 < 1
    blob[:6] &= y[:6] > 7  # not symmetric
    return (shape_of(blob),)


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
