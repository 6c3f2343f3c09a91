"""Text models of the transformers library, by name or local folder."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from encoders.errors import BodyMapsError
from encoders.text.cache import digest


class TransformersTextEncoder:
    """Mean of the last layer's tokens, or the projected text feature of a CLIP text model.

    Args:
        name: a model on Hugging Face or a local folder with its tokenizer.

    Raises BodyMapsError when the model cannot be had here; models that are not local are downloaded.
    """

    def __init__(self, name: str) -> None:
        from transformers import AutoConfig, AutoModel, AutoTokenizer, CLIPTextModelWithProjection

        try:
            kind = AutoConfig.from_pretrained(name).model_type
            loader = CLIPTextModelWithProjection if kind in ("clip", "clip_text_model") else AutoModel
            self._model = loader.from_pretrained(name).float().eval().requires_grad_(False)
            self._tokenizer = AutoTokenizer.from_pretrained(name)
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise BodyMapsError(
                f"no text model '{name}' here: {' '.join(str(error).split())[:200]}; "
                "give a local folder or connect once"
            ) from error
        self.fingerprint = digest("transformers", self._model.state_dict())
        self.dim = self.embed(["a"]).shape[1]

    @torch.inference_mode()
    def embed(self, phrases: Sequence[str]) -> Tensor:
        """(N, dim) float32, as the model gives them."""
        tokens = self._tokenizer(list(phrases), padding=True, truncation=True, return_tensors="pt")
        output = self._model(**tokens)
        if hasattr(output, "text_embeds"):
            return output.text_embeds
        mask = tokens["attention_mask"][..., None].float()
        return (output.last_hidden_state * mask).sum(1) / mask.sum(1)

    def encode(self, phrases: Sequence[str]) -> Tensor:
        """(N, dim) float32, unit length."""
        return F.normalize(self.embed(phrases), dim=1)
