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

if TYPE_CHECKING:
    from torch import Tensor

    from encoders.detail import FineStudy
    from encoders.inference import StudyFeatures
    from encoders.segmenters.found import Found
    from encoders.segmenters.hearing import Hearing
    from encoders.segmenters.lesions import Candidates, Rule
    from encoders.segmenters.passes import Pass
    from encoders.universal import UniversalModel

WEIGHTS = Path(str(files("encoders").joinpath("weights", "embedded.safetensors")))
CLOSER = (WEIGHTS.with_name("detail.safetensors"),)
TEXT = WEIGHTS.with_name("text.safetensors")
PASSES = ("first", "second", "third")
"""What the registries call the passes."""
QUALITY = Path(str(files("encoders").joinpath("weights", "quality.json")))


@dataclass(eq=False)
class _Kept:
    """What was computed of a study."""

    features: StudyFeatures
    fine: dict[float, FineStudy] = field(default_factory=dict)  # by voxel size
    levels: dict[str, Mask] = field(default_factory=dict)  # of the vertebrae, once they were counted


class EmbeddedSegmenter:
    """The text-conditioned universal model with the project's own weights, in passes.

    The first pass reads the whole trunk; its features of the last studies are kept, so that a second question decodes
    only the new classes. They go with their volume: those of a study that was closed are in memory no more. The
    closer, finer passes look again near what the first one found.

    Args:
        weights: another file written by training; default: the embedded one.
        closer: weights of the passes after it, trained after `weights`. A structure is drawn by the last pass that
            knows it, unless `detail.yaml` leaves it to an earlier one.
        studies_kept: how many studies' features stay in memory (about half a gigabyte each).
    """

    def __init__(
        self, weights: Path = WEIGHTS, closer: Sequence[Path] = CLOSER, studies_kept: int = 1
    ) -> None:
        if len(closer) >= len(PASSES):
            raise BodyMapsError(f"too many weights: at most {len(PASSES) - 1} passes come after the first")
        self._paths = (weights, *closer)
        self._shipped = self._paths == (WEIGHTS, *CLOSER)
        self.name = "embedded" if self._shipped else "+".join(path.stem for path in self._paths)
        self._kept: WeakKeyDictionary[Volume, _Kept] = WeakKeyDictionary()
        self._studies_kept = studies_kept

    @cached_property
    def _records(self) -> dict[str, Any]:
        """What was measured of the embedded weights; nothing is known of others."""
        return json.loads(QUALITY.read_text()) if self._shipped and QUALITY.exists() else {}

    @property
    def _measured(self) -> dict[str, dict]:
        return self._records.get("structures", {})

    @cached_property
    def passes(self) -> tuple[Pass, ...]:
        """The networks on the chosen device, loaded at first use, first to last.

        With each goes what its logits are divided by before they count as probabilities, see `eval.calibration`.
        """
        from encoders.checkpoints import load_model
        from encoders.device import device
        from encoders.segmenters.passes import Pass

        heat = self._records.get("calibration", {})
        return tuple(
            Pass(load_model(path).to(device()), heat.get(name, {}).get("temperature", 1.0))
            for path, name in zip(self._paths, PASSES, strict=False)
        )

    @property
    def model(self) -> UniversalModel:
        """The network of the first pass."""
        return self.passes[0].model

    @cached_property
    def drawn(self) -> dict[str, int]:
        """The structures, and which pass draws each."""
        from encoders.checkpoints import read_config
        from encoders.detail import settings

        known = [read_config(path)[0].structures for path in self._paths]
        drawn = {s: n for n, names in enumerate(known) for s in names}
        for n, name in enumerate(PASSES[: len(known)]):
            stay = settings()["stay"].get(name, ())
            drawn |= {s: n for s in stay if s in known[n] and drawn[s] > n}
        return drawn

    @cached_property
    def _first(self) -> tuple[str, ...]:
        """The structures of the first pass; lesions that a later one knows are left to it."""
        from encoders.checkpoints import read_config

        known = read_config(self._paths[0])[0].structures
        return tuple(s for s in known if not self.drawn[s] or not host_organs(s, known))

    def _row(self, structure: str) -> Tensor:
        """(text_dim,) unit-length embedding of a known structure."""
        number = 0 if structure in self._first else self.drawn[structure]
        return self.passes[number].model.embeddings([structure])[0]

    @cached_property
    def hearing(self) -> Hearing:
        """Words to structures, by the text encoder that was tuned to this model's class embeddings."""
        from encoders.segmenters.hearing import Hearing
        from encoders.text.embedded import EmbeddedTextEncoder

        if not TEXT.exists():
            raise BodyMapsError(
                "the embedded text encoder is not in this installation: ask by a structure's id"
            )
        return Hearing(EmbeddedTextEncoder.load(TEXT), {s: self._row(s) for s in self.drawn}, self._counted)

    def nearest(self, phrase: str) -> tuple[str, float]:
        """As `Hearing.nearest`."""
        return self.hearing.nearest(phrase)

    @cached_property
    def _counted(self) -> tuple[str, ...]:
        """The vertebral levels, when the model can count them."""
        return levels.names() if {levels.GROUP, levels.ANCHOR} <= set(self.drawn) else ()

    def segment_phrase(self, volume: Volume, phrase: str, progress: Progress | None = None) -> Mask:
        """As `segment_phrases`, for one phrase."""
        return self.segment_phrases(volume, [phrase], progress)[phrase]

    def segment_phrases(
        self,
        volume: Volume,
        phrases: Sequence[str],
        progress: Progress | None = None,
        meant: float | None = None,
    ) -> dict[str, Mask]:
        """The masks of any phrases, all drawn from one reading of each window.

        A phrase at least as near as `meant` (default: `hearing.MEANT`) to a known structure is a name of it, perhaps
        misspelt, and has the mask of `segment`; any other is drawn by its own text embedding. The anatomy checks, the
        place of a closer pass and the rivals are those of the nearest known structure, whose id the mask carries; the
        confidence is scaled by how near the phrase is to it. Vertebral levels are counted, not drawn from words.
        """
        from encoders.segmenters.hearing import MEANT

        least = MEANT if meant is None else meant
        heard: dict[str, tuple[Asked, float]] = {}
        for phrase in phrases:
            structure, similarity = self.hearing.nearest(phrase)
            own = similarity < least and structure in self.drawn
            asked = Asked(structure, self.hearing.words(phrase) if own else "")
            heard[phrase] = asked, min(max(similarity, 0.0), 1.0)
        masks = self._masks(volume, [asked for asked, _ in heard.values()], progress)
        return {
            phrase: dataclasses.replace(masks[asked], confidence=masks[asked].confidence * near)
            for phrase, (asked, near) in heard.items()
        }

    def supported(self) -> frozenset[str]:
        if self._measured:
            return frozenset(s for s, entry in self._measured.items() if entry["level"] != "unsupported")
        return frozenset([*self.drawn, *self._counted])

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

    def _fine(self, volume: Volume, kept: _Kept, spacing: float) -> FineStudy:
        from encoders.detail import FineStudy

        if spacing not in kept.fine:
            kept.fine[spacing] = FineStudy.of(volume, kept.features, spacing)
        return kept.fine[spacing]

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
        drawn = list(dict.fromkeys(a for a in asked if a.structure in self.drawn))
        counted = [a for a in asked if a.structure not in self.drawn]
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
        return self.hearing.encoder.encode([asked.phrase])[0].to(self.model.class_embedding.device)

    def _find(
        self, volume: Volume, wanted: Sequence[Asked], progress: Progress | None
    ) -> tuple[_Kept, dict[Asked, Found], dict[Asked, Found]]:
        """What is kept of the study, the first pass, and the best of both passes."""
        from encoders.detail import places_of
        from encoders.segmenters.passes import closer_pass, first_pass

        again = [a for a in wanted if self.drawn[a.structure]]
        middle = 0.5 if again else 0.8
        kept = self._study(volume, part_of(progress, 0.0, middle))
        before = middle + 0.1 if again else 1.0
        # where a closer pass looks, and what holds a lesion, is asked for in the model's own words
        organs = [Asked(h) for a in wanted for h in host_organs(a.structure, self._first)]
        organs += [Asked(p) for a in again for p in places_of(a.structure, self._first)]
        places = [Asked(a.structure) if a in again else a for a in wanted]
        rows = {a: self._text(a) for a in [*organs, *places] if a.structure in self._first}
        first = first_pass(self.passes[0], kept.features, rows, part_of(progress, middle, before))
        found = dict(first)
        step = (1 - before) / max(len(self.passes) - 1, 1)
        for number, own in enumerate(self.passes[1:], start=1):
            mine = {a: self._text(a) for a in again if self.drawn[a.structure] == number}
            if mine:
                low = before + (number - 1) * step
                report = part_of(progress, low, low + step)
                fine = self._fine(volume, kept, own.model.config.spacing_mm)
                found |= closer_pass(own, kept.features, fine, mine, first, self._rules, report)
        if progress and again:
            progress(1.0, "looking closer")
        return kept, first, found

    @cached_property
    def _rules(self) -> dict[str, Rule]:
        """What counts as a lesion, by its id, where that was chosen on data (`bodymaps eval quality`)."""
        from encoders.segmenters.lesions import Rule

        return {lesion: Rule(**entry) for lesion, entry in self._records.get("lesions", {}).items()}

    def candidates(self, volume: Volume, lesions: Sequence[str]) -> dict[str, Candidates]:
        """All that a closer pass says about some lesions, before a rule chooses among it; {} where no organ is."""
        from encoders.segmenters.lesions import look
        from encoders.segmenters.passes import first_pass

        kept = self._study(volume, None)
        hosts = {h: self._row(h) for x in lesions for h in host_organs(x, self._first)}
        first = first_pass(self.passes[0], kept.features, {Asked(h): row for h, row in hosts.items()})
        seen: dict[str, Candidates] = {}
        for lesion in lesions:
            own = self.passes[self.drawn[lesion]]
            fine = self._fine(volume, kept, own.model.config.spacing_mm)
            found = look(own.model, kept.features, fine, {Asked(lesion): self._row(lesion)}, first)
            if found is not None:
                seen[lesion] = found
        return seen

    def _count(
        self, volume: Volume, kept: _Kept, first: dict[Asked, Found], found: dict[Asked, Found]
    ) -> dict[str, Mask]:
        """Every vertebral level; all absent, unsure, when they cannot be counted."""
        from encoders.segmenters.passes import count_levels

        group = first[Asked(levels.GROUP)]
        number = self.drawn[levels.GROUP]
        closer = found[Asked(levels.GROUP)] if number else None
        fine = self._fine(volume, kept, self.passes[number or -1].model.config.spacing_mm)
        parts = count_levels(group, first[Asked(levels.ANCHOR)], kept.features, fine, closer)
        doubt = group.verdict.confidence if parts else 0.0
        return {
            name: parts[name].on_study(name, volume)
            if name in parts
            else Mask.absent(name, volume.shape, doubt)
            for name in levels.names()
        }
