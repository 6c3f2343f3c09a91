"""VoxTell, a text-prompted model, through its own package: `voxtell:PATH[?bank=FILE&text=MODEL]`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from encoders.segmenters.base import Progress
from encoders.segmenters.engines import EngineSegmenter, engines, needed
from encoders.volume import Volume
from prompts.ontology import ontology


class VoxTellSegmenter(EngineSegmenter):
    """Asked for the structures' names.

    Args:
        folder: the model's folder.
        bank: a file of the package's with embeddings of prompts, so that no text model is needed for those in it.
        text: the text model, a name on Hugging Face or a folder; None for the package's own.
    """

    engine = "voxtell"

    def __init__(self, folder: Path, bank: str | None = None, text: str | None = None) -> None:
        needed(folder, "plans.json", "fold_0/checkpoint_final.pth")
        self.name = "voxtell"
        self._folder, self._bank, self._text = folder, bank, text

    def supported(self) -> frozenset[str]:
        """What a name alone can say: no groups, which are their members, and no regions, whose borders are ours."""
        kinds = engines()[self.engine].kinds
        return frozenset(s.id for s in ontology().values() if s.kind in kinds)

    @cached_property
    def predictor(self):
        """The package's predictor, loaded at first use."""
        from voxtell.inference.predictor import VoxTellPredictor

        from encoders.device import device

        options = {"text_encoding_model": self._text} if self._text else {}
        return VoxTellPredictor(str(self._folder), device(), embedding_bank=self._bank, **options)

    def find(
        self, volume: Volume, structures: Sequence[str], scratch: Path, report: Progress
    ) -> Mapping[str, npt.NDArray[np.bool_]]:
        prompts = [ontology()[s].name for s in structures]
        # the package's reader gives RAS+ images with the axes reversed: (channel, z, y, x)
        data = np.ascontiguousarray(volume.canonical().hu.transpose(2, 1, 0)[None], dtype=np.float32)

        def windows(done: int, total: int) -> bool:
            report(done / total, f"{self.name} reads the scan")
            return True

        found = self.predictor.predict_single_image(data, prompts, progress_callback=windows)
        return {s: mask.transpose(2, 1, 0) != 0 for s, mask in zip(structures, found, strict=True)}
