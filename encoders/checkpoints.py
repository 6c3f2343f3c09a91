"""Weights with their configuration in one safetensors file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from encoders.errors import BodyMapsError
from encoders.files import replacing
from encoders.universal import ModelConfig, UniversalModel

SCALE = ":scale"
"""After the name of an int8 tensor: the float16 scale of each of its output channels."""


def save_model(
    model: UniversalModel, path: Path, notes: Mapping[str, Any] | None = None, small: bool = False
) -> None:
    """Writes float16 weights and the configuration; `notes` (JSON data) travels along.

    small: kernels and matrices as int8, at half the size: w = q s, with s = max |w| / 127 of each output channel.
    """
    tensors: dict[str, Tensor] = {}
    for name, value in model.state_dict().items():
        value = value.detach().cpu()
        if small and value.ndim > 1:
            highest = value.abs().amax(tuple(range(1, value.ndim)), keepdim=True)
            scale = (highest / 127).half().clamp_min(torch.finfo(torch.float16).tiny)
            tensors[name] = (value / scale.float()).round().clamp(-127, 127).to(torch.int8).contiguous()
            tensors[name + SCALE] = scale.contiguous()
        else:
            tensors[name] = value.half().contiguous()
    meta = {"config": json.dumps(model.config.to_dict()), "notes": json.dumps(dict(notes or {}))}
    with replacing(path) as temporary:
        save_file(tensors, temporary, meta)


def read_config(path: Path) -> tuple[ModelConfig, dict[str, Any]]:
    """Configuration and notes of a file written by `save_model`. Raises BodyMapsError for any other file, or none."""
    if not path.is_file():
        raise BodyMapsError(f"there are no weights at {path}, seen from {Path.cwd()}")
    try:
        with safe_open(path, "pt") as file:
            meta = file.metadata() or {}
        return ModelConfig.from_dict(json.loads(meta["config"])), json.loads(meta.get("notes", "{}"))
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise BodyMapsError(f"{path} is not a bodymaps model: give a .safetensors file it wrote") from error


def load_model(path: Path) -> UniversalModel:
    """The model of a file, float32, in evaluation mode, on the CPU."""
    config, _ = read_config(path)
    model = UniversalModel(config)
    with safe_open(path, "pt") as file:
        stored = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118
    state = {k: v * stored.get(k + SCALE, 1.0) for k, v in stored.items() if not k.endswith(SCALE)}
    model.load_state_dict(state)
    return model.eval().requires_grad_(False).to(memory_format=torch.channels_last_3d)
