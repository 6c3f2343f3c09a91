"""report: the structured report, as Markdown and as data."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from pydantic import Field

from assistant.phase import contrast_phase
from assistant.tools.base import Query, StructureId, Tool, ToolArgs, Turn
from assistant.tools.look import look
from assistant.wording import number, sentence_list, words

ORGAN = ["volume", "mean_hu", "std_hu"]
VESSEL = ["max_axial_diameter"]
LESION = ["longest_diameter", "short_axis", "volume", "mean_hu"]


class Report(ToolArgs):
    """What to report on."""

    targets: list[StructureId] = Field(
        default=[], description="only these structures; empty: all of the report"
    )


@cache
def _data() -> dict[str, Any]:
    return yaml.safe_load(files("assistant").joinpath("data/report.yaml").read_text(encoding="utf-8"))


def reported() -> tuple[list[str], list[str]]:
    """The organs and the lesions that a report is about."""
    return list(_data()["organs"]), list(_data()["lesions"])


def run(turn: Turn, args: Report) -> dict[str, Any]:
    data, work = _data(), turn.workspace
    wanted = {leaf for t in args.targets for leaf in (t, *work.words.leaves(t))}
    phase = contrast_phase(work, turn.progress)
    sections = {
        "organs": _looked(turn, list(data["organs"]), ORGAN, wanted),
        "vessels": _looked(turn, data["vessels"], VESSEL, wanted),
        "lesions": _looked(turn, data["lesions"], LESION, wanted),
    }
    organs = [_organ(r, phase["phase"]) for r in sections["organs"]["findings"]]
    vessels = [_vessel(r) for r in sections["vessels"]["findings"]]
    by_id = {r["structure"]: r for r in sections["organs"]["findings"]}
    lesions = [_lesion(turn, r, by_id) for r in sections["lesions"]["findings"] if r["present"]]
    cannot = [u["label"] for part in sections.values() for u in part["unsupported"]]
    looked = [r["label"] for r in sections["lesions"]["findings"] if not r["present"]]
    fields = {
        "phase": phase,
        "organs": organs,
        "vessels": vessels,
        "lesions": lesions,
        "not_examined": cannot,
    }
    findings = [r for part in sections.values() for r in part["findings"]]
    unproven = [r["label"] for r in findings if r["present"] and r["quality"]["level"] != "validated"]
    fields["experimental"] = unproven
    markdown = _markdown(fields, looked, work.segmenter.name)
    return {
        "findings": findings,
        "segmenter": work.segmenter.name,
        "report": fields,
        "markdown": markdown,
        "lines": [markdown],
    }


def _looked(turn: Turn, structures: list[str], kinds: list[str], wanted: set[str]) -> dict[str, Any]:
    targets = [s for s in structures if not wanted or s in wanted]
    if not targets:
        return {"findings": [], "unsupported": []}
    return look(turn, Query(targets=targets), kinds)


def _values(record: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {m["kind"]: m for m in record["measurements"]}


def _say(values: dict[str, dict[str, Any]], kind: str) -> str:
    return number(values[kind]["value"], values[kind]["unit"]) if kind in values else "not measurable"


def _organ(record: dict[str, Any], phase: str | None) -> dict[str, Any]:
    """Fields and sentence of one organ; a cut-off organ has no volume."""
    text, limits = _data()["text"], _data()["organs"][record["structure"]]
    label = record["label"][:1].upper() + record["label"][1:]
    entry: dict[str, Any] = {"structure": record["structure"], "label": label, "present": record["present"]}
    if not record["present"]:
        return entry | {"text": text["absent"].format(label=label)}
    values = _values(record)
    hu = values["mean_hu"]["value"] if "mean_hu" in values else None
    word, extra = None, ""
    whole = not record["cut_off"] and "volume" in values
    if whole:
        over = [
            name for name, limit in limits.get("enlarged", {}).items() if values["volume"]["value"] > limit
        ]
        word = over[-1] if over and not record["implausible"] else None
        extra += text["enlarged"].format(word=word) if word else ""
    extra += text["implausible"] if record["implausible"] else ""
    if phase == "no contrast agent" and hu is not None and hu <= limits.get("fatty", -1e9):
        extra += text["fatty"]
    entry |= {
        "volume_ml": values["volume"]["value"] if whole else None,
        "mean_hu": hu,
        "sd_hu": values["std_hu"]["value"] if "std_hu" in values else None,
        "size": word,
        "cut_off": record["cut_off"],
    }
    line = text["normal_size" if whole else "cut_off"].format(
        label=label,
        volume=_say(values, "volume"),
        hu=_say(values, "mean_hu"),
        sd=_say(values, "std_hu"),
        extra=extra,
        edges=sentence_list(record["cut_off"] or ["edge"]),
    )
    return entry | {"text": line, "volume_text": _say(values, "volume")}


def _vessel(record: dict[str, Any]) -> dict[str, Any]:
    text, label = _data()["text"], record["label"][:1].upper() + record["label"][1:]
    entry = {"structure": record["structure"], "label": label, "present": record["present"]}
    if not record["present"]:
        return entry | {"text": text["absent"].format(label=label)}
    values = _values(record)
    diameter = values.get("max_axial_diameter", {})
    where = "" if diameter.get("slice_k") is None else f" (slice {diameter['slice_k']})"
    line = text["vessel"].format(label=label, diameter=_say(values, "max_axial_diameter"), where=where)
    return entry | {"diameter_mm": diameter.get("value"), "slice_k": diameter.get("slice_k"), "text": line}


def _lesion(turn: Turn, record: dict[str, Any], organs: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Fields and sentence of one lesion; its density is judged against its organ's mean and a tenth of its
    SD.
    """
    text, values = _data()["text"], _values(record)
    hu = values["mean_hu"]["value"] if "mean_hu" in values else None
    host = next((organs[h] for h in turn.workspace.words[record["structure"]].within if h in organs), None)
    place = f" in {sentence_list(record['location'])}" if record["location"] else ""
    slice_k = values.get("longest_diameter", {}).get("slice_k")
    entry = {
        "structure": record["structure"],
        "label": record["label"][:1].upper() + record["label"][1:],
        "location": record["location"],
        "longest_mm": values.get("longest_diameter", {}).get("value"),
        "short_mm": values.get("short_axis", {}).get("value"),
        "slice_k": slice_k,
        "volume_ml": values.get("volume", {}).get("value"),
        "mean_hu": hu,
        "attenuation": _attenuation(hu, host),
        "place_text": place,
        "long_text": _say(values, "longest_diameter"),
    }
    line = text["lesion"].format(
        label=entry["label"],
        place=place,
        long=entry["long_text"],
        short=_say(values, "short_axis"),
        where="" if slice_k is None else f" (slice {slice_k})",
        volume=_say(values, "volume"),
        attenuation=entry["attenuation"],
        hu=_say(values, "mean_hu"),
    )
    return entry | {"text": line}


