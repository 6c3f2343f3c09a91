"""What the labels of other people's models and data sets mean: ontology ids by name, never by number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt
import yaml

from encoders.errors import BodyMapsError
from prompts.ontology import ontology


@cache
def _by_dataset() -> dict[str, dict[str, str]]:
    text = files("encoders").joinpath("segmenters/names.yaml").read_text(encoding="utf-8")
    return {
        name: {dataset.lower(): id for dataset, id in meanings.items()}
        for name, meanings in yaml.safe_load(text)["by_dataset"].items()
    }


def structure_of(label: str, dataset: str = "") -> str | None:
    """The ontology id of a label's name in a data set, or None. The case of letters does not matter.

    A name that `names.yaml` lists, such as "cancer", means nothing in a data set that it does not list.
    """
    from encoders.published.classes import structure_of as published

    meanings = _by_dataset().get(label.lower())
    if meanings is not None:
        return meanings.get(dataset.lower())
    if label in ontology():
        return label
    found = ontology().exact(label)
    if found:
        return found[0] if len(found) == 1 else None
    try:
        return published(label.replace("_", " "))
    except BodyMapsError:
        return None


@dataclass(frozen=True)
class LabelTable:
    """Which values of a label image, or channels of a stack of masks, make a structure.

    unmapped: names of labels that the ontology does not know.
    """

    values: dict[str, tuple[int, ...]]
    unmapped: tuple[str, ...] = ()

    def mask(self, structure: str, labels: npt.NDArray) -> npt.NDArray[np.bool_]:
        """From a label image (X, Y, Z) or a stack of masks (C, X, Y, Z)."""
        values = self.values[structure]
        return np.isin(labels, values) if labels.ndim == 3 else np.any(labels[list(values)], axis=0)


def label_table(
    labels: Mapping[str, Iterable[int]],
    dataset: str = "",
    own: Mapping[str, str | Iterable[str]] | None = None,
) -> LabelTable:
    """The structures of labels {name: values}; "background" is none.

    A structure also holds the labelled lesions that can only lie in it: a lesion is part of its organ.
    own: meanings that come first, {name of a label: one id or several}.
    Raises BodyMapsError for an id in `own` that does not exist.
    """
    named: dict[str, set[int]] = {}
    unmapped = []
    for name, values in labels.items():
        if name.lower() == "background":
            continue
        meant = (own or {}).get(name) or structure_of(name, dataset) or ()
        ids = (meant,) if isinstance(meant, str) else tuple(meant)
        unknown = [id for id in ids if id not in ontology()]
        if unknown:
            raise BodyMapsError(
                f"the label '{name}' cannot mean '{unknown[0]}': use ids of `bodymaps structures`"
            )
        if not ids:
            unmapped.append(name)
        for id in ids:
            named.setdefault(id, set()).update(values)
    whole = {
        id: values.union(*(named[lesion] for lesion in named if _only_in(lesion, id)))
        for id, values in named.items()
    }
    return LabelTable({id: tuple(sorted(values)) for id, values in whole.items()}, tuple(unmapped))


def _only_in(lesion: str, structure: str) -> bool:
    hosts = {leaf for host in ontology()[lesion].within for leaf in ontology().leaves(host)}
    return (
        ontology()[lesion].kind == "lesion"
        and bool(hosts)
        and hosts <= {structure, *ontology().leaves(structure)}
    )
