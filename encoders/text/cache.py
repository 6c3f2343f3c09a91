"""Embeddings of prompts, computed once for each encoder and prompt."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from encoders.files import replacing
from encoders.packages import cache_dir


class PromptEncoder(Protocol):
    """An encoder whose embeddings can be kept: the fingerprint changes with its weights."""

    @property
    def fingerprint(self) -> str: ...

    def embed(self, phrases: Sequence[str]) -> Tensor: ...


def digest(kind: str, state: Mapping[str, Tensor]) -> str:
    """SHA-256 over a kind of encoder and the names, shapes and values of its weights."""
    total = hashlib.sha256(kind.encode())
    for name in sorted(state):
        value = state[name].detach().cpu().contiguous()
        total.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        total.update(
            value.float().numpy().tobytes() if value.is_floating_point() else value.numpy().tobytes()
        )
    return total.hexdigest()


def embed_prompts(encoder: PromptEncoder, prompts: Sequence[str], folder: Path | None = None) -> Tensor:
    """(N, dim) float32 embeddings of prompts; only prompts that are not kept yet are computed.

    folder: where they are kept, a file for each hash of encoder and prompt; None for the user's cache.
    """
    place = folder or cache_dir() / "embeddings"
    files = [
        place / f"{hashlib.sha256(f'{encoder.fingerprint} {p}'.encode()).hexdigest()}.safetensors"
        for p in prompts
    ]
    kept = {p: value for p, file in zip(prompts, files, strict=True) if (value := _read(file)) is not None}
    missing = [p for p in dict.fromkeys(prompts) if p not in kept]
    if missing:
        for prompt, value in zip(missing, encoder.embed(missing), strict=True):
            kept[prompt] = value
            with replacing(files[prompts.index(prompt)]) as temporary:
                save_file({"embedding": value.float().contiguous()}, temporary, {"prompt": prompt})
    return torch.stack([kept[p] for p in prompts])


def _read(file: Path) -> Tensor | None:
    """A kept embedding; None when there is none, or only a damaged one."""
    if not file.is_file():
        return None
    try:
        return load_file(file)["embedding"]
    except (OSError, SafetensorError, KeyError):
        return None


@dataclass(frozen=True)
class Comparison:
    """How two tables of embeddings agree, row by row.

    cosine, length_ratio: one entry a row. Tables of another shape do not compare: both are empty.
    """

    cosine: tuple[float, ...]
    length_ratio: tuple[float, ...]

    @property
    def same(self) -> bool:
        """Equal up to the rounding of a table kept in float16."""
        return (
            bool(self.cosine)
            and min(self.cosine) > 0.999
            and all(abs(ratio - 1) < 0.01 for ratio in self.length_ratio)
        )


def compare(computed: Tensor, supplied: Tensor) -> Comparison:
    """Computed embeddings (N, dim) against a supplied table such as `txt_encoding.pth`."""
    if computed.shape != supplied.shape:
        return Comparison((), ())
    a, b = computed.float(), supplied.float()
    ratio = a.norm(dim=1) / b.norm(dim=1).clamp_min(1e-12)
    return Comparison(tuple(F.cosine_similarity(a, b).tolist()), tuple(ratio.tolist()))
