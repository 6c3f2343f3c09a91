"""The text of an answer: nothing invented, every wanted number said, what is absent or cut off said in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import yaml

from assistant.answer import Answer
from eval import truth
from eval.prompts.cases import Turn
from eval.prompts.judged import UNITS, Judged, within
from eval.prompts.known import Known
from eval.prompts.numbers import numbers, unfounded
from eval.prompts.wanted import Expected, Wanted
from prompts.ontology import normalise, ontology


@cache
def _words() -> dict[str, list[str]]:
    return yaml.safe_load(Path(__file__).with_name("words.yaml").read_text("utf-8"))


def judge_text(
    done: Judged,
    turn: Turn,
    answer: Answer,
    want: Expected,
    looked: Sequence[Wanted],
    scan: Known,
    allowed: Mapping[str, float],
) -> None:
    """Nothing invented, every wanted number said, absence and what is cut off said in words."""
    text, lower = answer.text, answer.text.lower()
    done.unfounded = unfounded(text, answer.results, turn.user)
    said = len(numbers(text))
    if said:
        done.note("faithfulness: numbers without a source", len(done.unfounded) / said)
    done.note("faithfulness: no invented number", not done.unfounded)
    right = [not done.unfounded, bool(text.strip())]
    right += [phrase.lower() in lower for phrase in turn.say]
    right += [phrase.lower() not in lower for phrase in turn.never]
    right += [_says_value(done, w, kind, text, looked, allowed) for w in looked for kind in w.kinds if w.item]
    right += [_says_distance(done, true, text, allowed) for true in want.distances.values()] if looked else []
    for w in looked:
        lines = about(w.structure, text, alone=len({x.structure for x in looked}) == 1)
        if w.item is None:
            says = any(_has(line, "absent") for line in lines)
            done.note("absence: said in words", says)
            right.append(says)
        elif w.item.cut:
            heard = [*lines, *about(w.structure, "\n".join(answer.warnings), alone=False)]
            flagged = any(_has(line, "cut_off") for line in heard)
            done.note("field of view: cut off is flagged", flagged)
            done.note(
                "field of view: zero is reported",
                any(n.value == 0 and n.unit == "ml" for n in numbers("\n".join(lines))),
            )
            right.append(flagged)
        elif "longest_diameter" in w.kinds:
            right.append(_says_measurable(done, w, lines, scan))
    if looked and not any(w.item is not None and w.item.cut for w in looked):
        done.note("field of view: whole is not flagged", "cut off" not in lower)
        right.append("cut off" not in lower)
    for u in want.wanted:
        if u not in looked:
            right.append(_has(lower, "cannot"))
    done.stages["text"] = all(right)


def _says_value(
    done: Judged, w: Wanted, kind: str, text: str, looked: Sequence[Wanted], allowed: Mapping[str, float]
) -> bool:
    assert w.item is not None
    true, unit = w.item.value(kind), UNITS.get(kind, "mm")
    if true is None:
        return True
    lines = about(w.structure, text, alone=len({x.structure for x in looked}) == 1)
    spoken = [n for line in lines for n in numbers(line) if n.unit == unit]
    right = any(within(max(abs(n.value - true) - n.half, 0.0), true, unit, allowed) for n in spoken)
    scaled = [n.value * factor for n in spoken for factor in (0.001, 0.1, 10.0, 1000.0)]
    slipped = not right and any(within(value - true, true, unit, allowed) for value in scaled if true > 1)
    done.note("text: wanted number is said", right)
    done.note("text: right number, wrong unit", slipped)
    return right


def _says_distance(done: Judged, true: float, text: str, allowed: Mapping[str, float]) -> bool:
    spoken = [n for n in numbers(text) if n.unit == "mm"]
    right = any(within(max(abs(n.value - true) - n.half, 0.0), true, "mm", allowed) for n in spoken)
    done.note("text: wanted number is said", right)
    return right


def _says_measurable(done: Judged, w: Wanted, lines: Sequence[str], scan: Known) -> bool:
    """The rule of RECIST 1.1 on small lesions; lesions at the limit, within a voxel of it, are not judged."""
    assert w.item is not None
    length = w.item.value("longest_diameter")
    margin = max(scan.geometry.spacing[a] for a in range(3) if a != truth.axial_axis(scan.geometry))
    if length is None or ontology()[w.structure].kind != "lesion":
        return True
    fits = truth.measurable(length, scan.geometry)
    if truth.measurable(length - margin, scan.geometry) != truth.measurable(length + margin, scan.geometry):
        return True
    gaps = {line: [abs(n.value - length) for n in numbers(line) if n.unit == "mm"] for line in lines}
    line = min((line for line in lines if gaps[line]), key=lambda line: min(gaps[line]), default="")
    flagged = _has(line, "not_measurable")
    done.note("RECIST: measurable or not", flagged != fits)
    return flagged != fits


def about(structure: str, text: str, alone: bool) -> list[str]:
    """The lines of a text that name a structure; all of them when the answer is about nothing else."""
    lines = [line for line in text.splitlines() if line.strip()]
    if alone:
        return lines
    names = [f" {normalise(name)} " for name in ontology().names(structure)]
    return [line for line in lines if any(name in f" {normalise(line)} " for name in names)]


def _has(line: str, what: str) -> bool:
    lower = line.lower()
    return any(phrase in lower for phrase in _words()[what])
