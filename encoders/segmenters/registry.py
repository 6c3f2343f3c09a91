"""Segmenters by name. Reading this table costs no heavy import; loading one does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from encoders.errors import BodyMapsError
from encoders.segmenters.base import Segmenter


@dataclass(frozen=True)
class Entry:
    """One kind of segmenter.

    spec: how it is asked for, such as "embedded" or "weights:PATH".
    summary: one line for `doctor`.
    missing: None when it can run here, else what is missing.
    """

    spec: str
    summary: str
    load: Callable[[str], Segmenter]
    missing: Callable[[], str | None]


def _embedded(_: str) -> Segmenter:
    from encoders.segmenters.embedded import EmbeddedSegmenter

    return EmbeddedSegmenter()


def _weights(path: str) -> Segmenter:
    from encoders.segmenters.embedded import EmbeddedSegmenter

    if not Path(path).is_file():
        raise BodyMapsError(f"no weights at '{path}': give --segmenter weights:FILE.safetensors")
    return EmbeddedSegmenter(Path(path))


def _universal(argument: str) -> Segmenter:
    from encoders.segmenters.universal import UniversalSegmenter

    path, _, options = argument.partition("?")
    if not Path(path).is_file():
        raise BodyMapsError(f"no checkpoint at '{path}': give --segmenter universal:FILE")
    name, _, classes = options.partition("=")
    if options and (name != "classes" or not classes):
        raise BodyMapsError(f"unknown option '{options}' of universal:PATH; known: classes=ORDER")
    return UniversalSegmenter(Path(path), classes or None)


def _embedded_missing() -> str | None:
    from encoders.segmenters.embedded import WEIGHTS

    return None if WEIGHTS.exists() else "the embedded weights are not in this installation"


ENTRIES: dict[str, Entry] = {
    "embedded": Entry("embedded", "the project's own text-conditioned model", _embedded, _embedded_missing),
    "weights": Entry("weights:PATH", "a model that `bodymaps train` wrote", _weights, lambda: None),
    "universal": Entry(
        "universal:PATH[?classes=ORDER]",
        "a Universal Model, SuPreM or AbdomenAtlas checkpoint (U-Net, Swin UNETR, UNet++)",
        _universal,
        lambda: None,
    ),
}


def load(spec: str) -> Segmenter:
    """The segmenter of a spec `name[:argument]`. Raises BodyMapsError for an unknown one."""
    name, _, argument = spec.partition(":")
    if name not in ENTRIES:
        known = ", ".join(entry.spec for entry in ENTRIES.values())
        raise BodyMapsError(f"unknown segmenter '{spec}'; known: {known}")
    missing = ENTRIES[name].missing()
    if missing:
        raise BodyMapsError(f"the segmenter '{name}' cannot run here: {missing}")
    return ENTRIES[name].load(argument)


def describe() -> list[dict[str, str | None]]:
    """What can run here and why not, for `bodymaps doctor`."""
    return [{"spec": e.spec, "summary": e.summary, "missing": e.missing()} for e in ENTRIES.values()]
