"""Weights in a file: what comes back is what went in, in half or a quarter of the bytes."""

import pytest
import torch

from encoders.checkpoints import load_model, read_config, save_model
from encoders.errors import BodyMapsError


def test_float16_comes_back(tiny_model, tmp_path):
    save_model(tiny_model, tmp_path / "a.safetensors", {"step": 7})
    back = load_model(tmp_path / "a.safetensors").state_dict()
    for name, value in tiny_model.state_dict().items():
        assert torch.allclose(back[name], value, atol=1e-3, rtol=1e-3)
    config, notes = read_config(tmp_path / "a.safetensors")
    assert config == tiny_model.config
    assert notes == {"step": 7}


def test_int8_is_half_as_large_and_off_by_half_a_step(tiny_model, tmp_path):
    tiny_model.decoder.controller.weight.data[0] = 0  # a channel without a scale
    save_model(tiny_model, tmp_path / "a.safetensors")
    save_model(tiny_model, tmp_path / "b.safetensors", small=True)
    large, small = ((tmp_path / f"{name}.safetensors").stat().st_size for name in "ab")
    assert small < 0.65 * large
    back = load_model(tmp_path / "b.safetensors").state_dict()
    for name, value in tiny_model.state_dict().items():
        if value.ndim > 1:
            highest = value.abs().amax(tuple(range(1, value.ndim)), keepdim=True)
            # half a step, and the scale's own rounding to float16
            assert ((back[name] - value).abs() <= highest / 127 * 0.5 + highest * 1e-3 + 1e-6).all(), name
        else:
            assert torch.allclose(back[name], value, atol=1e-3, rtol=1e-3)


def test_another_file_is_refused(tmp_path):
    (tmp_path / "x.safetensors").write_bytes(b"nothing")
    with pytest.raises(BodyMapsError, match="not a bodymaps model"):
        read_config(tmp_path / "x.safetensors")
