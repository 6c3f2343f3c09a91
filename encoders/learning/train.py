"""Training of a universal model from a recipe: resumable, logged, on CPU or CUDA."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from encoders.checkpoints import load_model, read_config, save_model
from encoders.device import device, mixed_precision
from encoders.files import replacing
from encoders.learning.cases import load_cases, load_transplants
from encoders.learning.implants import implant
from encoders.learning.lesion_shapes import Shape, load_shapes
from encoders.learning.lesion_targets import host_labels, lesion_points, supervise
from encoders.learning.losses import TargetTable, partial_loss
from encoders.learning.recipe import read_recipe
from encoders.learning.sampling import Fields, Window, draw, fields
from encoders.learning.synthesis import acquire, paint, recolour
from encoders.learning.text import train_text_encoder
from encoders.learning.tumours import LESIONS, add_tumours
from encoders.packages import cache_dir
from encoders.universal import ModelConfig, UniversalModel
from prompts.ontology import ontology


def learning_rate(step: int, total: int, warmup: int, cooldown: int) -> float:
    """Relative rate: linear warm-up, constant, linear cool-down to zero over the last `cooldown` steps."""
    return min(1.0, (step + 1) / warmup, max(total - step, 0) / max(cooldown, 1))


def adopt(model: UniversalModel, other: UniversalModel, fresh: Collection[str] = ()) -> None:
    """Starts `model` from the weights of `other`.

    `fresh` structures, and those that `other` does not know, keep their random embedding.
    """
    state = other.state_dict()
    rows = model.class_embedding.detach().clone()
    shared = [s for s in model.config.structures if s in other.config.structures and s not in fresh]
    old = [other.config.structures.index(s) for s in shared]
    rows[[model.config.structures.index(s) for s in shared]] = state["class_embedding"][old].to(rows.dtype)
    model.load_state_dict({**state, "class_embedding": rows})


class Sample(NamedTuple):
    """One window, on the device where it matters.

    truth: (2, c, N) targets and validity of `classes` on every second voxel, from `lattice` on. points: (P,) flat
    indices of the voxels that teach the lesion classes, and their (2, l, P) targets and validity; None without lesions.
    """

    hu: Tensor  # (1, X, Y, Z) Hounsfield units
    position: Tensor  # (1, 2, X, Y, Z)
    truth: Tensor
    classes: Tensor
    lattice: tuple[int, int, int]
    points: tuple[Tensor, Tensor] | None


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
            adopt(self.model, load_model(Path(recipe["init"])), recipe.get("fresh", ()))
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
        cases = load_cases(recipe["cases"], data, config.spacing_mm, cache_dir() / "cases")
        self.weights = {entry["name"]: entry.get("weight", 1.0) for entry in recipe["cases"]}
        if "transplants" in recipe:
            hybrids = load_transplants(recipe["transplants"], cases, data, cache_dir() / "cases")
            self.weights |= {case.name: recipe["transplants"]["weight"] / len(hybrids) for case in hybrids}
            cases += hybrids
        for case in implant(recipe.get("implants") or {}, cases, recipe["seed"]):
            kind = recipe["implants"][case.name.split("-")[0]]
            self.weights[case.name] = kind["weight"] / (kind["count"] * len(kind["hosts"]))
            cases.append(case)
        self.cases = [fields(case, self.rng) for case in cases]
        known = ontology()

        def leaves(name: str) -> tuple[str, ...]:
            return known.leaves(name) if name in known else (name,)

        self.tables = {c.case.name: TargetTable(c.case, config.structures, leaves) for c in self.cases}
        self.shapes = self._lesion_shapes(data)
        self.hosts = {c.case.name: host_labels(c.case.names) for c in self.cases}
        self.lesions = torch.tensor([n for n, s in enumerate(config.structures) if s in LESIONS])
        self.unknown = recipe.get("unknown", {})  # lesions that a case may have without a label
        self.absent = recipe.get("absent", {})  # lesions that a case surely has not
        if self._state.exists():
            self._resume()

    def _lesion_shapes(self, data: Path) -> tuple[Shape, ...] | None:
        """Shapes of the lesions to plant; None when the recipe plants none."""
        tumours = self.recipe.get("tumours")
        return None if tumours is None else load_shapes(data / tumours["shapes"])

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
    def _favoured(self) -> tuple[Collection[str], float]:
        """The structures that windows are drawn to, and the share of the windows."""
        return self.recipe.get("favoured", ()), self.recipe.get("favoured_share", 0.45)

    @property
    def _phase(self) -> dict[str, Any]:
        """The phase of this step."""
        phases = self.recipe["phases"]
        return next((p for p in phases if self.step < p["until"]), phases[-1])

    def _pick(self) -> tuple[Fields, bool]:
        """A case that is not held out now, and whether its image is painted rather than real."""
        held = set(self._phase.get("hold_out", ()))
        synthetic = self.rng.random() < self._phase.get("synthetic", self.recipe["synthetic"])
        # a label map that covers the whole body can be painted, with or without a CT of its own
        pool = [
            c
            for c in self.cases
            if c.case.name not in held and (c.hu is None if synthetic else c.hu is not None)
        ]
        odds = np.array([self.weights[c.case.name] for c in pool])
        return pool[self.rng.choice(len(pool), p=odds / odds.sum())], synthetic

    def _classes(self, target: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        """The classes of this step: those in the window first, then random ones of which something is known.

        A phase may name the classes to focus on; the others rest.
        """
        order = target.any(1) * 2.0 + (known > 0).any(1) + torch.from_numpy(self.rng.random(len(target)))
        focus = self._phase.get("focus")
        if self.shapes is not None:
            order[self.lesions] = -1  # they have points of their own
        if focus:
            order[[n for n, name in enumerate(self.model.config.structures) if name not in focus]] = -1
        count = min(self.recipe.get("heads", len(order)), int((order >= 0).sum()))
        return order.topk(count).indices

    def _sample(self) -> Sample:
        """A window of a random case, painted or real, with lesions planted in it when the recipe says so."""
        source, synthetic = self._pick()
        window = draw(source, self.model.config.window, self.rng, *self._favoured)
        names = source.case.names
        if synthetic or window.hu is None:
            hu, strength = paint(window, names, self.rng, blobs=self.shapes is None), 1.0
        else:
            hu, strength = recolour(window.hu, window, names, self.rng), 0.5
        lesions = None
        if self.shapes is not None:
            config = self.model.config
            hu, lesions = add_tumours(hu, window.labels, names, config.spacing_mm, self.rng, self.shapes)
        hu = acquire(hu, self.rng, strength)
        i, j, k = (int(v) for v in self.rng.integers(0, 2, 3))
        lattice = slice(i, None, 2), slice(j, None, 2), slice(k, None, 2)
        target, known = self._truth(source, window, lesions, lambda volume: volume[lattice].reshape(-1))
        classes = self._classes(target, known)
        points = None
        if lesions is not None and len(self.lesions):
            chosen = lesion_points(window.labels, lesions, self.hosts[source.case.name], self.rng)
            about, sure = self._truth(source, window, lesions, lambda volume: volume.reshape(-1)[chosen])
            rows = torch.stack([about[self.lesions], sure[self.lesions]]).float()
            points = chosen.to(self.device), rows.to(self.device)
        truth = torch.stack([target[classes], known[classes]]).float()
        return Sample(
            hu[None].to(self.device),
            window.position[None].to(self.device),
            truth.to(self.device),
            classes,
            (i, j, k),
            points,
        )

    def _truth(
        self, source: Fields, window: Window, lesions: Tensor | None, of: Callable[[Tensor], Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Targets and validity (C, N) of all classes at the voxels that `of` takes out of a volume."""
        target, known = self.tables[source.case.name](of(window.labels), of(window.trusted))
        if lesions is None:
            return target, known
        case = source.case.name
        return supervise(
            target,
            known,
            of(lesions),
            self.model.config.structures,
            self.unknown.get(case, ()),
            self.absent.get(case, ()),
        )

    def iterate(self) -> tuple[float, float]:
        """One optimiser step; returns the loss and the soft Dice loss of the structures in the window."""
        sample = self._sample()
        settings = self.recipe["optimiser"]
        rate = settings["lr"] * learning_rate(self.step, self.total, settings["warmup"], settings["cooldown"])
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["scale"]
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
            balance=self._phase.get("balance", 0.5),
        )
        if sample.points is not None:
            points, truth = sample.points
            extra, _ = self._loss(
                features.image[0],
                self.lesions,
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
        self, image: Tensor, classes: Tensor, voxels: Tensor, full: Tensor, truth: Tensor, **how: float
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

    def _descend(self, loss: torch.Tensor) -> None:
        """One step of the optimiser and of the averaged model."""
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.trained, self.recipe["optimiser"]["clip"])
        if torch.isfinite(
            norm
        ):  # now and then a bfloat16 kernel gives NaN gradients, another time it does not
            self.optimiser.step()
        self.step += 1
        decay = min(self.recipe["optimiser"]["ema"], (1 + self.step) / (10 + self.step))
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


