"""The model that ships with the project."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from encoders import levels
from encoders.errors import BodyMapsError
from encoders.geometry import Box
from encoders.segmenters.base import Detection, Mask, Progress, Quality
from encoders.volume import Volume

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS = Path(str(files("encoders").joinpath("weights", "embedded.safetensors")))
TEXT = WEIGHTS.with_name("text.safetensors")
QUALITY = Path(str(files("encoders").joinpath("weights", "quality.json")))


class EmbeddedSegmenter:
    """The text-conditioned universal model with the project's own weights.

    The features of the last studies are kept, so that a second question decodes only the new classes. They go with
    their volume: those of a study that was closed are in memory no more.

    Args:
        weights: another file written by training; default: the embedded one.
        studies_kept: how many studies' features stay in memory (about half a gigabyte each).
    """

    def __init__(self, weights: Path = WEIGHTS, studies_kept: int = 1) -> None:
        self.name = "embedded" if weights == WEIGHTS else weights.stem
        self._path = weights
        self._kept: WeakKeyDictionary[Volume, Any] = WeakKeyDictionary()
        self._studies_kept = studies_kept

    @cached_property
    def _records(self) -> dict[str, Any]:
        """What was measured of the embedded weights; nothing is known of others."""
        return json.loads(QUALITY.read_text()) if self.name == "embedded" and QUALITY.exists() else {}

    @property
    def _measured(self) -> dict[str, dict]:
        return self._records.get("structures", {})

    @property
    def _temperature(self) -> float:
        """What logits are divided by before they count as probabilities, see `eval.calibration`."""
        return self._records.get("calibration", {}).get("temperature", 1.0)

    @cached_property
    def _trained(self) -> tuple[str, ...]:
        from encoders.checkpoints import read_config

        return read_config(self._path)[0].structures

    @cached_property
    def model(self):
        """The network on the chosen device, loaded at first use."""
        from encoders.checkpoints import load_model
        from encoders.device import device

        return load_model(self._path).to(device())

    @cached_property
    def text_encoder(self):
        """The text encoder that was tuned to this model's class embeddings."""
        from encoders.text.embedded import EmbeddedTextEncoder

        if not TEXT.exists():
            raise BodyMapsError(
                "the embedded text encoder is not in this installation: ask by a structure's id"
            )
        return EmbeddedTextEncoder.load(TEXT)

    def nearest(self, phrase: str) -> tuple[str, float]:
        """The known structure whose embedding is closest to a phrase's, and their cosine similarity."""
        known = self.model.embeddings(self._trained).cpu()
        similarity = (self.text_encoder.encode([phrase]) @ known.T)[0]
        best = int(similarity.argmax())
        return self._trained[best], float(similarity[best])

    def segment_phrase(self, volume: Volume, phrase: str, progress: Progress | None = None) -> Mask:
        """The mask of any phrase, by its own text embedding.

        The anatomy checks are those of the nearest known structure, whose id the mask carries; the confidence is
        scaled by how near the phrase is to it.
        """
        structure, similarity = self.nearest(phrase)
        text = self.text_encoder.encode([phrase]).to(self.model.class_embedding.device)
        mask = self._masks(volume, [structure], text, progress)[structure]
        return dataclasses.replace(mask, confidence=mask.confidence * min(max(similarity, 0.0), 1.0))

    def supported(self) -> frozenset[str]:
        if self._measured:
            return frozenset(s for s, entry in self._measured.items() if entry["level"] != "unsupported")
        counted = levels.names() if {levels.GROUP, levels.ANCHOR} <= set(self._trained) else ()
        return frozenset([*self._trained, *counted])

    def quality(self, structure: str) -> Quality:
        entry = self._measured.get(structure)
        if entry is None:
            return Quality("experimental" if structure in self.supported() else "unsupported")
        detection = Detection(**entry["detection"]) if entry.get("detection") else None
        return Quality(
            entry["level"], entry.get("dice"), entry.get("cases", 0), entry.get("note", ""), detection
        )

    def _features(self, volume: Volume, progress: Progress | None):
        from encoders.inference import extract_features

        features = self._kept.pop(volume, None)
        if features is None:
            features = extract_features(self.model, volume, progress=progress)
        for old in list(self._kept)[: len(self._kept) + 1 - self._studies_kept]:
            self._kept.pop(old, None)
        self._kept[volume] = features
        return features

    def segment(
        self, volume: Volume, structures: Sequence[str], progress: Progress | None = None
    ) -> dict[str, Mask]:
        """Masks of supported structures on the volume's own grid.

        Raises BodyMapsError for a structure outside `supported()`.
        """
        unknown = [s for s in structures if s not in self.supported()]
        if unknown:
            raise BodyMapsError(f"the model '{self.name}' cannot segment {', '.join(unknown)}")
        drawn = [s for s in structures if s in self._trained]
        masks = self._masks(volume, drawn, self.model.embeddings(drawn), progress) if drawn else {}
        if len(drawn) < len(structures):
            masks |= self._counted(volume, progress)
        return {s: masks[s] for s in structures}

    def _masks(
        self, volume: Volume, structures: Sequence[str], text: Tensor, progress: Progress | None
    ) -> dict[str, Mask]:
        """One mask per row of `text`, judged and named as the structure of the same index."""
        import torch

        from encoders.inference import decode_in_parts, to_study_grid
        from encoders.postprocess import host_organs, judge
        from prompts.ontology import ontology

        def scaled(low: float, high: float) -> Progress | None:
            if progress is None:
                return None
            return lambda done, what: progress(low + (high - low) * done, what)

        study = self._features(volume, scaled(0.0, 0.8))
        voxel_ml = study.grid.voxel_ml
        middle, width = (study.body.shape[0] - 1) / 2, study.body.shape[0]
        report = scaled(0.8, 1.0)
        hosts = {s: host_organs(s, self._trained) for s in structures}
        extra = [h for h in dict.fromkeys(h for own in hosts.values() for h in own) if h not in structures]
        names = [*extra, *structures]
        # organs first: where a lesion may lie is judged by their masks
        order = sorted(range(len(names)), key=lambda n: bool(hosts.get(names[n])))
        names = [names[n] for n in order]
        if extra:
            text = torch.cat([self.model.embeddings(extra), text])
        masks: dict[str, Mask] = {}
        kept: dict[str, np.ndarray] = {}
        for index, logits in decode_in_parts(self.model, study, text[order]):
            structure = names[index]
            inside = [kept[h] for h in hosts.get(structure, ())]
            verdict = judge(
                logits.cpu().numpy() / self._temperature,
                ontology()[structure],
                voxel_ml,
                middle,
                width,
                np.logical_or.reduce(inside) if inside else None,
            )
            kept[structure] = verdict.keep
            if structure in structures:
                masks[structure] = self._to_study(structure, logits, verdict, study, volume, to_study_grid)
            if report:
                report((index + 1) / len(names), f"drawing {ontology()[structure].name}")
        return {structure: masks[structure] for structure in structures}

    def _counted(self, volume: Volume, progress: Progress | None) -> dict[str, Mask]:
        """Every vertebral level, out of the mask of all vertebrae; all absent, unsure, when they cannot be counted."""
        import torch
        from scipy.special import expit

        from encoders.inference import decode, to_study_grid
        from encoders.postprocess import Verdict, judge
        from prompts.ontology import ontology

        study = self._features(volume, progress)
        logits = decode(self.model, study, self.model.embeddings([levels.GROUP, levels.ANCHOR]))
        raw = [values.cpu().numpy() for values in logits]
        bone, sacrum = (values / self._temperature for values in raw)
        middle, width = (study.body.shape[0] - 1) / 2, study.body.shape[0]
        group, anchor = (
            judge(values, ontology()[name], study.grid.voxel_ml, middle, width)
            for values, name in ((bone, levels.GROUP), (sacrum, levels.ANCHOR))
        )
        found = levels.divide(group.keep, expit(raw[0]), anchor.keep, study.grid.spacing[0])
        shape = volume.geometry.shape
        masks = {}
        for name in levels.names():
            if name not in found:
                masks[name] = Mask.absent(name, shape, group.confidence if found else 0.0)
                continue
            # towards its neighbours a level ends half-way between their voxels
            others = logits[0].clone()
            others[torch.from_numpy(group.keep & ~found[name]).to(others.device)] *= -1
            verdict = Verdict(found[name], group.confidence)
            masks[name] = self._to_study(name, others, verdict, study, volume, to_study_grid)
        return masks

    @staticmethod
    def _to_study(structure, logits, verdict, study, volume: Volume, to_study_grid) -> Mask:
        """The kept voxels at the study's own resolution and axis order."""
        import torch
        from scipy import ndimage

        geometry = volume.geometry
        tight = Box.of_mask(verdict.keep)
        if tight is None:
            return Mask.absent(structure, geometry.shape, min(max(verdict.confidence, 0.0), 1.0))
        coarse = tight.grown(2, verdict.keep.shape)
        near = ndimage.binary_dilation(verdict.keep[coarse.slices], iterations=1)
        values = logits[coarse.slices].masked_fill(torch.from_numpy(~near).to(logits.device), -8.0)
        box, mask = to_study_grid(values, coarse.shifted(study.body.start), study.grid, study.canonical)
        return Mask.from_crop(
            structure,
            geometry.shape,
            geometry.from_canonical_box(box),
            geometry.from_canonical(np.ascontiguousarray(mask)),
            min(verdict.confidence, 1.0),
        )