def _attenuation(hu: float | None, host: dict[str, Any] | None) -> str:
    organ = _values(host) if host and host["present"] else {}
    if hu is None or "mean_hu" not in organ or "std_hu" not in organ:
        return "attenuation not compared"
    difference, band = hu - organ["mean_hu"]["value"], organ["std_hu"]["value"] / 10
    return (
        "isoattenuating"
        if abs(difference) <= band
        else "hypoattenuating"
        if difference < 0
        else "hyperattenuating"
    )


def _markdown(fields: dict[str, Any], looked: list[str], segmenter: str) -> str:
    text = _data()["text"]
    lesions = [f"- {item['text']}" for item in fields["lesions"]]
    if looked:
        lesions.append(f"- {text['no_lesions'].format(names=sentence_list(looked))}")
    if not lesions:
        lesions.append(f"- {text['no_models']}")
    cannot = (
        [text["cannot"].format(names=sentence_list(fields["not_examined"]))] if fields["not_examined"] else []
    )
    findings = [f"- {item['text']}" for part in ("organs", "vessels") for item in fields[part]]
    if fields["experimental"]:
        cannot.append(text["experimental"].format(names=sentence_list(fields["experimental"])))
    phase = words()["describe"]["phase"] if fields["phase"]["phase"] else None
    by = text["by"].format(
        segmenter=segmenter,
        phase="contrast phase not told."
        if phase is None
        else f"contrast: {fields['phase']['phase']} ({fields['phase']['sure']}).",
    )
    parts = [text["title"], text["findings"], *findings, *lesions, text["impression"], *_impression(fields)]
    return "\n".join([*parts, *([text["limits"], *cannot] if cannot else []), by])


def _impression(fields: dict[str, Any]) -> list[str]:
    text, lines = _data()["text"], []
    for item in sorted(fields["lesions"], key=lambda e: -(e["longest_mm"] or 0)):
        key = "large" if (item["longest_mm"] or 0) > _data()["large_mm"] else "lesion_impression"
        lines.append(text[key].format(label=item["label"], place=item["place_text"], long=item["long_text"]))
    for item in fields["organs"]:
        if item.get("size"):
            lines.append(
                text["organ_impression"].format(
                    label=item["label"], word=item["size"], volume=item["volume_text"]
                )
            )
    return [f"- {line}" for line in lines or [text["nothing"]]]


TOOL = Tool("report", "Write the structured report of the scan.", Report, run)