def train(recipe: Path, data: Path, folder: Path | None = None, steps: int | None = None) -> Path:
    """Runs a recipe to its end and returns the path of the averaged weights.

    A recipe that comes `after` another starts from its weights, in a folder beside its own; that one runs first where
    it has not ended. `init` names weights to start from instead, and `after` may be weights too: to go on with a second
    pass a recipe names both. `teach` adds labels of the weights before to cases; with `text` the text encoder is tuned
    to the new ones, and to those before when the new ones keep their embeddings. `steps` replaces the last phase's end.
    Raises BodyMapsError when data is missing.
    """
    content = read_recipe(recipe)
    if steps is not None:
        content["phases"][-1]["until"] = steps
    out = folder or Path("runs") / content["name"]
    earlier = _earlier(content, data, out.parent)
    if earlier:
        content.setdefault("init", str(earlier))
    if "teach" in content:
        teach = content["teach"]
        lesson = {"teacher": str(earlier), "structures": teach["structures"]}
        for case in content["cases"]:
            if case["name"] in teach["cases"]:
                case["labels"] = [*case["labels"], lesson]
    Trainer(content, data, out).run()
    weights = out / "weights.safetensors"
    if content.get("text"):
        passes = [earlier, weights] if earlier and content.get("fixed_embeddings") else [weights]
        models = [load_model(path) for path in passes]
        train_text_encoder(models, content["text"]["steps"]).save(out / "text.safetensors")
    return weights


def _earlier(content: dict[str, Any], data: Path, folder: Path) -> Path | None:
    """The weights that a recipe comes after: those that it names, or starts from, or of the recipe that it names."""
    after = content.get("after", "")
    if after.endswith(".safetensors"):
        return Path(after)
    if "init" in content:
        return Path(content["init"])
    return _stage(Path(after), data, folder) if after else None


def _stage(recipe: Path, data: Path, folder: Path) -> Path:
    """The weights of an earlier stage in its folder below `folder`, trained when they are not there whole."""
    content = read_recipe(recipe)
    weights = folder / content["name"] / "weights.safetensors"
    ended = weights.exists() and read_config(weights)[1].get("step", 0) >= content["phases"][-1]["until"]
    return weights if ended else train(recipe, data, weights.parent)
