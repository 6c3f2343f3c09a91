"""CLIP text towers by open_clip: the published ViT-B/32, BiomedCLIP, and any other by name or local folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from encoders.errors import BodyMapsError
from encoders.text.cache import digest

REFERENCE = "ViT-B-32-quickgelu@openai"
"""OpenAI's CLIP ViT-B/32, whose text tower wrote the published class embeddings."""
BIOMEDCLIP = "hf-hub:microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224"


class OpenClipTextEncoder:
    """The text tower of a CLIP model.

    Args:
        name: `MODEL@WEIGHTS` of open_clip's list (WEIGHTS may be a file), `hf-hub:ORG/NAME`, or a folder with
            `open_clip_config.json` and weights.

    Raises BodyMapsError when the model cannot be had here; weights that are not local are downloaded by open_clip.
    """

    def __init__(self, name: str = REFERENCE) -> None:
        import open_clip

        model, _, weights = name.partition("@")
        source = f"local-dir:{model}" if Path(model).is_dir() else model
        try:
            clip = open_clip.create_model(
                source, pretrained=weights or None, require_pretrained=True, weights_only=True
            )
            self._tokenize = open_clip.get_tokenizer(source)
        except Exception as error:  # open_clip, huggingface_hub and urllib each raise their own
            raise BodyMapsError(
                f"no CLIP model '{name}' here: {' '.join(str(error).split())[:200]}; "
                "give a local folder or connect once"
            ) from error
        self._clip = clip.eval().requires_grad_(False)
        text = {k: v for k, v in clip.state_dict().items() if not k.startswith("visual.")}
        self.fingerprint = digest(f"openclip {model}", text)
        self.dim = self.embed(["a"]).shape[1]

    @torch.inference_mode()
    def embed(self, phrases: Sequence[str]) -> Tensor:
        """(N, dim) float32, as the tower gives them: what published class embeddings are."""
        return self._clip.encode_text(self._tokenize(list(phrases))).float()

    def encode(self, phrases: Sequence[str]) -> Tensor:
        """(N, dim) float32, unit length."""
        return F.normalize(self.embed(phrases), dim=1)
