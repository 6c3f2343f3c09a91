"""Segmenters by name. Reading this table costs no heavy import; loading one does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from encoders.errors import BodyMapsError
from encoders.segmenters.base import Segmenter
from encoders.segmenters.engines import engines


@dataclass(frozen=True)
class Entry:
    """One kind of segmenter.

    spec: how it is asked for, such as "embedded" or "weights:PATH".
    summary: one line for `doctor`.
    missing: None when it can run here, else what is missing.
    licence, needs: of the engines of others, what a user must know first; else "".
    """

    spec: str
    summary: str
    load: Callable[[str], Segmenter]
    missing: Callable[[], str | None]
    licence: str = ""
    needs: str = ""


def _embedded(_: str) -> Segmenter:
    from encoders.segmenters.embedded import EmbeddedSegmenter

    return EmbeddedSegmenter()


def _weights(argument: str) -> Segmenter:
    from encoders.segmenters.embedded import EmbeddedSegmenter

    path, options = _options("weights", argument, "detail", "lesions")
    for file in (path, *options.values()):
        if not Path(file).is_file():
            raise BodyMapsError(f"no weights at '{file}': give --segmenter weights:FILE.safetensors")
    return EmbeddedSegmenter(path, [Path(options[key]) for key in ("detail", "lesions") if key in options])


def _universal(argument: str) -> Segmenter:
    from encoders.segmenters.universal import UniversalSegmenter

    path, options = _options("universal", argument, "classes", "merging")
    if not path.is_file():
        raise BodyMapsError(f"no checkpoint at '{path}': give --segmenter universal:FILE")
    return UniversalSegmenter(path, **options)


def _totalsegmentator(mode: str) -> Segmenter:
    from encoders.segmenters.totalsegmentator import TotalSegmentatorSegmenter

    return TotalSegmentatorSegmenter(mode)


def _voxtell(argument: str) -> Segmenter:
    from encoders.segmenters.voxtell import VoxTellSegmenter

    folder, options = _options("voxtell", argument, "bank", "text")
    return VoxTellSegmenter(folder, **options)


def _bundle(argument: str) -> Segmenter:
    from encoders.segmenters.bundle import BundleSegmenter

    folder, options = _options("bundle", argument, "names")
    return BundleSegmenter(folder, **options)


def _nnunet(argument: str) -> Segmenter:
    from encoders.segmenters.nnunet import NnunetSegmenter

    folder, options = _options("nnunet", argument, "folds", "orientation", "mirroring", "names")
    return NnunetSegmenter(folder, **options)


def _options(name: str, argument: str, *known: str) -> tuple[Path, dict[str, Any]]:
    """`PATH?key=value&key=value`: the path and its options."""
    path, _, rest = argument.partition("?")
    options: dict[str, Any] = {}
    for part in rest.split("&") if rest else ():
        key, _, value = part.partition("=")
        if key not in known or not value:
            raise BodyMapsError(
                f"unknown option '{part}' of {name}; known: {', '.join(f'{k}=...' for k in known)}"
            )
        options[key] = value
    return Path(path), options


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


def _engine(name: str, load: Callable[[str], Segmenter]) -> Entry:
    known = engines()[name]
    return Entry(known.spec, known.summary, load, lambda: known.missing, known.licence, known.needs)


ENTRIES |= {
    "totalsegmentator": _engine("totalsegmentator", _totalsegmentator),
    "voxtell": _engine("voxtell", _voxtell),
    "bundle": _engine("bundle", _bundle),
    "nnunet": _engine("nnunet", _nnunet),
}


def load(spec: str) -> Segmenter:
    """The segmenter of a spec `name[:argument]`. Raises BodyMapsError for an unknown one or a file that is none."""
    name, _, argument = spec.partition(":")
    if name not in ENTRIES:
        known = ", ".join(entry.spec for entry in ENTRIES.values())
        raise BodyMapsError(f"unknown segmenter '{spec}'; known: {known}")
    missing = ENTRIES[name].missing()
    if missing:
        raise BodyMapsError(f"the segmenter '{name}' cannot run here: {missing}")
    segmenter = ENTRIES[name].load(argument)
    segmenter.supported()  # reads what was given: a file that is no model is refused now, not by the first answer
    return segmenter


def describe() -> list[dict[str, str | None]]:
    """What can run here and why not, for `bodymaps doctor`."""
    return [
        {
            "spec": e.spec,
            "summary": e.summary,
            "missing": e.missing(),
            "licence": e.licence,
            "needs": e.needs,
        }
        for e in ENTRIES.values()
    ]
