"""Suites with answers: each conversation is held with the whole agent on its scan, and every answer is judged."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from assistant.answer import Answer
from encoders.errors import BodyMapsError
from encoders.segmenters.base import Mask, Progress, Quality, Segmenter
from encoders.volume import Volume
from eval.oracle import Oracle
from eval.prompts.cases import Case, Suite, Turn
from eval.prompts.judge import STAGES, judge
from eval.prompts.judged import Judged
from eval.prompts.known import DEMO, Known, Phantom, known
from eval.scans import known_structures, other_side

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel

    from assistant.study import Study

Told = Callable[[int], object]
MIRROR_MM = 0.01


@dataclass(frozen=True)
class Answered:
    """One turn with its score. error: why there was no answer; such a turn is wrong at every stage."""

    suite: str
    case: Case
    turn: Turn
    number: int
    judged: Judged
    answer: Answer | None
    seconds: float
    error: str = ""

    def to_dict(self) -> dict[str, Any]:
        answer = self.answer
        return {
            "suite": self.suite,
            "case": self.case.id,
            "turn": self.number + 1,
            "scan": self.turn.scan or self.case.scan,
            "user": self.turn.user,
            "expect": self.turn.expect,
            "status": answer.status if answer else "",
            "calls": [call.to_dict() for call in answer.calls] if answer else [],
            "text": answer.text if answer else "",
            "warnings": list(answer.warnings) if answer else [],
            "stages": self.judged.stages,
            "truth": self.judged.details,
            "unfounded": self.judged.unfounded,
            "seconds": round(self.seconds, 3),
            "error": self.error,
        }


class Watched:
    """A segmenter that keeps what it was asked for and what it found, so that a second run sees what was repeated.

    memory: masks by structure, kept over conversations about one scan; None: the segmenter runs each time.
    """

    def __init__(self, inner: Segmenter, memory: dict[str, Mask] | None = None) -> None:
        self.inner, self.memory = inner, memory
        self.name = inner.name
        self.asked: list[str] = []

    def supported(self) -> frozenset[str]:
        return self.inner.supported()

    def quality(self, structure: str) -> Quality:
        return self.inner.quality(structure)

    def segment(
        self, volume: Volume, structures: Sequence[str], progress: Progress | None = None
    ) -> dict[str, Mask]:
        self.asked += structures
        kept = self.memory if self.memory is not None else {}
        missing = [s for s in structures if s not in kept]
        if missing:
            kept |= self.inner.segment(volume, missing, progress)
        return {s: kept[s] for s in structures}

    @property
    def repeats(self) -> int:
        return len(self.asked) - len(set(self.asked))


class Stand:
    """What conversations are held with: scans opened from files, and a segmenter for each.

    segmenter: a spec or a Segmenter for every scan; None for the perfect one, which knows the phantom's solids.
    """

    def __init__(
        self, llm: str | BaseChatModel | None = None, segmenter: str | Segmenter | None = None
    ) -> None:
        from assistant.agent import chat_model

        self.llm = None if llm is None else chat_model(llm)
        self._spec = segmenter
        self._folder = tempfile.TemporaryDirectory(prefix="bodymaps-eval-")
        self._studies: dict[str, Study] = {}
        self._masks: dict[str, dict[str, Mask]] = {}

    def runs(self, case: Case) -> bool:
        """Whether a case can be run: it names a scan, and the perfect segmenter knows nothing of the demo CT."""
        scans = {case.scan, *(turn.scan for turn in case.turns if turn.scan)}
        return None not in scans and (self._spec is not None or DEMO not in scans)

    def study(self, scan: Known) -> Study:
        from assistant.study import open_study

        if scan.name not in self._studies:
            self._studies[scan.name] = open_study(scan.open(Path(self._folder.name)))
        return self._studies[scan.name]

    def segmenter(self, scan: Known) -> Watched:
        if isinstance(scan, Phantom) and self._spec is None:
            solids: dict[str, Any] = {}
            for part in scan.scan.parts:
                solids.setdefault(part.structure, []).append(part.solid)
            oracle = Oracle(solids, frozenset(known_structures() - set(solids)), confidence=0.95)
            return Watched(oracle, self._masks.setdefault(scan.name, {}))
        return Watched(self._model, self._masks.setdefault(scan.name, {}))

    @cached_property
    def _model(self) -> Segmenter:
        from encoders.segmenters.registry import load

        assert self._spec is not None
        return load(self._spec) if isinstance(self._spec, str) else self._spec

    def close(self) -> None:
        self._folder.cleanup()


def converse(stand: Stand, suite: Suite, case: Case) -> Iterator[Answered]:
    """Hold one conversation; a turn with a scan of its own opens that study, as a user would."""
    from assistant.session import Assistant

    session: Any = None
    scan: Known | None = None
    stale: Known | None = None
    for number, turn in enumerate(case.turns):
        name = turn.scan or (case.scan if session is None else None)
        if name is not None:
            stale, scan = scan, known(name)
            watched = stand.segmenter(scan)
            session = Assistant(stand.llm, watched).open(stand.study(scan))
        assert scan is not None
        error, answer, started = "", None, time.perf_counter()
        try:
            answer = session.ask(turn.user)
        except BodyMapsError as problem:
            error = str(problem)
        except Exception as problem:  # whatever a language model comes up with
            error = f"{type(problem).__name__}: {problem}"
        seconds = answer.seconds if answer else time.perf_counter() - started
        if answer is None:
            judged = Judged(dict.fromkeys(STAGES, False))
        else:
            judged = judge(turn, answer, scan, suite.header.get("tolerances"), stale)
        judged.note(f"latency: {'first answer' if number == 0 else 'follow-up'}, s", seconds)
        if number == len(case.turns) - 1 and len(case.turns) > 1:
            judged.note("turns: masks computed twice", watched.repeats)
        yield Answered(suite.name, case, turn, number, judged, answer, seconds, error)


def hold(stand: Stand, suites: Sequence[Suite], told: Told | None = None) -> list[Answered]:
    """Every conversation that names a scan, the mirrored ones compared."""
    turns: list[Answered] = []
    for suite in suites:
        for case in suite.cases:
            if stand.runs(case):
                turns += converse(stand, suite, case)
            if told:
                told(1)
    _mirrors(turns)
    return turns


def _mirrors(turns: Sequence[Answered]) -> None:
    """Note of every turn of a mirrored case whether its findings are the mirror image of the original's."""
    by_case = {(t.case.id, t.number): t for t in turns}
    for turn in turns:
        original = by_case.get((turn.case.mirror or "", turn.number))
        if original is None or original.answer is None or turn.answer is None:
            continue
        turn.judged.note(
            "laterality: mirrored study, mirrored answer", mirrored(original.answer, turn.answer)
        )


def mirrored(answer: Answer, image: Answer) -> bool:
    """Whether an answer is the mirror image of another in x: sides exchanged, boxes reflected, numbers equal."""

    def summary(of: Answer, sign: int) -> list[Any]:
        rows: list[Any] = []
        for f in of.findings:
            if f.box is None:
                rows.append((f.structure if sign > 0 else other_side(f.structure), False, [], []))
                continue
            (x0, y0, z0), (x1, y1, z1) = f.box.world_mm
            low, high = sorted((sign * x0, sign * x1))
            name = f.structure if sign > 0 else other_side(f.structure)
            values = [v for m in f.measurements for v in [float(m.value)] if m.kind != "distance"]
            rows.append((name, True, [low, high, y0, y1, z0, z1], values))
        return sorted(rows)

    one, other = summary(answer, 1), summary(image, -1)
    return len(one) == len(other) and all(
        a[:2] == b[:2]
        and len(a[3]) == len(b[3])
        and np.allclose(a[2], b[2], atol=MIRROR_MM)
        and np.allclose(a[3], b[3], rtol=1e-3)
        for a, b in zip(one, other, strict=True)
    )
