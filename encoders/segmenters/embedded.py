"""The model that ships with the project."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from encoders import levels
from encoders.errors import BodyMapsError
from encoders.postprocess import host_organs
from encoders.segmenters.base import Asked, Detection, Mask, Progress, Quality, part_of
from encoders.volume import Volume
from prompts.anatomy import anatomical
from prompts.ontology import normalise, ontology

if TYPE_CHECKING:
    from torch import Tensor

    from encoders.detail import FineStudy
    from encoders.inference import StudyFeatures
    from encoders.segmenters.passes import Found

WEIGHTS = Path(str(files("encoders").joinpath("weights", "embedded.safetensors")))
DETAIL = WEIGHTS.with_name("detail.safetensors")
TEXT = WEIGHTS.with_name("text.safetensors")
MEANT = 0.75
"""Cosine from which on a phrase means its nearest structure: 99.5 % of 7,986 misspelt names of known structures reach
it, and none of 3,034 names of unknown ones."""
QUALITY = Path(str(files("encoders").joinpath("weights", "quality.json")))


@dataclass(eq=False)
class _Kept:
    """What was computed of a study."""

    features: StudyFeatures
    fine: FineStudy | None = None
    levels: dict[str, Mask] = field(default_factory=dict)  # of the vertebrae, once they were counted


class EmbeddedSegmenter:
    """The text-conditioned universal model with the project's own weights, in two passes.

    The first pass reads the whole trunk; its features of the last studies are kept, so that a second question decodes
    only the new classes. They go with their volume: those of a study that was closed are in memory no more. The
    second, finer pass looks again near what the first one found.

    Args:
        weights: another file written by training; default: the embedded one.
        detail: weights of the second pass, trained after `weights`; None for none.
        studies_kept: how many studies' features stay in memory (about half a gigabyte each).
    """

    def __init__(self, weights: Path = WEIGHTS, detail: Path | None = DETAIL, studies_kept: int = 1) -> None:
        self.name = "embedded" if (weights, detail) == (WEIGHTS, DETAIL) else weights.stem
        self._path, self._detail_path = weights, detail
        self._kept: WeakKeyDictionary[Volume, _Kept] = WeakKeyDictionary()
        self._studies_kept = studies_kept

    @cached_property
    def _records(self) -> dict[str, Any]:
        """What was measured of the embedded weights; nothing is known of others."""
        return json.loads(QUALITY.read_text()) if self.name == "embedded" and QUALITY.exists() else {}

    @property
    def _measured(self) -> dict[str, dict]:
        return self._records.get("structures", {})

    def _temperature(self, which: str) -> float:
        """What a pass's logits are divided by before they count as probabilities, see `eval.calibration`."""
        return self._records.get("calibration", {}).get(which, {}).get("temperature", 1.0)

    @cached_property
    def _first(self) -> tuple[str, ...]:
        """The structures of the first pass; lesions that the second one knows are left to it."""
        from encoders.checkpoints import read_config

        known = read_config(self._path)[0].structures
        return tuple(s for s in known if s not in self.refined or not host_organs(s, known))

    @cached_property
    def refined(self) -> tuple[str, ...]:
        """The structures that the second pass draws."""
        from encoders.checkpoints import read_config
        from encoders.detail import settings

        if self._detail_path is None:
            return ()
        stay = settings()["first"]
        return tuple(s for s in read_config(self._detail_path)[0].structures if s not in stay)

    @cached_property
    def _trained(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys([*self._first, *self.refined]))

    def _row(self, structure: str) -> Tensor:
        """(text_dim,) unit-length embedding of a known structure."""
        model = self.model if structure in self._first else self.detail
        return model.embeddings([structure])[0]

    @cached_property
    def model(self):
        """The network on the chosen device, loaded at first use."""
        from encoders.checkpoints import load_model
        from encoders.device import device

        return load_model(self._path).to(device())

    @cached_property
    def detail(self):
        """The network of the second pass, None when there is none."""
        from encoders.checkpoints import load_model
        from encoders.device import device

        return load_model(self._detail_path).to(device()) if self._detail_path else None

    @cached_property
    def text_encoder(self):
        """The text encoder that was tuned to this model's class embeddings."""
        from encoders.text.embedded import EmbeddedTextEncoder

        if not TEXT.exists():
            raise BodyMapsError(
                "the embedded text encoder is not in this installation: ask by a structure's id"
            )
        return EmbeddedTextEncoder.load(TEXT)

    @cached_property
    def _counted(self) -> tuple[str, ...]:
        """The vertebral levels, when the model can count them."""
        return levels.names() if {levels.GROUP, levels.ANCHOR} <= set(self._trained) else ()

    @cached_property
    def _named(self) -> dict[str, str]:
        """The words of every name of a known structure -> its id; a name of several belongs to the first."""
        known = [s for s in ontology() if s in (*self._trained, *self._counted)]
        named: dict[str, str] = {}
        for place in range(1 + max(len(ontology()[s].synonyms) for s in known)):  # names before synonyms
            for s in known:
                for name in ontology().names(s)[place : place + 1]:
                    named.setdefault(anatomical(name), s)
        return {anatomical(s): s for s in known} | named

    @cached_property
    def _landmarks(self) -> tuple[list[str], Tensor]:
        """Known ids, and the unit-length embeddings (n, text_dim) of their classes and of their names."""
        import torch

        rows = torch.stack([self._row(s).cpu() for s in self._trained])
        names = self.text_encoder.encode(list(self._named))
        return [*self._trained, *self._named.values()], torch.cat([rows, names])

    def _heard(self, phrase: str) -> str:
        """The anatomical words of a phrase; every word when it is the name of a structure that is not known."""
        named = ontology().exact(phrase)
        other = named and set(named).isdisjoint(self._named.values())
        return normalise(phrase) if other else anatomical(phrase)

    def nearest(self, phrase: str) -> tuple[str, float]:
        """The known structure whose class or name is closest to a phrase's anatomical words, and the cosine.

        The cosine is 1 for a known name only.
        """
        words = self._heard(phrase)
        if words in self._named:
            return self._named[words], 1.0
        ids, landmarks = self._landmarks
        similarity = (self.text_encoder.encode([words]) @ landmarks.T)[0]
        best = int(similarity.argmax())
        return ids[best], min(float(similarity[best]), 1 - 1e-6)

    def segment_phrase(self, volume: Volume, phrase: str, progress: Progress | None = None) -> Mask:
        """As `segment_phrases`, for one phrase."""
        return self.segment_phrases(volume, [phrase], progress)[phrase]

    def segment_phrases(
        self,
        volume: Volume,
        phrases: Sequence[str],
        progress: Progress | None = None,
        meant: float = MEANT,
    ) -> dict[str, Mask]:
        """The masks of any phrases, all drawn from one reading of each window.

        A phrase at least as near as `meant` to a known structure is a name of it, perhaps misspelt, and has the mask of
        `segment`; any other is drawn by its own text embedding. The anatomy checks, the place of the second pass and
        the rivals are those of the nearest known structure, whose id the mask carries; the confidence is scaled by how
        near the phrase is to it. Vertebral levels are counted, not drawn from words.
        """
        heard: dict[str, tuple[Asked, float]] = {}
        for phrase in phrases:
            structure, similarity = self.nearest(phrase)
            own = similarity < meant and structure in self._trained
            asked = Asked(structure, self._heard(phrase) if own else "")
            heard[phrase] = asked, min(max(similarity, 0.0), 1.0)
        masks = self._masks(volume, [asked for asked, _ in heard.values()], progress)
        return {
            phrase: dataclasses.replace(masks[asked], confidence=masks[asked].confidence * near)
            for phrase, (asked, near) in heard.items()
        }

    def supported(self) -> frozenset[str]:
        if self._measured:
            return frozenset(s for s, entry in self._measured.items() if entry["level"] != "unsupported")
        return frozenset([*self._trained, *self._counted])

    def quality(self, structure: str) -> Quality:
        entry = self._measured.get(structure)
        if entry is None:
            return Quality("experimental" if structure in self.supported() else "unsupported")
        detection = Detection(**entry["detection"]) if entry.get("detection") else None
        return Quality(
            entry["level"], entry.get("dice"), entry.get("cases", 0), entry.get("note", ""), detection
        )

    def _study(self, volume: Volume, progress: Progress | None) -> _Kept:
        """What is kept of a study; its features are computed at the first question."""
        from encoders.inference import extract_features

        kept = self._kept.pop(volume, None)
        if kept is None:
            kept = _Kept(extract_features(self.model, volume, progress=progress))
        for old in list(self._kept)[: len(self._kept) + 1 - self._studies_kept]:
            self._kept.pop(old, None)
        self._kept[volume] = kept
        return kept

    def _fine(self, volume: Volume, kept: _Kept) -> FineStudy:
        from encoders.detail import FineStudy

        assert self.detail is not None
        if kept.fine is None:
            kept.fine = FineStudy.of(volume, kept.features, self.detail.config.spacing_mm)
        return kept.fine

    def segment(
        self, volume: Volume, structures: Sequence[str], progress: Progress | None = None
    ) -> dict[str, Mask]:
        """Masks of supported structures on the volume's own grid.

        Raises BodyMapsError for a structure outside `supported()`.
        """
        unknown = [s for s in structures if s not in self.supported()]
        if unknown:
            raise BodyMapsError(f"the model '{self.name}' cannot segment {', '.join(unknown)}")
        masks = self._masks(volume, [Asked(s) for s in structures], progress)
        return {s: masks[Asked(s)] for s in structures}

    def logits(self, volume: Volume, structures: Sequence[str]) -> dict[str, Found]:
        """The last pass of each trained structure on its own grid, before it goes to the study's."""
        found = self._find(volume, [Asked(s) for s in structures], None)[2]
        return {s: found[Asked(s)] for s in structures}

    def _masks(self, volume: Volume, asked: Sequence[Asked], progress: Progress | None) -> dict[Asked, Mask]:
        drawn = list(dict.fromkeys(a for a in asked if a.structure in self._trained))
        counted = [a for a in asked if a.structure not in self._trained]
        known = self._kept.get(volume)
        count = bool(counted) and not (known and known.levels)
        needed = [Asked(levels.GROUP), Asked(levels.ANCHOR)] if count else []
        masks: dict[Asked, Mask] = {}
        if wanted := list(dict.fromkeys([*drawn, *needed])):
            known, first, found = self._find(volume, wanted, progress)
            masks = {a: found[a].on_study(a.structure, volume) for a in drawn}
            if count:
                known.levels = self._count(volume, known, first, found)
        return masks | ({a: known.levels[a.structure] for a in counted} if known else {})

    def _text(self, asked: Asked) -> Tensor:
        """(text_dim,) the unit-length embedding that something is drawn by."""
        if not asked.phrase:
            return self._row(asked.structure)
        return self.text_encoder.encode([asked.phrase])[0].to(self.model.class_embedding.device)

    def _find(
        self, volume: Volume, wanted: Sequence[Asked], progress: Progress | None
    ) -> tuple[_Kept, dict[Asked, Found], dict[Asked, Found]]:
        """What is kept of the study, the first pass, and the best of both passes."""
        from encoders.segmenters.passes import Pass, first_pass, second_pass

        refined = [a for a in wanted if a.structure in self.refined]
        middle = 0.5 if refined else 0.8
        kept = self._study(volume, part_of(progress, 0.0, middle))
        before = middle + 0.1 if refined else 1.0
        # where the second pass looks, and what holds a lesion, is asked for in the model's own words
        organs = [Asked(h) for a in wanted for h in host_organs(a.structure, self._first)]
        places = [Asked(a.structure) if a in refined else a for a in wanted]
        rows = {a: self._text(a) for a in [*organs, *places] if a.structure in self._first}
        coarse = Pass(self.model, self._temperature("first"))
        first = first_pass(coarse, kept.features, rows, part_of(progress, middle, before))
        if not refined:
            return kept, first, first
        fine = Pass(self.detail, self._temperature("second"))
        again = {a: self._text(a) for a in refined}
        report = part_of(progress, before, 1.0)
        second = second_pass(fine, kept.features, self._fine(volume, kept), again, first, report)
        return kept, first, first | second

    def _count(
        self, volume: Volume, kept: _Kept, first: dict[Asked, Found], found: dict[Asked, Found]
    ) -> dict[str, Mask]:
        """Every vertebral level; all absent, unsure, when they cannot be counted."""
        from encoders.segmenters.passes import count_levels

        group = first[Asked(levels.GROUP)]
        closer = found[Asked(levels.GROUP)] if levels.GROUP in self.refined else None
        parts = count_levels(group, first[Asked(levels.ANCHOR)], kept.features, kept.fine, closer)
        doubt = group.verdict.confidence if parts else 0.0
        return {
            name: parts[name].on_study(name, volume)
            if name in parts
            else Mask.absent(name, volume.shape, doubt)
            for name in levels.names()
        }
