"""Training by a recipe: the stages that it comes after, its own steps, and the text encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from encoders.checkpoints import load_model, read_config, save_model
from encoders.errors import BodyMapsError
from encoders.learning.recipe import read_recipe
from encoders.learning.text import train_text_encoder
from encoders.learning.trainer import Trainer, adopt
from encoders.universal import UniversalModel


def train(
    recipe: Path, data: Path, folder: Path | None = None, steps: int | None = None, repeat: bool = False
) -> Path:
    """Runs a recipe to its end and returns the path of the averaged weights.

    A recipe that comes `after` another starts from its weights, in a folder beside its own; that one runs first where
    it has not ended. `init` names weights to start from instead, and `after` may be weights too: to go on with a second
    pass a recipe names both. `teach` adds labels of the weights before to cases; with `text` the text encoder is tuned
    to the new ones, and to those before when the new ones keep their embeddings. `export` names the structures of a
    smaller copy, `export.safetensors`. With `blend` the path is that of `blended.safetensors`: this share of the
    trained weights, the rest of `init` (Wortsman et al., Robust fine-tuning of zero-shot models, CVPR 2022). `steps`
    replaces the last phase's end. `repeat` trains the stages whose kept weights a recipe starts from again, beside it.
    Raises BodyMapsError when data is missing, or a blend has two kinds of weights.
    """
    content = read_recipe(recipe)
    if steps is not None:
        content["phases"][-1]["until"] = steps
    out = folder or Path("runs") / content["name"]
    if repeat:
        content |= _repeated(content, data, out.parent)
    earlier = _earlier(content, data, out.parent)
    if earlier:
        content.setdefault("init", str(earlier))
        if content.get("fixed_embeddings"):
            content["words"] = str(earlier)  # the pass before is asked in the same ones
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
    if "export" in content:
        _export(weights, content["export"], out / "export.safetensors")
    if "blend" in content:
        weights = _blend(Path(content["init"]), weights, content["blend"], out / "blended.safetensors")
    return weights


def _blend(before: Path, after: Path, share: float, path: Path) -> Path:
    """The mean of two files of one model, with `share` for the second."""
    old, new = load_model(before), load_model(after)
    if old.config != new.config:
        raise BodyMapsError(f"{before} and {after} are of different models: leave `blend` out of the recipe")
    earlier = old.state_dict()
    new.load_state_dict({k: torch.lerp(earlier[k], value, share) for k, value in new.state_dict().items()})
    save_model(new, path, read_config(after)[1])
    return path


def _export(weights: Path, structures: Sequence[str], path: Path) -> None:
    """Weights in int8, with the embeddings of some of their structures."""
    whole = load_model(weights)
    part = UniversalModel(replace(whole.config, structures=tuple(structures)))
    adopt(part, whole)
    save_model(part, path, read_config(weights)[1], small=True)


def _earlier(content: dict[str, Any], data: Path, folder: Path) -> Path | None:
    """The weights that a recipe comes after: those that it names, or starts from, or of the recipe that it names."""
    after = content.get("after", "")
    if after.endswith(".safetensors"):
        return Path(after)
    if "init" in content:
        return Path(content["init"])
    return _stage(Path(after), data, folder) if after else None


def _repeated(content: dict[str, Any], data: Path, folder: Path) -> dict[str, str]:
    """`init` and `after` of a recipe that name weights: those of a run of the recipe of that name, in `folder`."""
    kept = {key: Path(content.get(key) or "") for key in ("init", "after")}
    return {
        key: str(_stage(path.with_suffix(".yaml"), data, folder, repeat=True))
        for key, path in kept.items()
        if path.suffix == ".safetensors"
    }


def _stage(recipe: Path, data: Path, folder: Path, repeat: bool = False) -> Path:
    """The weights of an earlier stage in its folder below `folder`, trained when they are not there whole."""
    content = read_recipe(recipe)
    run = folder / content["name"]
    plain = run / "weights.safetensors"
    weights = run / "blended.safetensors" if "blend" in content else plain
    ended = weights.exists() and read_config(plain)[1].get("step", 0) >= content["phases"][-1]["until"]
    return weights if ended else train(recipe, data, run, repeat=repeat)
