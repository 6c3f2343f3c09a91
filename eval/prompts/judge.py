"""One answer against the truth, stage by stage: intent, target, tool, mask, measure, text.

A stage is True, False, or None where the turn says nothing about it. Everything that is measured on the way is noted
under a name, "axis: metric": a bool is one of a share, a number one of a mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from assistant.answer import Answer, Finding
from encoders.geometry import Box
from encoders.segmenters.base import Mask
from eval import truth
from eval.prompts import boxes
from eval.prompts.cases import Turn
from eval.prompts.judged import TOLERANCES, UNITS, Judged, within
from eval.prompts.known import Item, Known
from eval.prompts.said import judge_text
from eval.prompts.scoring import stages as plan_stages
from eval.prompts.wanted import Expected, Wanted, expected
from eval.scans import other_side
from prompts.ontology import ontology

STAGES = ("intent", "target", "tool", "mask", "measure", "text", "all")
RECIST_KINDS = {"longest_diameter": "longest diameter, mm", "short_axis": "perpendicular, mm"}


def judge(
    turn: Turn,
    answer: Answer,
    scan: Known,
    tolerances: Mapping[str, float] | None = None,
    stale: Known | None = None,
) -> Judged:
    """Score the answer to one turn. stale: the study before this one, whose numbers must not come back."""
    allowed = TOLERANCES | dict(tolerances or {})
    want = expected(turn.expect["calls"], scan)
    calls = [call.to_dict() for call in answer.calls]
    cannot = {u["structure"] for result in answer.results for u in result.get("unsupported", ())}
    looked = [w for w in want.wanted if w.structure not in cannot]
    declined = bool(cannot) and not looked and answer.status == "clarify"
    status = turn.expect["status"] if declined and calls else answer.status
    planned = plan_stages(turn.expect, {"status": status, "calls": calls})
    done = Judged(dict.fromkeys(STAGES))
    done.stages["intent"] = planned["status"]
    done.stages["target"] = _all_of(planned, ("targets", "side", "region", "selector", "sizes"))
    done.stages["tool"] = _all_of(planned, ("tools", "measures", "nothing uncalled for"))
    for w in want.wanted:
        done.note("coverage: the model can look for it", w in looked)
    _Findings(done, answer, scan, allowed, want, looked).judge()
    judge_text(done, turn, answer, want, looked, scan, allowed)
    if turn.corrects:
        done.note("turns: correction taken up", bool(done.stages["target"]))
    if stale is not None:
        done.note(
            "turns: nothing of the study before", not _is_stale(turn, answer, want, expected(calls, stale))
        )
    done.stages["all"] = _all_of(done.stages, STAGES[:-1])
    return done


def _all_of(scores: Mapping[str, bool | None], names: Sequence[str]) -> bool | None:
    counted = [scores[name] for name in names if scores[name] is not None]
    return all(counted) if counted else None


class _Findings:
    """The findings of an answer against what is in the scan."""

    def __init__(
        self,
        done: Judged,
        answer: Answer,
        scan: Known,
        allowed: Mapping[str, float],
        want: Expected,
        looked: Sequence[Wanted],
    ) -> None:
        self.done, self.answer, self.scan, self.allowed = done, answer, scan, allowed
        self.want, self.looked = want, looked
        self.mask_right: list[bool] = []
        self.measure_right: list[bool] = []

    def judge(self) -> None:
        there = {id(w): self._best(w) for w in self.looked}
        for w in self.looked:
            if w.item is None:
                self._absent(w)
            else:
                self._present(w, w.item, there[id(w)])
        self._surplus([f for f in there.values() if f is not None])
        self._counts()
        self._distances()
        self.done.stages["mask"] = all(self.mask_right) if self.mask_right else None
        self.done.stages["measure"] = all(self.measure_right) if self.measure_right else None

    def _best(self, w: Wanted) -> Finding | None:
        """The finding that overlaps a wanted item most; for a structure that occurs once, its finding."""
        if w.item is None:
            return None
        own = [f for f in self.answer.findings if f.structure == w.structure and f.present]
        if ontology()[w.structure].kind != "lesion":
            return own[0] if own else None
        scored = [(boxes.dice(_mask(f), w.item.mask), f) for f in own]
        best = max(scored, key=lambda pair: pair[0], default=(0.0, None))
        return best[1] if best[0] > 0 else None

    # -- masks and boxes

    def _absent(self, w: Wanted) -> None:
        found = [f for f in self.answer.findings if f.structure == w.structure and f.present]
        numbers_ = [m for f in self.answer.findings if f.structure == w.structure for m in f.measurements]
        invented = bool(found) or bool(numbers_)
        self.done.note("absence: false positive", invented)
        if found:
            volume = sum(_mask(f).voxel_count for f in found) * self.scan.geometry.voxel_ml
            self.done.note("absence: false positive volume, ml", volume)
        self.mask_right.append(not found)
        self.measure_right.append(not numbers_)
        self.done.details.append({"structure": w.structure, "true": "absent", "found": bool(found)})

    def _present(self, w: Wanted, item: Item, finding: Finding | None) -> None:
        lesion = ontology()[w.structure].kind == "lesion"
        self.done.note("presence: found", finding is not None)
        if lesion:
            self.done.note("lesions: recall", finding is not None)
        score = boxes.dice(_mask(finding), item.mask) if finding else 0.0
        box = boxes.score(finding.box if finding else None, item, self.scan.geometry)
        for name, value in (("Dice", score), ("IoU", box.iou), ("hit at IoU 0.5", box.iou >= 0.5)):
            self.done.note(f"{'mask' if name == 'Dice' else 'box'}: {name}", value)
        if box.centre_mm is not None:
            self.done.note("box: centre error, mm", box.centre_mm)
            self.done.note("box: voxels and millimetres agree", box.conventions)
        right = finding is not None and score >= self.allowed["dice"] and box.iou >= self.allowed["iou"]
        self.mask_right.append(right and box.conventions)
        self._side(w, item, finding)
        detail: dict[str, Any] = {"structure": w.structure, "dice": round(score, 3), "iou": round(box.iou, 3)}
        self.done.details.append(detail | {"values": self._values(w, item, finding)})

    def _side(self, w: Wanted, item: Item, finding: Finding | None) -> None:
        """A side is swapped when the box lies nearer to the other side's true place than to its own."""
        others = self.scan.items(other_side(w.structure)) if ontology()[w.structure].side else ()
        if finding is None or finding.box is None or not others:
            return
        middle = boxes.centre(finding.box)
        gaps = [np.linalg.norm(middle - place.centre) for place in (item, others[0])]
        self.done.note("laterality: side swapped", bool(gaps[1] < gaps[0]))

    def _surplus(self, matched: Sequence[Finding]) -> None:
        """Lesions that were reported although no true one is there, or that the request did not mean."""
        for finding in self.answer.findings:
            if ontology()[finding.structure].kind != "lesion" or not finding.present:
                continue
            wanted = any(finding is m for m in matched)
            if any(w.structure == finding.structure and w.item is not None for w in self.looked):
                self.done.note("lesions: precision", wanted)
                self.mask_right.append(wanted)

    # -- numbers

    def _values(self, w: Wanted, item: Item, finding: Finding | None) -> list[dict[str, Any]]:
        """Every wanted measure, and every other that was given, against the truth."""
        given = {m.kind: m for m in finding.measurements} if finding else {}
        listed = []
        for kind in dict.fromkeys((*w.kinds, *given)):
            true = item.value(kind)
            measured = given.get(kind)
            if kind in w.kinds:
                self.done.note("measurement: given when asked for", measured is not None)
                if measured is None:
                    self.measure_right.append(False)
            if measured is None or true is None:
                listed.append({"kind": kind, "true": true, "got": measured.value if measured else None})
                continue
            unit = UNITS.get(kind, "mm")
            self.done.note("measurement: wrong unit", measured.unit != unit)
            error = float(measured.value) - true
            listed.append(
                {"kind": kind, "true": round(true, 3), "got": round(float(measured.value), 3), "unit": unit}
            )
            self.measure_right.append(measured.unit == unit and within(error, true, unit, self.allowed))
            self._errors(kind, unit, error, true)
            if kind == "longest_diameter" and item.part is not None and measured.slice_k is not None:
                self._slice(item, measured.slice_k)
        return listed

    def _errors(self, kind: str, unit: str, error: float, true: float) -> None:
        note, share = self.done.note, abs(error) / abs(true) if true else float(bool(error))
        if unit == "HU":
            note("measurement: density error, HU", abs(error))
        elif unit == "ml":
            note("measurement: volume error, %", 100 * share)
            note("measurement: volume bias, %", 100 * error / true)
            note("measurement: volume within 5 %", share <= 0.05)
            note("measurement: volume within 10 %", share <= 0.10)
        else:
            note("measurement: length error, mm", abs(error))
            note("measurement: length bias, mm", error)
            note("measurement: length within 1 mm", abs(error) <= 1.0)
            note("measurement: length within 5 %", share <= 0.05)
            note("measurement: length within 10 %", share <= 0.10)
        if kind in RECIST_KINDS:
            note(f"RECIST: {RECIST_KINDS[kind]}", abs(error))

    def _slice(self, item: Item, slice_k: int) -> None:
        assert item.part is not None
        off = abs(slice_k - truth.best_slice(item.part, self.scan.geometry))
        self.done.note("RECIST: slice off by", off)
        self.done.note("RECIST: right slice", off <= self.allowed["slices"])

    def _counts(self) -> None:
        for structure, true in self.want.counts.items():
            if not any(w.structure == structure for w in self.looked):
                continue
            own = [f for f in self.answer.findings if f.structure == structure]
            said = next((f.value("count") for f in own if f.value("count") is not None), None)
            count = said if said is not None else float(sum(f.present for f in own))
            self.done.note("lesions: right count", count == true)
            self.measure_right.append(count == true)
            self.done.details.append({"structure": structure, "count": true, "got": count})

    def _distances(self) -> None:
        given = {
            frozenset(item["structures"]): float(item["value"])
            for result in self.answer.results
            for item in result.get("distances", ())
            if "value" in item
        }
        for pair, true in self.want.distances.items():
            got = given.get(frozenset(pair))
            self.done.note("measurement: given when asked for", got is not None)
            self.done.details.append({"distance": list(pair), "true": round(true, 3), "got": got})
            self.measure_right.append(got is not None and within(got - true, true, "mm", self.allowed))
            if got is not None:
                self._errors("distance", "mm", got - true, true)


def _mask(finding: Finding) -> Mask:
    if finding.box is None or finding.voxels is None:
        return Mask.absent(finding.structure, finding.shape, 0.0)
    return Mask(finding.structure, finding.shape, Box(*finding.box.voxel), finding.voxels, finding.confidence)


def _is_stale(turn: Turn, answer: Answer, want: Expected, before: Expected) -> bool:
    """The answer acts where nothing of the new study was named, or gives a number that was true of the old one."""
    if not turn.expect["calls"]:
        return bool(answer.calls)
    now = {(w.structure, k): w.item.value(k) for w in want.wanted if w.item for k in (*w.kinds, "volume")}
    old = {(w.structure, k): w.item.value(k) for w in before.wanted if w.item for k in (*w.kinds, "volume")}
    for finding in answer.findings:
        for m in finding.measurements:
            was, true = old.get((finding.structure, m.kind)), now.get((finding.structure, m.kind))
            far = true is None or (was is not None and abs(was - true) > 0.1 * abs(was))
            if was is not None and far and abs(float(m.value) - was) <= 0.05 * abs(was):
                return True
    return False
