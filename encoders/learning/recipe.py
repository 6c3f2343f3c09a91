"""Training recipes: YAML files that may extend one another."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from encoders.errors import BodyMapsError


def read_recipe(path: Path) -> dict[str, Any]:
    """A recipe file; names without a folder are looked up among the project's recipes.

    A recipe that `extends` another replaces its entries, mappings entry by entry; null removes one (RFC 7386).
    `cases_of`: the recipe whose cases it has. `more_cases` join them; one of the same name takes its place.
    `more_labels`: case name to layers of labels that come after its own. `hold_out`: cases that every phase leaves out,
    instead of its own.
    """
    found = find(path, "recipes")
    recipe = yaml.safe_load(found.read_text())
    base, other, more = (recipe.pop(key, None) for key in ("extends", "cases_of", "more_cases"))
    layers, held = recipe.pop("more_labels", {}), recipe.pop("hold_out", None)
    if base:
        recipe = _merged(read_recipe(found.parent / base), recipe)
    if other:
        recipe["cases"] = read_recipe(found.parent / other)["cases"]
    if more:
        recipe["cases"] = list({case["name"]: case for case in (*recipe["cases"], *more)}.values())
    if held is not None:
        recipe["phases"] = [{**phase, "hold_out": held} for phase in recipe["phases"]]
    by_name = {case["name"]: case for case in recipe.get("cases", ())}
    for name, added in layers.items():
        if name not in by_name:
            raise BodyMapsError(f"more_labels of {found.name}: it has no case {name}")
        by_name[name]["labels"] = [*by_name[name]["labels"], *added]
    return recipe


def find(path: Path, kind: str) -> Path:
    """A file, or the project's own of that name and kind (`recipes`, `outlines`). Raises BodyMapsError for neither."""
    own = Path(str(files("encoders.learning").joinpath(kind, path.name)))
    found = next((p for p in (path, own) if p.exists()), None)
    if found is None:
        raise BodyMapsError(f"no {kind} {path}: give a YAML file or the name of one of the project's")
    return found


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = _merged(result[key], value) if both else value
    return {key: value for key, value in result.items() if value is not None}
