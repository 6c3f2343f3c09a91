"""What the engines of others have in common: imported only when used, cut off from the user's files, judged alike."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
import yaml

from encoders.errors import BodyMapsError, Cancelled
from encoders.segmenters.base import Mask, Progress, Quality
from encoders.segmenters.names import LabelTable
from encoders.volume import Volume

UNKNOWN_CONFIDENCE = 0.5
"""Engines give masks without probabilities: nothing is known of how sure they are."""


@dataclass(frozen=True)
class Engine:
    """A record of `engines.yaml`; its head says what the fields mean."""

    spec: str
    summary: str
    package: str
    modules: tuple[str, ...]
    licence: str
    needs: str
    names: Mapping[str, str | Sequence[str]]
    kinds: tuple[str, ...]

    @property
    def missing(self) -> str | None:
        """None when its package is here, else how to get it. Imports nothing."""
        absent = [module for module in self.modules if find_spec(module) is None]
        return f"{absent[0]} is not installed: `pip install {self.package}`" if absent else None


@cache
def engines() -> dict[str, Engine]:
    """All engines by name."""
    records = yaml.safe_load(
        files("encoders").joinpath("segmenters/engines.yaml").read_text(encoding="utf-8")
    )
    return {
        name: Engine(
            **{
                "names": {},
                **record,
                "modules": tuple(record["modules"]),
                "kinds": tuple(record.get("kinds", ())),
            }
        )
        for name, record in records.items()
    }


class EngineSegmenter(ABC):
    """An engine behind the segmenter protocol. Subclasses say what it supports and run it."""

    engine: ClassVar[str]
    name: str

    @abstractmethod
    def supported(self) -> frozenset[str]: ...

    @abstractmethod
    def find(
        self, volume: Volume, structures: Sequence[str], scratch: Path, report: Progress
    ) -> Mapping[str, npt.NDArray[np.bool_]]:
        """One mask (X, Y, Z) for each structure, on the CT's grid in RAS+ order (`volume.canonical()`).

        scratch: an empty folder for all that the engine writes; it is removed afterwards.
        """

    def quality(self, structure: str) -> Quality:
        if structure not in self.supported():
            return Quality("unsupported")
        return Quality("experimental", note=f"found by {self.name}; its quality was not measured here")

    def segment(
        self, volume: Volume, structures: Sequence[str], progress: Progress | None = None
    ) -> dict[str, Mask]:
        """Masks of supported structures on the volume's own grid, with a confidence of 0.5: engines give none.

        Raises BodyMapsError for a structure outside `supported()`, and for whatever goes wrong in the engine.
        """
        unknown = [s for s in structures if s not in self.supported()]
        if unknown:
            raise BodyMapsError(f"{self.name} cannot segment {', '.join(unknown)}")
        if not structures:
            return {}
        report = progress or (lambda done, what: None)
        report(0.0, f"{self.name} reads the scan")
        with tempfile.TemporaryDirectory(prefix="bodymaps-") as folder, reported(self.name):
            found = self.find(volume, list(dict.fromkeys(structures)), Path(folder), report)
            masks = {s: self._mask(s, found[s], volume) for s in structures}
        report(1.0, f"{self.name} is done")
        return masks

    def _mask(self, structure: str, found: npt.NDArray[np.bool_], volume: Volume) -> Mask:
        expected = volume.geometry.canonical().shape
        if found.shape != expected:
            raise BodyMapsError(f"{self.name} gave {structure} on a grid of {found.shape}, not {expected}")
        own = volume.geometry.from_canonical(found)
        return Mask.from_full(structure, own, UNKNOWN_CONFIDENCE)


class LabelMapSegmenter(EngineSegmenter):
    """An engine that finds all its structures at once; those of the last CT are kept for the next question, as long as
    the CT is there.
    """

    @cached_property
    def _last(self) -> WeakKeyDictionary[Volume, npt.NDArray]:
        return WeakKeyDictionary()

    @property
    @abstractmethod
    def table(self) -> LabelTable: ...

    @abstractmethod
    def read(self, volume: Volume, scratch: Path, report: Progress) -> npt.NDArray:
        """A label image (X, Y, Z) or a stack of masks (C, X, Y, Z) on the CT's grid in RAS+ order."""

    def supported(self) -> frozenset[str]:
        return frozenset(self.table.values)

    def find(
        self, volume: Volume, structures: Sequence[str], scratch: Path, report: Progress
    ) -> Mapping[str, npt.NDArray[np.bool_]]:
        labels = self._last.get(volume)
        if labels is None:
            self._last.clear()
            labels = self._last[volume] = self.read(volume, scratch, report)
        return {s: self.table.mask(s, labels) for s in structures}


@contextlib.contextmanager
def reported(name: str):
    """What a package prints goes to standard error; whatever it raises becomes one line for the user."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except (BodyMapsError, Cancelled):
        raise
    except (Exception, SystemExit) as error:  # packages raise what they like, and leave by sys.exit
        text = " ".join(str(error).split())[:300] or type(error).__name__
        raise BodyMapsError(f"{name} failed: {text}") from error


def own_names(path: str | None) -> dict[str, str]:
    """A user's YAML file {name of a label: ontology id}."""
    if path is None:
        return {}
    try:
        names: Any = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise BodyMapsError(
            f"cannot read '{path}': give a YAML file of lines such as `tumor: liver_tumor`"
        ) from error
    if not isinstance(names, dict):
        raise BodyMapsError(f"'{path}' has no names: give lines such as `tumor: liver_tumor`")
    return {str(label): str(structure) for label, structure in names.items()}


def needed(folder: Path, *names: str) -> None:
    """Raises BodyMapsError for the first file of a model's folder that is not there."""
    for name in names:
        if not (folder / name).is_file():
            raise BodyMapsError(f"no {name} in '{folder}': give the folder of the model")
