"""A new class for a published model, by its text; and fine-tuning of that class alone.

Classes do not see each other, so a row more in the class embedding leaves every other class as it was. Fine-tuning
learns only that row, from which the shared controller writes the new class's head: the extended checkpoint keeps the
published layout, and old classes keep their logits to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from encoders.errors import BodyMapsError
from encoders.learning.losses import partial_loss
from encoders.published.classes import prompts
from encoders.published.model import PublishedModel
from encoders.text.cache import PromptEncoder, compare, embed_prompts


def compare_text(model: PublishedModel, structures: Sequence[str], encoder: PromptEncoder) -> dict[str, Any]:
    """`compare_table` with the embeddings that a text encoder gives for the published prompts."""
    return compare_table(model, structures, embed_prompts(encoder, prompts(tuple(structures))))


def compare_table(model: PublishedModel, structures: Sequence[str], table: Tensor) -> dict[str, Any]:
    """How the model's class embeddings agree with these (classes, text_dim), such as those of a `txt_encoding.pth`.

    Returns {"same": equal up to half precision, "least_cosine", "least_like": its structure, "cosine": {structure:
    ...}}. Raises BodyMapsError when the model has none of text, or the table is of another size.
    """
    if model.layout.text_dim is None:
        raise BodyMapsError("the checkpoint's class vectors were learned, not written by a text encoder")
    own = model.embeddings().cpu()
    found = compare(table, own)
    if not found.cosine:
        raise BodyMapsError(
            f"the embeddings to compare with are {tuple(table.shape)}, the model's {tuple(own.shape)}"
        )
    cosine = {s: round(value, 6) for s, value in zip(structures, found.cosine, strict=True)}
    least = min(cosine, key=cosine.__getitem__)
    return {"same": found.same, "least_cosine": cosine[least], "least_like": least, "cosine": cosine}


def by_text(
    model: PublishedModel, structures: Sequence[str], new: Sequence[str], encoder: PromptEncoder
) -> tuple[PublishedModel, tuple[str, ...]]:
    """A model with these structures as further classes, conditioned on their prompts' embeddings; and all its ids.

    Raises BodyMapsError for one that it has.
    """
    again = [s for s in new if s in structures]
    if again:
        raise BodyMapsError(f"the checkpoint already has {', '.join(again)}")
    for embedding in embed_prompts(encoder, prompts(tuple(new))):
        model = with_class(model, embedding)
    return model, (*structures, *new)


def with_class(model: PublishedModel, embedding: Tensor) -> PublishedModel:
    """A model with one class more, the last, conditioned on this text embedding (text_dim,).

    The embedding must come from the encoder that wrote the others. Raises BodyMapsError when its length differs.
    """
    table = model.embeddings()
    if embedding.shape != table.shape[1:]:
        raise BodyMapsError(
            f"the model reads embeddings of {table.shape[1]} numbers, not {tuple(embedding.shape)}"
        )
    grown = PublishedModel(replace(model.layout, classes=model.layout.classes + 1))
    key = "organ_embedding" if model.layout.text_dim else "organ_embedding.weight"
    state = model.state_dict()
    state[key] = torch.cat([table, embedding[None].to(table)])
    grown.load_state_dict(state)
    return grown.eval().requires_grad_(False).to(table.device)


def fine_tune_class(
    model: PublishedModel,
    row: int,
    batches: Iterable[tuple[Tensor, Tensor]],
    rate: float = 0.05,
) -> list[float]:
    """Learns one class's embedding, in place; nothing else of the model changes.

    batches: (image (1, 1, D, H, W) in 0..1, target bool (D, H, W)), one step each.
    Returns the loss of each step (binary cross-entropy and soft Dice).
    """
    table = model.embeddings()
    learned = table[row].detach().clone().requires_grad_()
    optimiser = torch.optim.AdamW([learned], lr=rate, weight_decay=0.0)
    losses = []
    for image, target in batches:
        with torch.no_grad():  # the backbone is frozen: its features are constants of the step
            features = model.encode(image.to(table.device))
        logits = model.decode(features, learned[None])[0].flatten(1)
        truth = target.to(table.device).reshape(1, -1).float()
        loss, _ = partial_loss(logits, truth, torch.ones_like(truth), balance=0.0)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    with torch.no_grad():
        table[row] = learned
    return losses
