"""The one place that chooses the device and its precision."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator


def device():
    """CUDA when there is one, else the CPU; the environment variable BODYMAPS_DEVICE overrides it."""
    import torch

    chosen = os.environ.get("BODYMAPS_DEVICE") or ("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(chosen)


def compute_type():
    """bfloat16 where the device multiplies it faster than float32, else float32.

    A processor without its instructions emulates them: a convolution then takes some 250 times as long.
    """
    import torch

    if device().type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        fast = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.bfloat16 if fast else torch.float32


@contextlib.contextmanager
def mixed_precision() -> Iterator[None]:
    """Autocast to the compute type on the chosen device."""
    import torch

    chosen = compute_type()
    with torch.autocast(device().type, torch.bfloat16, enabled=chosen is torch.bfloat16):
        yield
