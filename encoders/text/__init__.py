"""Text encoders: phrases to unit-length embeddings that condition the decoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor


class TextEncoder(Protocol):
    """Turns phrases into embeddings."""

    dim: int

    def encode(self, phrases: Sequence[str]) -> Tensor:
        """(N, dim) float32, unit length, on the CPU."""
        ...
