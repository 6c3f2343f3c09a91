"""TotalSegmentator (Wasserthal et al., 2023) through its own package: `totalsegmentator[:fast|fastest]`."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from encoders.errors import BodyMapsError
from encoders.segmenters.base import Progress
from encoders.segmenters.engines import LabelMapSegmenter, engines
from encoders.segmenters.names import LabelTable, label_table
from encoders.volume import Volume

TASK = "total"
MODES = ("", "fast", "fastest")


class TotalSegmentatorSegmenter(LabelMapSegmenter):
    """The task `total`. mode: "" (1.5 mm, only the parts asked for), "fast" (3 mm) or "fastest" (6 mm).

    Its usage statistics are switched off, so that nothing about a run leaves the machine; its settings live in a
    scratch folder, its weights where the package keeps them.
    """

    engine = "totalsegmentator"

    def __init__(self, mode: str = "") -> None:
        if mode not in MODES:
            raise BodyMapsError(f"unknown mode '{mode}' of totalsegmentator; known: fast, fastest, or none")
        self.mode = mode
        self.name = f"totalsegmentator {mode}".strip()

    @cached_property
    def _classes(self) -> dict[str, int]:
        from totalsegmentator.map_to_binary import class_map

        return {name: value for value, name in class_map[TASK].items()}

    @cached_property
    def table(self) -> LabelTable:
        own = engines()[self.engine].names
        return label_table({name: (value,) for name, value in self._classes.items()}, own=own)

    def find(
        self, volume: Volume, structures: Sequence[str], scratch: Path, report: Progress
    ) -> Mapping[str, npt.NDArray[np.bool_]]:
        if self.mode:  # one network gives all classes
            return super().find(volume, structures, scratch, report)
        values = {value for s in structures for value in self.table.values[s]}
        labels = self._run(
            volume, scratch, [name for name, value in self._classes.items() if value in values]
        )
        return {s: self.table.mask(s, labels) for s in structures}

    def read(self, volume: Volume, scratch: Path, report: Progress) -> npt.NDArray:
        return self._run(volume, scratch, None)

    def _run(self, volume: Volume, scratch: Path, names: list[str] | None) -> npt.NDArray:
        import nibabel as nib

        from encoders.device import device

        canonical = volume.canonical()
        image = nib.Nifti1Image(np.ascontiguousarray(canonical.hu), canonical.geometry.affine)
        with _private(scratch):
            from totalsegmentator.python_api import totalsegmentator

            found = totalsegmentator(
                image,
                None,
                ml=True,
                nr_thr_saving=1,
                fast=self.mode == "fast",
                fastest=self.mode == "fastest",
                task=TASK,
                roi_subset=names,
                quiet=True,
                skip_saving=True,
                device="gpu" if device().type == "cuda" else "cpu",
            )
        return np.asanyarray(found.dataobj).astype(np.uint8)


@contextlib.contextmanager
def _private(scratch: Path) -> Iterator[None]:
    """The package's settings in the scratch folder, without usage statistics; the environment is as before afterwards.

    Raises nothing of its own.
    """
    from totalsegmentator.config import get_weights_dir

    settings = {"totalseg_id": "", "send_usage_stats": False, "prediction_counter": 0}
    settings["statistics_disclaimer_shown"] = True
    (scratch / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    before = dict(os.environ)
    os.environ["TOTALSEG_WEIGHTS_PATH"] = str(get_weights_dir())
    os.environ["TOTALSEG_HOME_DIR"] = str(scratch)
    try:
        yield
    finally:
        for name in set(os.environ) - set(before):
            del os.environ[name]
        os.environ.update(before)
