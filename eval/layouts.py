"""Public data sets that keep one label image a case: MSD, nnU-Net v2 and BTCV, known by their files.

A reference is the voxels of its label; that of an organ also holds the labelled lesions inside it, because a lesion
is part of its organ. A label with no structure in the ontology is left out, by name, in `unmapped`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import yaml

from encoders.errors import BodyMapsError
from encoders.segmenters.names import structure_of
from prompts.ontology import ontology


@dataclass(frozen=True)
class LabelledCase:
    """image: the CT. labels: its label image. values: label value to ontology id."""

    name: str
    image: Path
    labels: Path
    values: dict[int, str]

    def references(self, shape: tuple[int, int, int]) -> Iterator[tuple[str, np.ndarray]]:
        """(structure, bool mask) for each mapped label; raises BodyMapsError on another grid."""
        import nibabel as nib

        array = np.asanyarray(nib.nifti1.load(self.labels).dataobj)
        if array.shape != shape:
            raise BodyMapsError(f"{self.labels} has shape {array.shape}, its CT has {shape}")
        for structure in self.values.values():
            inside = set(ontology().lesions_of(structure)) | {structure}
            yield structure, np.isin(array, [v for v, s in self.values.items() if s in inside])


@dataclass(frozen=True)
class Layout:
    """kind: "MSD", "nnU-Net" or "BTCV". name: such as "Liver". values: label value to ontology id.

    unmapped: labels that the ontology does not know. test: images to be predicted for the data set's own server.
    """

    kind: str
    name: str
    cases: tuple[LabelledCase, ...]
    values: dict[int, str]
    unmapped: tuple[str, ...] = ()
    test: tuple[tuple[str, Path], ...] = ()


def read_layout(folder: Path) -> Layout | None:
    """The data set in a folder, or None when it is none of these. Cases without a label image are left out."""
    if (folder / "dataset.json").is_file():
        return _with_json(folder)
    if (folder / "img").is_dir() and (folder / "label").is_dir():
        values = dict(enumerate(_data()["btcv"], start=1))
        pairs = [(p, folder / "label" / p.name.replace("img", "label")) for p in _images(folder / "img")]
        return Layout("BTCV", "BTCV", _cases(pairs, values), values)
    return None


def _with_json(folder: Path) -> Layout:
    try:
        about = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
        labels = dict(about["labels"])
        nnunet = "channel_names" in about  # nnU-Net v2 turned MSD's {value: name} round
        named = {int(v): k for k, v in labels.items()} if nnunet else {int(k): v for k, v in labels.items()}
    except (ValueError, KeyError, TypeError) as error:
        raise BodyMapsError(f"{folder / 'dataset.json'} has no readable 'labels': {error}") from error
    dataset = str(about.get("name", "")).partition("_")[2] or str(about.get("name", ""))
    mapped = {v: structure_of(name, dataset) for v, name in named.items() if v}
    values = {v: s for v, s in mapped.items() if s}
    suffix = "_0000.nii.gz" if nnunet else ".nii.gz"
    pairs = [
        (i, folder / "labelsTr" / f"{_case(i, suffix)}.nii.gz") for i in _images(folder / "imagesTr", suffix)
    ]
    return Layout(
        "nnU-Net" if nnunet else "MSD",
        dataset,
        _cases(pairs, values),
        values,
        tuple(named[v] for v, s in mapped.items() if not s),
        tuple((_case(i, suffix), i) for i in _images(folder / "imagesTs", suffix)),
    )


def _case(image: Path, suffix: str) -> str:
    return image.name.removesuffix(suffix)


def _cases(pairs: list[tuple[Path, Path]], values: dict[int, str]) -> tuple[LabelledCase, ...]:
    return tuple(
        LabelledCase(labels.name.removesuffix(".nii.gz"), image, labels, values)
        for image, labels in pairs
        if labels.is_file()
    )


def _images(folder: Path, suffix: str = ".nii.gz") -> list[Path]:
    return sorted(p for p in folder.glob(f"*{suffix}") if not p.name.startswith("."))


def _data() -> dict:
    return yaml.safe_load(files("eval").joinpath("layouts.yaml").read_text(encoding="utf-8"))
