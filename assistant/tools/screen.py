"""screen: a decision for the whole patient, after FELIX: is there more lesion than a threshold?"""

from __future__ import annotations

from typing import Any

from assistant.tools.base import Query, Tool, Turn
from assistant.tools.look import look
from assistant.wording import number, usual_measures, words

THRESHOLD_ML = 0.07
"""70 cubic millimetres, the default of RadGPT's evaluation."""


def run(turn: Turn, query: Query) -> dict[str, Any]:
    """{"screening": {lesion: {"positive", "volume_ml", "threshold_ml"}}} beside the findings."""
    say, words_ = words()["screen"], turn.workspace.words
    kinds = list(dict.fromkeys([*usual_measures("lesion"), "volume", *query.measures]))
    result = look(turn, query, kinds)
    screening, lines = {}, []
    for lesion in dict.fromkeys(r["structure"] for r in result["findings"] if r["kind"] == "lesion"):
        volumes = [
            m["value"]
            for record in result["findings"]
            if record["structure"] == lesion
            for m in record["measurements"]
            if m["kind"] == "volume"
        ]
        total = sum(volumes)
        positive = total > THRESHOLD_ML
        screening[lesion] = {"positive": positive, "volume_ml": round(total, 3), "threshold_ml": THRESHOLD_ML}
        limit = f"{THRESHOLD_ML:g} ml"
        key = "positive" if positive else "negative"
        line = say[key].format(name=words_[lesion].name, volume=number(total, "ml"), threshold=limit)
        lines.append(f"{line} {say['measured']}")
    return result | {"screening": screening, "lines": lines}


TOOL = Tool("screen", "Screen the patient for lesions: positive or negative, with the evidence.", Query, run)
