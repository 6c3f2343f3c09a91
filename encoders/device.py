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


@contextlib.contextmanager
def mixed_precision() -> Iterator[None]:
    """bfloat16 autocast on the chosen device."""
    import torch

    with torch.autocast(device().type, torch.bfloat16):
        yield
