"""Trains the embedded text encoder on the ontology's words, towards the decoder's class embeddings."""

from __future__ import annotations

import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import yaml
from torch import Tensor

from encoders.text.embedded import EmbeddedTextEncoder
from encoders.universal import UniversalModel
from prompts.ontology import ontology

_KEYS = "qwertyuiopasdfghjklzxcvbnm"
_NEXT = "wa qes wrd etf ryg tuh yij uok ipl o sqz adw sfe dgr fht gjy hku jli ko xa zcs xvd cbf vng bmh nj"
_NEIGHBOURS = dict(zip(_KEYS, _NEXT.split(), strict=True))
"""Keys next to each letter on a QWERTY keyboard, for plausible slips."""


def misspell(phrase: str, rng: np.random.Generator) -> str:
    """One typing error in a word of five letters or more: dropped, doubled, swapped or neighbouring letter.

    Short words and digits stay: they carry sides and levels ("L3", "IVC").
    """
    parts = phrase.split(" ")
    long = [n for n, word in enumerate(parts) if len(word) >= 5 and word.isalpha()]
    if not long:
        return phrase
    n = int(rng.choice(long))
    word, at = parts[n], int(rng.integers(1, len(parts[n]) - 1))
    match rng.integers(4):
        case 0:
            word = word[:at] + word[at + 1 :]
        case 1:
            word = word[:at] + word[at] + word[at:]
        case 2:
            word = word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :]
        case _:
            near = _NEIGHBOURS.get(word[at].lower()) or string.ascii_lowercase
            word = word[:at] + str(rng.choice(list(near))) + word[at + 1 :]
    parts[n] = word
    return " ".join(parts)


def phrase_for(structure: str, templates: list[str], rng: np.random.Generator) -> str:
    """A random way to name a structure: a name or synonym, in a template or bare, perhaps misspelt or reordered."""
    names = ontology().names(structure)
    phrase = str(rng.choice(names))
    if rng.random() < 0.15:
        shuffled = phrase.split(" ")
        rng.shuffle(shuffled)
        phrase = " ".join(shuffled)
    if rng.random() < 0.45:
        phrase = misspell(phrase, rng)
        if rng.random() < 0.3:
            phrase = misspell(phrase, rng)
    if rng.random() < 0.5:
        phrase = str(rng.choice(templates)).format(name=phrase)
    return phrase


@dataclass(frozen=True)
class Codes:
    """Targets of the text encoder: a unit vector per ontology id.

    Structures that a model knows have their class embedding; every other id has a fixed random direction, so that its
    phrases stay away from the known ones.
    """

    ids: tuple[str, ...]
    vectors: Tensor

    @classmethod
    def of(cls, models: Sequence[UniversalModel], seed: int = 0) -> Codes:
        """The codes of one model, or of several passes; where two know a structure the last one's counts."""
        with torch.no_grad():
            known = {s: m.embeddings([s])[0].float() for m in models for s in m.config.structures}
        others = [s for s in ontology() if s not in known]
        generator = torch.Generator().manual_seed(seed)
        random = torch.randn(len(others), models[0].config.text_dim, generator=generator)
        vectors = torch.cat([torch.stack(list(known.values())), F.normalize(random, dim=1)])
        return cls((*known, *others), vectors)


def batches(codes: Codes, size: int, seed: int) -> Iterator[tuple[list[str], Tensor]]:
    """Endless (phrases, row of the right code)."""
    rng = np.random.default_rng(seed)
    source = files("prompts").joinpath("templates", "prompt_templates.yaml").read_text()
    templates = yaml.safe_load(source)["templates"]
    while True:
        rows = rng.integers(len(codes.ids), size=size)
        yield [phrase_for(codes.ids[r], templates, rng) for r in rows], torch.from_numpy(rows)


def train_text_encoder(
    models: Sequence[UniversalModel], steps: int = 6000, batch: int = 256, lr: float = 3e-3, seed: int = 0
) -> EmbeddedTextEncoder:
    """Contrastive tuning: each phrase must be closest to its own structure's code, and close to it."""
    from tqdm import trange

    torch.manual_seed(seed)
    codes = Codes.of(models)
    encoder = EmbeddedTextEncoder(models[0].config.text_dim)
    optimiser = torch.optim.AdamW(encoder.parameters(), lr=lr, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, lr, total_steps=steps)
    stream = batches(codes, batch, seed)
    bar = trange(steps, desc="text encoder", mininterval=5)
    for _ in bar:
        phrases, rows = next(stream)
        similarity = encoder(phrases) @ codes.vectors.T
        own = similarity.gather(1, rows[:, None])[:, 0]
        loss = F.cross_entropy(similarity * 20, rows) + 2 * (1 - own).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        bar.set_postfix(loss=f"{loss.item():.3f}", own=f"{own.mean().item():.3f}", refresh=False)
    return encoder.eval().requires_grad_(False)


def main(out: Path, weights: list[Path], steps: int = 6000) -> None:
    """Train the text encoder of a model's passes: `python -m encoders.learning.text OUT WEIGHTS [WEIGHTS]`."""
    from encoders.checkpoints import load_model

    train_text_encoder([load_model(path) for path in weights], steps).save(out)


if __name__ == "__main__":
    import typer

    typer.run(main)
