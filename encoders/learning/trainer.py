"""The training of a universal model, step by step: resumable, logged, on CPU or CUDA."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from encoders.checkpoints import load_model, save_model
from encoders.device import device, mixed_precision
from encoders.files import replacing
from encoders.learning.losses import partial_loss
from encoders.learning.sampler import Sampler
from encoders.universal import ModelConfig, UniversalModel


def learning_rate(step: int, total: int, warmup: int, cooldown: int) -> float:
    """Relative rate: linear warm-up, constant, linear cool-down to zero over the last `cooldown` steps."""
    return min(1.0, (step + 1) / warmup, max(total - step, 0) / max(cooldown, 1))


def adopt(
    model: UniversalModel,
    other: UniversalModel,
    fresh: Collection[str] = (),
    words: UniversalModel | None = None,
) -> None:
    """Starts `model` from the weights of `other`.

    Structures that `other` does not know take their embedding from `words`; `fresh` ones, and those that neither knows,
    keep their random one.
    """
    rows = model.class_embedding.detach().clone()
    for number, structure in enumerate(model.config.structures):
        source = next((m for m in (other, words) if m and structure in m.config.structures), None)
        if source is not None and structure not in fresh:
            rows[number] = source.class_embedding[source.config.structures.index(structure)].detach()
    model.load_state_dict({**other.state_dict(), "class_embedding": rows})


class Trainer:
    """State of one training run: model, averaged model, optimiser, random generator, step.

    Args:
        recipe: the content of a recipe file.
        data: folder that the recipe's paths are relative to.
        folder: where state, log and weights go; a run found there is resumed.
    """

    def __init__(self, recipe: dict[str, Any], data: Path, folder: Path) -> None:
        self.recipe, self.folder = recipe, folder
        self.device = device()
        self.rng = np.random.default_rng(recipe["seed"])
        torch.manual_seed(recipe["seed"])
        config = ModelConfig.from_dict({**ModelConfig(()).to_dict(), **recipe["model"]})
        self.model = UniversalModel(config)
        if recipe.get("init"):
            words = load_model(Path(recipe["words"])) if "words" in recipe else None
            adopt(self.model, load_model(Path(recipe["init"])), recipe.get("fresh", ()), words)
        self.model.to(self.device).to(memory_format=torch.channels_last_3d)
        self.average = copy.deepcopy(self.model).requires_grad_(False)
        settings = recipe["optimiser"]
        self.auxiliary: nn.Linear = self._extra().to(self.device)
        self.trained = [*self.model.parameters(), *self.auxiliary.parameters()]
        embedding = self.model.class_embedding
        # a detail model is asked in the words of the model before it
        embedding.requires_grad_(not recipe.get("fixed_embeddings", False))
        others = [p for p in self.trained if p is not embedding]
        # convolution weights are small, embeddings have entries of unit size
        self.optimiser = torch.optim.AdamW(
            [{"params": others, "scale": 1.0}, {"params": [embedding], "scale": 10.0, "weight_decay": 0.0}],
            lr=settings["lr"],
            weight_decay=settings["weight_decay"],
        )
        self.step = 0
        self.total = recipe["phases"][-1]["until"]
        self.sampler = Sampler(recipe, data, config, self.rng)
        if self._state.exists():
            self._resume()

    def _extra(self) -> nn.Linear:
        """A plain linear head per class, dropped after training.

        It gives the backbone a direct gradient while the heads that the controller writes are still poor.
        """
        return nn.Linear(self.model.backbone.feature_channels, len(self.model.config.structures))

    @property
    def _state(self) -> Path:
        return self.folder / "state.pt"

    def _resume(self) -> None:
        state = torch.load(self._state, weights_only=True, map_location="cpu")
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.auxiliary.load_state_dict(state["auxiliary"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = state["step"]
        self.rng = np.random.default_rng([self.recipe["seed"], self.step])

    def save(self) -> None:
        """Writes the state to resume from and the averaged weights, each in one move."""
        state = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "auxiliary": self.auxiliary.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
        }
        with replacing(self._state) as temporary:
            torch.save(state, temporary)
        save_model(self.average, self.folder / "weights.safetensors", {"step": self.step})

    @property
    def _phase(self) -> dict[str, Any]:
        """The phase of this step."""
        phases = self.recipe["phases"]
        return next((p for p in phases if self.step < p["until"]), phases[-1])

    @property
    def _balance(self) -> Tensor:
        """The weight of rare structures in this phase, one number each; the phase `raises` some."""
        usual, raised = self._phase.get("balance", 0.5), self._phase.get("raises", {})
        return torch.tensor([raised.get(s, usual) for s in self.model.config.structures], device=self.device)

    def iterate(self) -> tuple[float, float]:
        """One optimiser step; returns the loss and the soft Dice loss of the structures in the window."""
        sample = self.sampler.sample(self._phase, self.rng).to(self.device)
        with mixed_precision():
            bottleneck, full = self.model.backbone(self.model.image(sample.hu, sample.position))
            features = self.model.decoder.features(bottleneck, full)
        i, j, k = sample.lattice
        # the loss on every second voxel costs an eighth; the lattice moves from step to step
        lattice = slice(None), slice(i, None, 2), slice(j, None, 2), slice(k, None, 2)
        voxels, deep = features.voxels[0], full[0]
        loss, dice = self._loss(
            features.image[0],
            sample.classes,
            voxels[lattice].flatten(1),
            deep[lattice].flatten(1),
            sample.truth,
            balance=self._balance[sample.classes],
        )
        if sample.points is not None:
            points, truth = sample.points
            extra, _ = self._loss(
                features.image[0],
                self.sampler.lesions,
                voxels.flatten(1)[:, points],
                deep.flatten(1)[:, points],
                truth,
                balance=0.5,
                smooth=5.0,
            )
            loss = loss + self.recipe["tumours"].get("weight", 1.0) * extra
        self._descend(loss)
        return float(loss.detach()), float(dice.detach())

    def _loss(
        self,
        image: Tensor,
        classes: Tensor,
        voxels: Tensor,
        full: Tensor,
        truth: Tensor,
        **how: Any,
    ) -> tuple[Tensor, Tensor]:
        """The loss of some classes at some voxels, by the heads that the controller writes and by the plain ones."""
        model = self.model
        with mixed_precision():
            text = model.conditioning(model.embeddings([model.config.structures[c] for c in classes]))
            text = text + 0.2 * torch.randn_like(text)
            logits = model.decoder.apply_heads(model.decoder.heads(image, text), voxels)
            direct = self.auxiliary.weight[classes] @ full + self.auxiliary.bias[classes, None]
        target, known = truth
        loss, dice = partial_loss(logits.float(), target, known, **how)
        direct_loss, _ = partial_loss(direct.float(), target, known, **how)
        return loss + self.recipe.get("auxiliary", 0.5) * direct_loss, dice

    def _descend(self, loss: Tensor) -> None:
        """One step of the optimiser, at the rate of this step, and of the averaged model."""
        settings = self.recipe["optimiser"]
        rate = settings["lr"] * learning_rate(self.step, self.total, settings["warmup"], settings["cooldown"])
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["scale"]
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.trained, settings["clip"])
        # now and then a bfloat16 kernel gives NaN gradients, another time it does not
        if torch.isfinite(norm):
            self.optimiser.step()
        self.step += 1
        decay = min(settings["ema"], (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for mean, value in zip(self.average.parameters(), self.model.parameters(), strict=True):
                mean.lerp_(value, 1 - decay)

    def run(self, save_every: int = 50) -> None:
        """Trains to the recipe's last step; Ctrl-C saves and stops. Writes weights at the end of each phase too."""
        from tqdm import tqdm

        ends = {p["until"] for p in self.recipe["phases"]}
        self.folder.mkdir(parents=True, exist_ok=True)
        mean = None
        bar = tqdm(total=self.total, initial=self.step, desc=self.recipe["name"], unit="step", mininterval=5)
        with (self.folder / "log.jsonl").open("a") as log, bar:
            try:
                while self.step < self.total:
                    start = time.perf_counter()
                    loss, dice = self.iterate()
                    mean = dice if mean is None else 0.98 * mean + 0.02 * dice
                    bar.update()
                    bar.set_postfix(dice_loss=f"{mean:.3f}", refresh=False)
                    seconds = round(time.perf_counter() - start, 2)
                    entry = {
                        "step": self.step,
                        "loss": round(loss, 4),
                        "dice_loss": round(dice, 4),
                        "seconds": seconds,
                    }
                    log.write(json.dumps(entry) + "\n")
                    log.flush()
                    if self.step % save_every == 0:
                        self.save()
                    if self.step in ends:
                        save_model(
                            self.average,
                            self.folder / f"weights-{self.step}.safetensors",
                            {"step": self.step},
                        )
            finally:
                self.save()
