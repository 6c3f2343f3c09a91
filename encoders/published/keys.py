"""What a checkpoint's keys mean: one layout out of all the generations of names that are about."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from encoders.errors import BodyMapsError
from encoders.published.model import Layout

WRAPPERS = ("net", "state_dict", "model", "model_state_dict")
HEADS = ("organ_embedding", "precls_conv", "GAP", "controller", "text_to_vision")
EMBEDDING = "organ_embedding"
PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.")
"""What wrappers (DistributedDataParallel, torch.compile, training frameworks) put before every key."""
_ALIASES = {"txt_encoding": EMBEDDING, "text_embedding": EMBEDDING}
_BACKBONE = re.compile(r"(swinViT|encoder\d+|decoder\d+|down_tr\d+|up_tr\d+|conv_\d_\d|upcat_\d_\d)(\.|$)")
_UNUSED = re.compile(r"(out|out_tr|final_conv_\d_\d)\.")
_SIGNS = {"swinViT": "swin_unetr", "down_tr64": "unet", "conv_0_0": "unetpp"}


@dataclass(frozen=True)
class Keys:
    """A state dict with the model's own names.

    state: the tensors. dropped: keys of output layers that the model has no use for.
    generation: "backbone" when the backbone's keys carried that prefix, else "flat".
    """

    state: dict[str, Tensor]
    dropped: tuple[str, ...]
    generation: str


def unwrap(data: Any) -> dict[str, Tensor]:
    """The state dict inside a checkpoint; raises BodyMapsError when there is none."""
    while isinstance(data, Mapping):
        inner = next((data[w] for w in WRAPPERS if isinstance(data.get(w), Mapping)), None)
        if inner is None:
            break
        data = inner
    items = data.items() if isinstance(data, Mapping) else ()
    tensors = {k: v for k, v in items if isinstance(k, str) and isinstance(v, Tensor)}
    if not tensors:
        raise BodyMapsError("the checkpoint holds no tensors: expected a dict with 'net' or 'state_dict'")
    return tensors


def normalised(state: Mapping[str, Tensor]) -> Keys:
    """Strips prefixes of wrappers, puts backbone layers below `backbone.`, heads at the root, output layers away."""
    kept: dict[str, Tensor] = {}
    dropped: list[str] = []
    prefixed = False
    for original, value in state.items():
        key, inside = original, False
        while key.startswith(("backbone.", *PREFIXES)):
            inside |= key.startswith("backbone.")
            key = key.partition(".")[2]
        if _UNUSED.match(key):
            dropped.append(original)
            continue
        key = _ALIASES.get(key, key)
        if key.partition(".")[0] not in HEADS:
            prefixed |= inside
            key = f"backbone.{key}" if inside or _BACKBONE.match(key) else key
        if key in kept:
            raise BodyMapsError(f"the checkpoint has '{key}' under two names, one of them '{original}'")
        kept[key] = value
    return Keys(kept, tuple(dropped), "backbone" if prefixed else "flat")


def backbone_of(state: Mapping[str, Tensor]) -> tuple[str, dict[str, Any]]:
    """Name and arguments of the backbone of normalised keys. Raises BodyMapsError for an unknown network."""
    roots = {key.split(".")[1] for key in state if key.startswith("backbone.")}
    found = [name for sign, name in _SIGNS.items() if sign in roots]
    if len(found) != 1:
        some = ", ".join(list(state)[:3])
        raise BodyMapsError(
            f"no known network has keys such as {some}: a Universal Model checkpoint with a U-Net, Swin UNETR or "
            "UNet++ backbone is expected"
        )
    return found[0], _backbone_args(found[0], state)


def _backbone_args(name: str, state: Mapping[str, Tensor]) -> dict[str, Any]:
    def shape(key: str) -> tuple[int, ...]:
        if f"backbone.{key}" not in state:
            raise BodyMapsError(f"the {name} checkpoint lacks backbone.{key}: the file is incomplete")
        found = tuple(state[f"backbone.{key}"].shape)
        if len(found) != 5 or 0 in found:
            raise BodyMapsError(f"backbone.{key} of the {name} checkpoint is {found}: no 3D convolution")
        return found

    if name == "unet":
        first = shape("down_tr64.ops.0.conv1.weight")
        return {"in_channels": first[1], "width": 2 * first[0]}
    if name == "swin_unetr":
        first = shape("swinViT.patch_embed.proj.weight")
        return {"in_channels": first[1], "feature_size": first[0]}
    widths = [shape("conv_0_0.conv_0.conv.weight")]
    widths += [shape(f"conv_{depth}_0.convs.conv_0.conv.weight") for depth in range(1, 5)]
    widths.append(shape("upcat_0_4.convs.conv_0.conv.weight"))
    return {"in_channels": widths[0][1], "features": tuple(w[0] for w in widths)}


def layout_of(state: Mapping[str, Tensor]) -> Layout:
    """The network of normalised keys. Raises BodyMapsError when its class embedding is missing."""
    name, args = backbone_of(state)
    learned = f"{EMBEDDING}.weight"
    for key in (learned, EMBEDDING, "text_to_vision.weight"):
        if key in state and (state[key].ndim != 2 or 0 in state[key].shape):
            raise BodyMapsError(f"{key} of the {name} checkpoint is {tuple(state[key].shape)}: no table")
    if learned in state:
        classes, hidden = state[learned].shape
        return Layout(name, classes, None, hidden, args)
    if EMBEDDING not in state or "text_to_vision.weight" not in state:
        raise BodyMapsError(
            f"the {name} checkpoint has no class embedding ({EMBEDDING}) or no heads: pretrained backbones can "
            "initialise training, but cannot segment"
        )
    classes, text_dim = state[EMBEDDING].shape
    return Layout(name, classes, text_dim, state["text_to_vision.weight"].shape[0], args)
