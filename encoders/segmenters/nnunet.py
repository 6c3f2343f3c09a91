"""Result folders of nnU-Net v2 (Isensee et al., 2021) through its own package: `nnunet:DIR[?...]`."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from encoders.errors import BodyMapsError
from encoders.segmenters.base import Progress
from encoders.segmenters.engines import LabelMapSegmenter, needed, own_names
from encoders.segmenters.names import LabelTable, label_table
from encoders.volume import Volume

CHECKPOINTS = ("checkpoint_final.pth", "checkpoint_best.pth")


class NnunetSegmenter(LabelMapSegmenter):
    """A trained configuration, the folder that holds `dataset.json`, `plans.json` and `fold_*`.

    Args:
        folders: that folder.
        folds: such as "0,1" or "all"; None for those that are there.
        orientation: of the arrays that the network was trained on; most readers of nnU-Net keep the files' order, so
            data sets whose files are not RAS+ need their own, such as "LPS".
        mirroring: "on" averages over mirrored images as nnU-Net does, up to eight times the time; or "off".
        names: a YAML file with the meanings of its labels, where their names do not say it.
    """

    engine = "nnunet"

    def __init__(
        self,
        folder: Path,
        folds: str | None = None,
        orientation: str = "RAS",
        mirroring: str = "on",
        names: str | None = None,
    ) -> None:
        needed(folder, "dataset.json", "plans.json")
        if len(orientation) != 3 or any(
            a not in b for a, b in zip(orientation, ("RL", "AP", "SI"), strict=True)
        ):
            raise BodyMapsError(
                f"orientation '{orientation}' is not one of RAS, LPS, LAS, ...: three letters, x y z"
            )
        if mirroring not in ("on", "off"):
            raise BodyMapsError(f"mirroring is on or off, not '{mirroring}'")
        self.name = f"nnunet {folder.parent.name or folder.name}"
        self._folder, self._orientation, self._mirroring = folder, orientation, mirroring == "on"
        self._folds, self._own = folds, own_names(names)

    @cached_property
    def about(self) -> dict[str, Any]:
        """Its dataset.json."""
        try:
            about = json.loads((self._folder / "dataset.json").read_text(encoding="utf-8"))
            dict(about["labels"]), dict(about["channel_names"])
        except (ValueError, KeyError, TypeError) as error:
            raise BodyMapsError(
                f"{self._folder / 'dataset.json'} has no readable labels and channel_names: is it of nnU-Net v2?"
            ) from error
        if len(about["channel_names"]) != 1:
            raise BodyMapsError(f"the model reads {len(about['channel_names'])} images, here is one CT")
        return about

    @cached_property
    def table(self) -> LabelTable:
        labels = {
            name: (value,) if isinstance(value, int) else tuple(value)
            for name, value in self.about["labels"].items()
        }
        full = str(self.about.get("name", ""))
        return label_table(labels, full.partition("_")[2] or full, self._own)

    @cached_property
    def predictor(self):
        """The package's predictor, loaded at first use."""
        from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

        from encoders.device import device

        where = device()
        predictor = nnUNetPredictor(
            use_mirroring=self._mirroring,
            perform_everything_on_device=where.type == "cuda",
            device=where,
            allow_tqdm=False,
        )
        folds, checkpoint = self._available()
        predictor.initialize_from_trained_model_folder(str(self._folder), folds, checkpoint)
        if predictor.configuration_manager.previous_stage_name is not None:
            raise BodyMapsError(f"{self._folder} is the second stage of a cascade: give a 3d_fullres folder")
        return predictor

    def _available(self) -> tuple[tuple[int | str, ...], str]:
        """Folds and the checkpoint that all of them have."""
        there = sorted(path.name.removeprefix("fold_") for path in self._folder.glob("fold_*"))
        wanted = self._folds.split(",") if self._folds else [f for f in there if f != "all"] or there
        for checkpoint in CHECKPOINTS:
            if wanted and all((self._folder / f"fold_{f}" / checkpoint).is_file() for f in wanted):
                return tuple(int(f) if f.isdigit() else f for f in wanted), checkpoint
        raise BodyMapsError(f"no {CHECKPOINTS[0]} in fold {', '.join(wanted) or '0'} of '{self._folder}'")

    def read(self, volume: Volume, scratch: Path, report: Progress) -> npt.NDArray:
        canonical = volume.canonical()
        flips = tuple(
            slice(None, None, 1 if a == b else -1) for a, b in zip(self._orientation, "RAS", strict=True)
        )
        # nnU-Net's axes are reversed: (channel, z, y, x)
        image = np.ascontiguousarray(canonical.hu[flips].transpose(2, 1, 0)[None], dtype=np.float32)
        spacing = {"spacing": list(canonical.geometry.spacing[::-1])}
        labels = self.predictor.predict_single_npy_array(image, spacing, None, None, False)
        return np.asarray(labels).transpose(2, 1, 0)[flips]
