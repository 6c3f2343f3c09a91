"""The structured report in words: Markdown from its fields, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from assistant.wording import capital, number, sentence_list, words

Fields = Mapping[str, Any]


@cache
def report_data() -> dict[str, Any]:
    """Organs, limits and texts of the report, `assistant/data/report.yaml`."""
    return yaml.safe_load(files("assistant").joinpath("data/report.yaml").read_text(encoding="utf-8"))


def markdown(fields: Fields) -> str:
    """The report: technique, findings, impression, limits."""
    text = report_data()["text"]
    findings = [_organ(item) for item in fields["organs"]]
    findings += [
        text["pair"].format(label=capital(item["label"]), volume=number(item["volume_ml"], "ml"))
        for item in fields["together"]
    ]
    findings += [_vessel(item) for item in fields["vessels"]]
    findings += [_lesion(item) for item in fields["lesions"]] + _no_lesions(fields)
    limits = _limits(fields)
    parts = [text["title"], text["technique"], _technique(fields)]
    parts += [text["findings"], *_list(findings), text["impression"], *_list(_impression(fields))]
    return "\n".join(
        [*parts, text["limits"], *_list(limits), text["by"].format(segmenter=fields["segmenter"])]
    )


def _list(lines: list[str]) -> list[str]:
    return [f"- {line}" for line in lines]


def _say(value: float | None, unit: str) -> str:
    return "not measurable" if value is None else number(value, unit)


def _technique(fields: Fields) -> str:
    text, scan, phase = report_data()["text"], fields["scan"], fields["phase"]
    kind = phase["phase"] or "none"
    template = text["phases"].get(kind, text["phases"]["some"])
    return text["scan"].format(
        phase=template.format(phase=kind, sure=phase["sure"]),
        shape=" x ".join(map(str, scan["shape"])),
        spacing=" x ".join(f"{s:.2f}" for s in scan["spacing_mm"]),
        coverage=text["coverage"].format(**scan["coverage"]) if scan["coverage"] else "",
    )


def _absent(item: Fields) -> str:
    text = report_data()["text"]
    outside = item["view"] if item["view"] in ("above", "below") else ""
    where = text["outside"].format(where=outside) if outside else ""
    return text["absent"].format(label=capital(item["label"]), where=where)


def _organ(item: Fields) -> str:
    text = report_data()["text"]
    if not item["present"]:
        return _absent(item)
    edges = sentence_list(item["cut_off"] or ["edge"])
    whole = item["volume_ml"] is not None
    facts = [
        text["volume"].format(volume=number(item["volume_ml"], "ml"))
        if whole
        else text["cut_off"].format(edges=edges)
    ]
    facts += [item["size"]] if item["size"] else []
    without = text["without"] if item["without_lesions"] else ""
    hu, sd = _say(item["mean_hu"], "HU"), _say(item["sd_hu"], "HU")
    facts.append(text["density"].format(hu=hu, sd=sd, without=without))
    facts += [text["implausible"]] if item["implausible"] else []
    facts += [text["fatty"]] if item["fatty"] else []
    return text["organ"].format(label=capital(item["label"]), facts=", ".join(facts))


def _vessel(item: Fields) -> str:
    if not item["present"]:
        return _absent(item)
    where = "" if item["slice_k"] is None else f" (slice {item['slice_k']})"
    diameter = _say(item["diameter_mm"], "mm")
    return report_data()["text"]["vessel"].format(
        label=capital(item["label"]), diameter=diameter, where=where
    )


def _place(item: Fields) -> str:
    return f" in {sentence_list(item['location'])}" if item["location"] else ""


def _lesion(item: Fields) -> str:
    text, sure = report_data()["text"], item["confidence"]
    return text["lesion"].format(
        label=capital(item["label"]),
        place=_place(item),
        long=_say(item["longest_mm"], "mm"),
        short=_say(item["short_mm"], "mm"),
        where="" if item["slice_k"] is None else f" (slice {item['slice_k']})",
        volume=_say(item["volume_ml"], "ml"),
        attenuation=item["attenuation"] or "attenuation not compared",
        hu=_say(item["mean_hu"], "HU"),
        sd=_say(item["sd_hu"], "HU"),
        contact=_contact(item["contacts"]),
        unsure=text["lesion_unsure"].format(sure=round(100 * sure)) if sure < words()["sure_below"] else "",
    )


def _contact(contacts: list[dict[str, Any]] | None) -> str:
    text = report_data()["text"]
    if contacts is None:
        return ""
    if not contacts:
        return text["no_contact"]
    names = [
        c["label"] if c["degrees"] is None else text["around"].format(name=c["label"], degrees=c["degrees"])
        for c in contacts
    ]
    return text["contact"].format(names=sentence_list(names))


def _no_lesions(fields: Fields) -> list[str]:
    """What was looked for in organs that are in the scan, and not found."""
    text, names = report_data()["text"], []
    for kind in fields["summary"]:
        names += [f"{kind['name']}s"] if kind["judged"] and not kind["count"] else []
    if names:
        return [text["no_lesions"].format(names=sentence_list(names))]
    return [] if fields["lesions"] else [text["no_models"]] if not fields["summary"] else []


def _impression(fields: Fields) -> list[str]:
    """Each kind of lesion with its number and its largest one, then organs that are too large."""
    data, text, lines = report_data(), report_data()["text"], []
    for kind in sorted(fields["summary"], key=lambda kind: -(kind["largest_mm"] or 0.0)):
        own = [item for item in fields["lesions"] if item["structure"] == kind["structure"]]
        if not own:
            continue
        first = max(own, key=lambda item: item["longest_mm"] or 0.0)
        long = _say(first["longest_mm"], "mm")
        if kind["count"] > 1:
            volume = _say(kind["volume_ml"], "ml")
            name = f"{kind['name']}s"
            lines.append(
                text["count"].format(
                    count=kind["count"], name=name, volume=volume, place=_place(first), long=long
                )
            )
        else:
            key = "large" if (first["longest_mm"] or 0.0) > data["large_mm"] else "one"
            label = first["label"] if key == "large" else capital(first["label"])
            lines.append(text[key].format(label=label, place=_place(first), long=long))
    lines += _no_lesions(fields) if fields["summary"] else []
    lines += [
        text["organ_impression"].format(
            label=capital(item["label"]), word=item["size"], volume=number(item["volume_ml"], "ml")
        )
        for item in fields["organs"]
        if item.get("size")
    ]
    return lines or [text["nothing"]]


def _limits(fields: Fields) -> list[str]:
    text, lines = report_data()["text"], list(fields["notes"])
    unseen = [name for kind in fields["summary"] if not kind["judged"] for name in kind["hosts"]]
    partly = [name for kind in fields["summary"] for name in kind["partly"]]
    for key, names in (
        ("not_judged", unseen),
        ("partly", partly),
        ("cannot", fields["not_examined"]),
        ("experimental", fields["experimental"]),
    ):
        if names:
            lines.append(text[key].format(names=sentence_list(list(dict.fromkeys(names)))))
    return [*lines, text["not_given"]] if fields["lesions"] else lines
