"""The text encoder that ships with the project: small enough to commit, trained on the ontology's own words.

A phrase becomes the set of its words and of the character 3- to 5-grams of each word, hashed into buckets. Their
learned vectors are summed and a small network maps the sum to the embedding. Word order does not matter ("left kidney"
is "kidney, left"), a typing error changes a few n-grams only, and any phrase has an embedding.

The decoder's class embeddings are learned first, by segmentation; the encoder is then tuned to them, so that a phrase
lands where the decoder learned its structure (locked-image tuning, Zhai et al., CVPR 2022).
"""

from __future__ import annotations

import json
import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from encoders.files import replacing
from encoders.text.cache import digest


def words(phrase: str) -> list[str]:
    """Lower-case words and numbers without accents or punctuation."""
    plain = unicodedata.normalize("NFKD", phrase.casefold())
    plain = "".join(c if c.isalnum() else " " for c in plain if not unicodedata.combining(c))
    return plain.split()


def pieces(word: str) -> Iterator[str]:
    """The word itself and its character 3- to 5-grams, with the ends marked."""
    marked = f"<{word}>"
    yield marked
    for size in (3, 4, 5):
        for start in range(len(marked) - size + 1):
            yield marked[start : start + size]


class EmbeddedTextEncoder(nn.Module):
    """Hashed n-gram encoder.

    Args:
        dim: length of the embedding.
        buckets: size of the hash table.
        width: length of an n-gram's vector.
    """

    def __init__(self, dim: int = 256, buckets: int = 8192, width: int = 128) -> None:
        super().__init__()
        self.dim, self.buckets, self.width = dim, buckets, width
        self.table = nn.EmbeddingBag(buckets, width, mode="sum")
        self.output = nn.Sequential(nn.Linear(width, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))
        nn.init.normal_(self.table.weight, std=0.1)

    def tokens(self, phrase: str) -> list[int]:
        """Bucket of each n-gram; short words count as whole words only, since they carry sides and levels."""
        found = []
        for word in words(phrase):
            grams = [f"<{word}>"] if len(word) <= 2 else list(pieces(word))
            found += [zlib.crc32(gram.encode()) % self.buckets for gram in grams]
        return found

    def forward(self, phrases: Sequence[str]) -> Tensor:
        """(N, dim) unit-length embeddings, differentiable."""
        rows = [self.tokens(phrase) for phrase in phrases]
        offsets = torch.tensor([0, *[len(row) for row in rows[:-1]]]).cumsum(0)
        flat = torch.tensor([t for row in rows for t in row], dtype=torch.long)
        # each word counts once, however many n-grams it has
        share = torch.tensor([1 / max(len(row), 1) ** 0.5 for row in rows])
        return F.normalize(self.output(self.table(flat, offsets) * share[:, None]), dim=1)

    @torch.inference_mode()
    def encode(self, phrases: Sequence[str]) -> Tensor:
        """(N, dim) unit-length embeddings."""
        return self(list(phrases))

    def embed(self, phrases: Sequence[str]) -> Tensor:
        """As `encode`: this encoder's embeddings have unit length."""
        return self.encode(phrases)

    @property
    def fingerprint(self) -> str:
        """A hash of the weights."""
        return digest("embedded", self.state_dict())

    def save(self, path: Path) -> None:
        meta = {"dim": self.dim, "buckets": self.buckets, "width": self.width}
        tensors = {k: v.detach().half().contiguous() for k, v in self.state_dict().items()}
        with replacing(path) as temporary:
            save_file(tensors, temporary, {"config": json.dumps(meta)})

    @classmethod
    def load(cls, path: Path) -> EmbeddedTextEncoder:
        """A saved encoder in evaluation mode. Raises OSError when the file is missing."""
        with safe_open(path, "pt") as file:
            model = cls(**json.loads((file.metadata() or {})["config"]))
            model.load_state_dict({key: file.get_tensor(key).float() for key in file.keys()})  # noqa: SIM118
        return model.eval().requires_grad_(False)
