"""screen: a decision for the whole patient, after FELIX: is one piece of lesion larger than a threshold?

It is the rule that `bodymaps eval detection` measures, so that its sensitivity and specificity hold for it. The
threshold is the one that was measured; without a measurement it is RadGPT's default.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assistant.tools.base import Query, Tool, Turn
from assistant.tools.look import look
from assistant.wording import number, sentence_list, usual_measures, words
from encoders.segmenters.base import Detection

THRESHOLD_MM3 = 70.0
"""The default of RadGPT's evaluation."""


def run(turn: Turn, query: Query) -> dict[str, Any]:
    """{"screening": {lesion: {"decision": positive | negative | none, "positive", "volume_ml", "largest_ml", "pieces",
    "threshold_ml", "measured"}}} beside the findings.
    """
    work = turn.workspace
    kinds = list(dict.fromkeys([*usual_measures("lesion"), "volume", *query.measures]))
    result = look(turn, query, kinds)
    screening, lines, doubts = {}, [], []
    for lesion in work.reachable(query.targets).ids:
        if work.words[lesion].kind != "lesion":
            continue
        records = [r for r in result["findings"] if r["structure"] == lesion]
        detection = work.segmenter.quality(lesion).detection
        screening[lesion] = _decided(records, detection)
        lines.append(_line(work.words[lesion].name, screening[lesion], records))
        doubts.append(_measured(detection, screening[lesion]["measured"]))
    return result | {"screening": screening, "lines": [*lines, *dict.fromkeys(doubts)]}


def _decided(records: Sequence[Mapping[str, Any]], detection: Detection | None) -> dict[str, Any]:
    """The decision by the lesions of one kind that were found. There is none where the organ itself is missing."""
    volumes = [m["value"] for r in records for m in r["measurements"] if m["kind"] == "volume"]
    threshold = (detection.threshold_mm3 if detection else THRESHOLD_MM3) / 1000
    positive = max(volumes, default=0.0) > threshold
    unseen = not volumes and bool(records) and _missing(records[0])
    return {
        "decision": "none" if unseen else "positive" if positive else "negative",
        "positive": None if unseen else positive,
        "volume_ml": round(sum(volumes), 3),
        "largest_ml": round(max(volumes, default=0.0), 3),
        "pieces": len(volumes),
        "threshold_ml": threshold,
        "measured": _figures(detection) if detection else None,
    }


def _missing(record: Mapping[str, Any]) -> bool:
    return bool(record["hosts"]) and not any(host["present"] for host in record["hosts"])


def _figures(detection: Detection) -> dict[str, Any]:
    """The measured figures, with their 95 % intervals."""
    figures: dict[str, Any] = {"note": detection.note}
    for name, share, count in (
        ("sensitivity", detection.sensitivity, detection.positives),
        ("specificity", detection.specificity, detection.negatives),
    ):
        low, high = _interval(share, count)
        figures |= {name: share, f"{name}_low": low, f"{name}_high": high}
    return figures | {"positives": detection.positives, "negatives": detection.negatives}


def _interval(share: float | None, count: int) -> tuple[float | None, float | None]:
    """The Wilson score interval of a share."""
    if share is None or not count:
        return None, None
    from scipy.stats import binomtest

    found = binomtest(round(share * count), count).proportion_ci(method="wilson")
    return round(float(found.low), 3), round(float(found.high), 3)


def _line(name: str, found: Mapping[str, Any], records: Sequence[Mapping[str, Any]]) -> str:
    say = words()["screen"]
    hosts = sentence_list([h["label"] for h in records[0]["hosts"]]) if found["decision"] == "none" else ""
    return say[found["decision"]].format(
        name=name,
        hosts=hosts,
        largest=number(found["largest_ml"], "ml"),
        threshold=f"{found['threshold_ml']:g} ml",
    )


def _measured(detection: Detection | None, figures: Mapping[str, Any] | None) -> str:
    """How good the decision is known to be, in words."""
    say = words()["screen"]
    if detection is None or figures is None:
        return say["unmeasured"]
    parts = [
        say["figure"].format(
            kind=kind,
            value=f"{figures[kind]:.2f}",
            low=f"{figures[f'{kind}_low']:.2f}",
            high=f"{figures[f'{kind}_high']:.2f}",
            count=count,
            patients=f"patient{'s' if count != 1 else ''} {which}",
        )
        if figures[kind] is not None and count
        else say["no_figure"].format(kind=kind)
        for kind, count, which in (
            ("sensitivity", detection.positives, "with lesions"),
            ("specificity", detection.negatives, "without"),
        )
    ]
    note = f" {detection.note.rstrip('.')}." if detection.note else ""
    return say["measured"].format(parts=sentence_list(parts)) + note


TOOL = Tool("screen", "Screen the patient for lesions: positive or negative, with the evidence.", Query, run)
