"""Text encoders: phrases to unit-length embeddings that condition the decoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor


class TextEncoder(Protocol):
    """Turns phrases into embeddings."""

    dim: int

    @property
    def fingerprint(self) -> str:
        """Changes with its weights."""
        ...

    def encode(self, phrases: Sequence[str]) -> Tensor:
        """(N, dim) float32, unit length, on the CPU."""
        ...

    def embed(self, phrases: Sequence[str]) -> Tensor:
        """(N, dim) float32, as the model gives them."""
        ...


def load_text_encoder(spec: str) -> TextEncoder:
    """A text encoder by name.

    spec: "embedded"; "openclip[:NAME]" (default: the published ViT-B/32); "biomedclip"; "transformers:NAME". NAME is
    a model's name or a local folder. Raises BodyMapsError for any other.
    """
    from encoders.errors import BodyMapsError

    kind, _, name = spec.partition(":")
    if kind == "embedded" and not name:
        from encoders.segmenters.embedded import TEXT
        from encoders.text.embedded import EmbeddedTextEncoder

        return EmbeddedTextEncoder.load(TEXT)
    if kind == "openclip" or spec == "biomedclip":
        from encoders.text.openclip import BIOMEDCLIP, REFERENCE, OpenClipTextEncoder

        return OpenClipTextEncoder(BIOMEDCLIP if spec == "biomedclip" else name or REFERENCE)
    if kind == "transformers" and name:
        from encoders.text.transformers import TransformersTextEncoder

        return TransformersTextEncoder(name)
    raise BodyMapsError(
        f"unknown text encoder '{spec}'; known: embedded, openclip[:NAME], biomedclip, transformers:NAME"
    )
