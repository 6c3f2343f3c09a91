"""Random checkpoints in the documented layouts, small enough for tests."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from encoders.published.model import Layout, PublishedModel

SMALL = {
    "unet": {"width": 16},
    "swin_unetr": {"feature_size": 48},
    "unetpp": {"features": (16, 16, 16, 32, 32, 16)},
}


@pytest.fixture
def make_model() -> Callable[..., PublishedModel]:
    """make_model(backbone, classes=32, text_dim=512): random weights, evaluation mode."""

    def make(backbone: str = "unet", classes: int = 32, text_dim: int | None = 512) -> PublishedModel:
        torch.manual_seed(0)
        layout = Layout(backbone, classes, text_dim, backbone_args=dict(SMALL[backbone]))
        return PublishedModel(layout).eval().requires_grad_(False)

    return make


@pytest.fixture
def write(tmp_path) -> Callable[..., Path]:
    """write(state, prefix="module.", flat=False, wrapper="net"): a .pth as training code leaves it."""

    def dump(state, prefix="module.", flat=False, wrapper="net", **extra) -> Path:
        path = tmp_path / "model.pth"
        named = {prefix + (k.removeprefix("backbone.") if flat else k): v for k, v in state.items()}
        torch.save({wrapper: named, **extra} if wrapper else named, path)
        return path

    return dump
