"""Reads and writes published checkpoints. Pickles are only ever read as tensors and plain data."""

from __future__ import annotations

import pickle
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy._core.multiarray import scalar
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from encoders.errors import BodyMapsError
from encoders.files import replacing
from encoders.published.keys import EMBEDDING, Keys, backbone_of, layout_of, normalised, unwrap
from encoders.published.model import PublishedModel

# What optimizer and scheduler states of old checkpoints hold besides tensors: containers and numbers, no code.
_HARMLESS: list[Any] = [
    # torch fills plain dictionaries only
    ((lambda *factory: {}), "collections.defaultdict"),
    *(dict, list, set, tuple, int, float, bool, str),
    np.dtype,
    *(type(np.dtype(kind)) for kind in ("float64", "float32", "int64", "int32", "bool")),
    *((scalar, f"numpy.{module}.multiarray.scalar") for module in ("core", "_core")),
]
_UNKNOWN = re.compile(r"GLOBAL ((?:\w+\.)+\w+) was not an allowed global")
_CODE = re.compile(
    r"(builtins|__builtin__|os|posix|nt|sys|subprocess|shutil|socket|importlib|runpy|code|pty|pickle)\."
)
"""What no training state holds, but a file that is meant to do harm: such a file is refused as a whole."""


@dataclass(frozen=True)
class LoadReport:
    """What loading did, as data.

    missing: keys of the model that the file lacks. unexpected: keys of the file that the model lacks.
    mismatched: key, shape in the file, shape in the model. dropped: keys of unused output layers.
    """

    backbone: str
    generation: str
    loaded: int
    entries: int
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    mismatched: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...] = ()
    dropped: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        return not (self.missing or self.unexpected or self.mismatched)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        parts = [f"{self.backbone}: {self.loaded} of {self.entries} entries loaded"]
        for kind in ("missing", "unexpected", "dropped"):
            keys = getattr(self, kind)
            if keys:
                parts.append(f"{len(keys)} {kind} ({', '.join(keys[:3])}{', ...' if len(keys) > 3 else ''})")
        if self.mismatched:
            key, file, model = self.mismatched[0]
            parts.append(f"{len(self.mismatched)} of another shape ({key} is {file}, the model's is {model})")
        return "; ".join(parts)


