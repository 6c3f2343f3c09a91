"""The class orders of published checkpoints, by name: no other code knows a class by its number."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from encoders.errors import BodyMapsError
from prompts.ontology import ontology


@cache
def _registry() -> dict[str, Any]:
    return yaml.safe_load(files("encoders").joinpath("published/classes.yaml").read_text(encoding="utf-8"))


def orders() -> dict[str, tuple[str, ...]]:
    """Every known class order: its published class names, first channel first."""
    known: dict[str, tuple[str, ...]] = {}
    for name, entry in _registry()["orders"].items():
        if isinstance(entry, dict):
            known[name] = known[entry["of"]][: entry["first"]]
        else:
            known[name] = tuple(entry)
    return known


def structure_of(name: str) -> str:
    """The ontology id of a published class name or of an id. Raises BodyMapsError for any other name."""
    if name in ontology():
        return name
    known = {published.casefold(): id for published, id in _registry()["structures"].items()}
    found = known.get(name.casefold()) or next(iter(ontology().exact(name)), None)
    if found is None:
        raise BodyMapsError(f"no structure is called '{name}': use an id of `bodymaps structures`")
    return found


def usual_order(count: int) -> str | None:
    """The name of the order that a checkpoint of so many classes has when nothing else is said."""
    return _registry()["usual"].get(count)


def class_order(count: int, wanted: str | None = None) -> tuple[str, ...]:
    """Ontology ids of a checkpoint's `count` classes, first channel first.

    wanted: the name of a known order, a text file with one class name a line, or those lines themselves; None for the
    usual order of checkpoints with so many classes.
    Raises BodyMapsError when the order is unknown or has another length.
    """
    known = orders()
    name = wanted or usual_order(count)
    if name is None:
        raise BodyMapsError(
            f"the checkpoint has {count} classes of unknown order: add ?classes=FILE with one class name a line"
        )
    if name in known:
        names = known[name]
    elif "\n" in name or Path(name).is_file():
        lines = (name if "\n" in name else Path(name).read_text(encoding="utf-8")).splitlines()
        names = tuple(line.strip() for line in lines if line.strip())
    else:
        raise BodyMapsError(f"unknown class order '{name}'; known: {', '.join(known)}, or a text file")
    if len(names) != count:
        raise BodyMapsError(
            f"the checkpoint has {count} classes, the order '{name.splitlines()[0]}' has {len(names)}"
        )
    ids = tuple(structure_of(n) for n in names)
    if len(set(ids)) < len(ids):
        raise BodyMapsError(f"the order '{name.splitlines()[0]}' names a structure twice")
    return ids


def prompts(structures: tuple[str, ...]) -> list[str]:
    """The sentences whose text embeddings the published models were trained with, misspellings and all.

    A structure that the published models do not have gets its own name.
    """
    registry = _registry()
    names = {id: registry["spelled"].get(name, name) for name, id in registry["structures"].items()}
    return [registry["prompt"].format(names.get(s) or ontology()[s].name) for s in structures]
