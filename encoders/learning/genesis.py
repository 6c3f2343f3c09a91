"""Pre-training without labels: a CT window is spoilt and the backbone restores it.

The four distortions of Models Genesis (Zhou et al., MICCAI 2019): non-linear intensity, local shuffling, in-painting
and out-painting. Images here are (X, Y, Z) float32 in [0, 1], Hounsfield units clipped to -1000..1000.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from encoders.checkpoints import save_model
from encoders.device import mixed_precision
from encoders.errors import BodyMapsError
from encoders.learning.recipe import read_recipe
from encoders.learning.sampling import draw
from encoders.learning.trainer import Trainer

LOW, HIGH = -1000.0, 1000.0
SHUFFLE, NONLINEAR, PAINT, INPAINT = 0.5, 0.9, 0.9, 0.2
"""Chances of the distortions; `INPAINT` is the share of paintings that fill holes instead of surroundings."""


def nonlinear(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Grey values through a random cubic Bezier curve from (0, 0) to (1, 1), not always rising."""
    t = np.linspace(0, 1, 1000)
    weights = np.stack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3])
    points = np.array([[0, 0], rng.random(2), rng.random(2), [1, 1]])
    x, y = points.T @ weights
    return np.interp(image, np.sort(x), np.sort(y) if rng.random() < 0.5 else y).astype(np.float32)


def shuffle(image: np.ndarray, rng: np.random.Generator, blocks: int = 1500) -> np.ndarray:
    """Voxels change places within small blocks, at most a tenth of the window wide."""
    result = image.copy()
    shape = np.array(image.shape)
    for _ in range(blocks):
        size = rng.integers(1, np.maximum(shape // 10, 2))
        start = rng.integers(0, shape - size)
        place = tuple(slice(a, a + n) for a, n in zip(start, size, strict=True))
        result[place] = rng.permutation(image[place].ravel()).reshape(tuple(size))
    return result


def _block(shape: np.ndarray, size: np.ndarray, border: int, rng: np.random.Generator) -> tuple[slice, ...]:
    start = rng.integers(border, np.maximum(shape - size - border, border + 1))
    return tuple(slice(int(a), int(a + n)) for a, n in zip(start, size, strict=True))


def inpaint(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Up to five blocks of a sixth to a third of the window are lost in noise."""
    result = image.copy()
    shape = np.array(image.shape)
    for _ in range(5):
        size = rng.integers(shape // 6, shape // 3 + 1)
        place = _block(shape, size, 3, rng)
        result[place] = rng.random(result[place].shape, np.float32)
        if rng.random() > 0.95:
            break
    return result


def outpaint(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Only up to five large blocks stay, noise all around."""
    result = rng.random(image.shape, np.float32)
    shape = np.array(image.shape)
    for _ in range(5):
        size = shape - rng.integers(3 * shape // 7, 4 * shape // 7 + 1)
        place = _block(shape, size, 3, rng)
        result[place] = image[place]
        if rng.random() > 0.95:
            break
    return result


def distort(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The distortions in their published order and chances; the target is the image as it was."""
    if rng.random() < SHUFFLE:
        image = shuffle(image, rng)
    if rng.random() < NONLINEAR:
        image = nonlinear(image, rng)
    if rng.random() < PAINT:
        image = inpaint(image, rng) if rng.random() < INPAINT else outpaint(image, rng)
    return image


class Pretrainer(Trainer):
    """A training run whose loss is the mean squared error of restored windows; needs CTs, no labels."""

    def __init__(self, recipe: dict[str, Any], data: Path, folder: Path) -> None:
        super().__init__(recipe, data, folder)
        if not any(c.hu is not None for c in self.sampler.cases):
            raise BodyMapsError("the recipe has no CT: pre-training needs images")

    def _extra(self) -> nn.Linear:
        return nn.Linear(self.model.backbone.feature_channels, 1)

    def iterate(self) -> tuple[float, float]:
        """One optimiser step; returns the mean squared error twice."""
        held = set(self._phase.get("hold_out", ()))
        pool = [c for c in self.sampler.cases if c.hu is not None and c.case.name not in held]
        window = draw(pool[self.rng.integers(len(pool))], self.model.config.window, self.rng)
        assert window.hu is not None
        clean = ((window.hu - LOW) / (HIGH - LOW)).clamp(0, 1)
        spoilt = torch.from_numpy(distort(clean.numpy(), self.rng)) * (HIGH - LOW) + LOW
        with mixed_precision():
            image = self.model.image(spoilt[None].to(self.device), window.position[None].to(self.device))
            _, full = self.model.backbone(image)
            restored = self.auxiliary(full[0].permute(1, 2, 3, 0))[..., 0]
        loss = F.mse_loss(torch.sigmoid(restored.float()), clean.to(self.device))
        self._descend(loss)
        return float(loss.detach()), float(loss.detach())


def pretrain(recipe: Path, data: Path, folder: Path | None = None, steps: int | None = None) -> Path:
    """Pre-trains the backbone of a recipe on its CTs, without the held-out ones; returns the weights to `init` from.

    Raises BodyMapsError when the recipe has no CT or data is missing.
    """
    content = read_recipe(recipe)
    content["cases"] = [entry for entry in content["cases"] if "ct" in entry]
    content.pop("transplants", None)
    content.pop("init", None)
    if steps is not None:
        content["phases"][-1]["until"] = steps
    out = folder or Path("runs") / f"{content['name']}-genesis"
    trainer = Pretrainer(content, data, out)
    trainer.run()
    save_model(trainer.average, out / "weights.safetensors", {"step": trainer.step, "pretrained": True})
    return out / "weights.safetensors"