def read(path: Path) -> Any:
    """The content of a checkpoint file, on the CPU: tensors and plain data only.

    Raises BodyMapsError when the file is missing, damaged, or would run code when loaded.
    """
    if not path.is_file():
        raise BodyMapsError(f"no checkpoint at '{path}': give the path of a .pth, .pt or .safetensors file")
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, "pt") as file:
                return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        return _load_pickle(path)
    except pickle.UnpicklingError as error:
        if "unsupported" not in str(error).lower():
            raise BodyMapsError(
                f"{path} cannot be read as a checkpoint: download or copy it again"
            ) from error
        raise BodyMapsError(
            f"{path} holds more than tensors and plain data, so loading it could run code: "
            "save its state dict alone and try again"
        ) from error
    except (OSError, SafetensorError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise BodyMapsError(f"{path} cannot be read as a checkpoint: download or copy it again") from error


class _Inert:
    """Stands for an object of any other class, such as the settings of a training: holds nothing, does nothing."""

    def __new__(cls, *args: Any, **options: Any) -> _Inert:
        return super().__new__(cls)

    def __init__(self, *args: Any, **options: Any) -> None: ...

    def __setstate__(self, state: Any) -> None: ...


def _load_pickle(path: Path) -> Any:
    """By torch's restricted unpickler. Names of classes that it does not know mean inert objects: none is imported.

    Raises pickle.UnpicklingError for a name of `_CODE`, and for what the restricted unpickler refuses anyway.
    """
    inert: dict[str, tuple[type, str]] = {}
    while True:
        try:
            with torch.serialization.safe_globals([*_HARMLESS, *inert.values()]):
                return torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            unknown = _UNKNOWN.search(str(error))
            if unknown is None or unknown[1] in inert or _CODE.match(unknown[1]):
                raise
            inert[unknown[1]] = type(unknown[1].rpartition(".")[2], (_Inert,), {}), unknown[1]


def read_keys(path: Path) -> Keys:
    """The state dict of a file with the model's own names."""
    return normalised(unwrap(read(path)))


def saved_order(path: Path) -> str | None:
    """The class order that `bodymaps convert` wrote into a safetensors file, or None."""
    if path.suffix != ".safetensors" or not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            return (file.metadata() or {}).get("classes")
    except (OSError, SafetensorError) as error:
        raise BodyMapsError(f"{path} cannot be read as a checkpoint: download or copy it again") from error


def fill(model: nn.Module, keys: Keys, backbone: str) -> LoadReport:
    """Copies every tensor that fits into a module and reports the rest."""
    own = model.state_dict()
    fits = {k: v for k, v in keys.state.items() if k in own and v.shape == own[k].shape}
    model.load_state_dict({k: v.to(own[k].dtype) for k, v in fits.items()}, strict=False)
    return LoadReport(
        backbone,
        keys.generation,
        len(fits),
        len(own),
        tuple(k for k in own if k not in keys.state),
        tuple(k for k in keys.state if k not in own),
        tuple(
            (k, tuple(v.shape), tuple(own[k].shape))
            for k, v in keys.state.items()
            if k in own and v.shape != own[k].shape
        ),
        keys.dropped,
    )


def load(
    path: Path, txt_encoding: Path | None = None, strict: bool = True, **backbone_args: Any
) -> tuple[PublishedModel, LoadReport]:
    """The model of a checkpoint, float32, in evaluation mode, on the CPU.

    The backbone, its width, the number of classes and the kind of embedding are read from the shapes.
    txt_encoding: text embeddings (classes, text_dim) for a file that lacks them; never needed for released files.
    backbone_args: what shapes cannot say, such as the `merging` of a Swin UNETR.
    Raises BodyMapsError when strict and a key is missing, unexpected or of another shape, or a weight not finite.
    """
    keys = read_keys(path)
    if txt_encoding is not None:
        keys.state.setdefault(EMBEDDING, read_embedding(txt_encoding))
    layout = layout_of(keys.state)
    try:
        model = PublishedModel(replace(layout, backbone_args=layout.backbone_args | backbone_args))
    except (TypeError, KeyError, ValueError, RuntimeError) as error:
        wish = "".join(f" with {k}={v}" for k, v in backbone_args.items())
        raise BodyMapsError(
            f"{path} describes a {layout.backbone} that cannot be built{wish}: {error}"
        ) from error
    report = fill(model, keys, layout.backbone)
    if strict and not report.complete:
        raise BodyMapsError(f"{path} does not fit its own layout: {report}")
    broken = [k for k, v in model.named_parameters() if not v.isfinite().all()]
    if strict and broken:
        raise BodyMapsError(
            f"{path} holds numbers that are not finite, such as in {broken[0]}: it finds nothing"
        )
    return model.eval().requires_grad_(False), report


def read_embedding(path: Path) -> Tensor:
    """The text embeddings (classes, text_dim) float32 of a `txt_encoding.pth`: a bare tensor."""
    data = read(path)
    if not isinstance(data, Tensor) or data.ndim != 2:
        raise BodyMapsError(f"{path} is not a table of text embeddings: expected one 2D tensor")
    return data.float()


def initialise(backbone: nn.Module, path: Path, strict: bool = True) -> LoadReport:
    """Fills a backbone (`unet`, `swin_unetr`, `unetpp`) with pretrained weights, such as those of Models Genesis,
    SuPreM or a Universal Model checkpoint. Heads and output layers of the file are left out, and listed as dropped.

    Raises BodyMapsError when nothing fits or, if strict, when anything is missing, unexpected or of another shape.
    """
    keys = read_keys(path)
    name, _ = backbone_of(keys.state)
    inner = {k.removeprefix("backbone."): v for k, v in keys.state.items() if k.startswith("backbone.")}
    heads = tuple(k for k in keys.state if not k.startswith("backbone."))
    report = fill(backbone, Keys(inner, keys.dropped + heads, keys.generation), name)
    if not report.loaded or (strict and not report.complete):
        raise BodyMapsError(f"{path} does not fit this backbone: {report}")
    return report


def save(model: PublishedModel, path: Path, classes: str | None = None) -> None:
    """Writes a model with the published names: .safetensors, or any other suffix for {"net": {"module.*"}}.

    classes: the name of its class order, kept in a safetensors file.
    """
    state = {k: v.detach().cpu().contiguous() for k, v in model.state_dict().items()}
    with replacing(path) as temporary:
        if path.suffix == ".safetensors":
            save_file(state, temporary, {"format": "pt", **({"classes": classes} if classes else {})})
        else:
            torch.save({"net": {f"module.{k}": v for k, v in state.items()}}, temporary)
