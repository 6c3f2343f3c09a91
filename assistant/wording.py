"""Words for results: every sentence is made from what the tools returned, nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

Result = Mapping[str, Any]
LENGTHS = {"mm": 1.0, "cm": 10.0}
VOLUMES = {"ml": 1.0, "cc": 1.0, "l": 1000.0, "mm3": 0.001}


@cache
def words() -> dict[str, Any]:
    """The wording data, `assistant/data/wording.yaml`."""
    return yaml.safe_load(files("assistant").joinpath("data/wording.yaml").read_text(encoding="utf-8"))


def usual_measures(kind: str) -> list[str]:
    """What "measure it" means for a kind of structure."""
    return list(words()["usual"][kind])


def number(value: float, unit: str, wish: str | None = None) -> str:
    """A number with its unit, in the unit that was wished for where that is a unit of the same thing."""
    for table in (LENGTHS, VOLUMES):
        if unit in table and wish in table:
            value, unit = value * table[unit] / table[wish], str(wish)
    if unit == "lesions":
        return f"{value:.0f}"
    digits = 0 if unit == "HU" else 2 if unit in ("cm", "l") else 1 if abs(value) < 100 else 0
    return f"{value:,.{digits}f} {unit}".strip()


def sentence_list(items: Sequence[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    *most, last = items
    return f"{', '.join(most)} and {last}" if most else last


def compose(results: Sequence[Result], before: str = "") -> str:
    """The answer to a turn from the results of its tools, in their order, one line a finding.

    before: what the planner has to say, such as a part of the request that was declined.
    """
    merged = _merged(results)
    lines = [before] if before else []
    lines += _findings(merged)
    for result in results:
        if "error" in result:
            lines.append(_sentence(str(result["error"])))
        else:
            lines += [str(line) for line in result.get("lines", ())]
            lines += [_distance(item, result) for item in result.get("distances", ())]
            lines += [str(note) for note in result.get("notes", ())]
            lines += _unsupported(result)
    lines += [_finding(record) for record in merged if not record["silent"] and _for_orientation(record)]
    lines += _quality(merged)
    return "\n".join(dict.fromkeys(line for line in lines if line)) or words()["nothing"]


# -- findings


def _merged(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Each structure or lesion once, with what all calls of the turn found out about it."""
    merged: dict[tuple[Any, ...], dict[str, Any]] = {}
    for result in results:
        for record in () if "report" in result else result.get("findings", ()):
            key = record["structure"], record["number"], *record["level"]
            entry = merged.setdefault(key, dict(record) | {"segmenter": result["segmenter"], "silent": True})
            # what a comparison is made of has lines of its own, but a structure that was not found is said
            own = record["present"] or bool(record.get("said"))
            entry["silent"] &= bool(result.get("own_words")) and own
            entry["tools"] = [*entry.get("tools", ()), result["tool"]]
            entry["unit"] = result.get("unit") or entry.get("unit")
            entry["context"] = entry.get("context", True) and record["structure"] in result.get("context", ())
            for part in ("measurements", "unmeasurable"):
                entry[part] = list({m["kind"]: m for m in (*entry[part], *record[part])}.values())
            entry |= {k: record[k] for k in ("centre_mm",) if k in record}
    return list(merged.values())


def _findings(merged: Sequence[dict[str, Any]]) -> list[str]:
    """The number of lesions where there are several, then one line a finding."""
    counts = [_lesion_count(records) for records in _lesion_groups(merged)]
    said = (r for r in merged if not r["silent"] and not _for_orientation(r))
    return counts + [_finding(record) for record in said]


def _for_orientation(record: Mapping[str, Any]) -> bool:
    """Shown beside what the model cannot look for; said after that."""
    return record["present"] and record["context"]


def _lesion_groups(records: Iterable[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        if record["kind"] == "lesion" and record["present"] and not record["silent"]:
            groups.setdefault(record["structure"], []).append(record)
    return [group for group in groups.values() if group[0]["of"] > 1 or _counted(group)]


def _counted(records: list[dict[str, Any]]) -> bool:
    return any(m["kind"] == "count" for record in records for m in record["measurements"])


def _lesion_count(records: list[dict[str, Any]]) -> str:
    name = records[0]["name"]
    counts = [m["value"] for record in records for m in record["measurements"] if m["kind"] == "count"]
    count = round(counts[0]) if counts else records[0]["of"]
    return words()["findings"]["lesions"].format(count=count, name=name if count == 1 else f"{name}s")


def _finding(record: Mapping[str, Any]) -> str:
    say = words()["findings"]
    label, sure = capital(record["label"]), round(100 * record["confidence"])
    if not record["present"]:
        return _absent(record, label, sure)
    if record["context"]:
        return say["context"].format(label=record["label"], facts=_extent(record))
    sentences = [say["present"].format(label=label, facts=", ".join(_facts(record)))]
    sentences += [
        say["unmeasurable"].format(label=label, kind=measure_name(m["kind"]), reason=_sentence(m["reason"]))
        for m in record["unmeasurable"]
    ]
    sentences += [note for m in record["measurements"] for note in _notes(m.get("note", ""))]
    if record["cut_off"]:
        kind = "cut_off_volume" if record["measurements"] else "cut_off"
        sentences.append(say[kind].format(edges=sentence_list(record["cut_off"])))
    if record["implausible"]:
        sentences.append(say["implausible"])
    if record["confidence"] < words()["sure_below"]:
        sentences.append(say["unsure"].format(sure=sure))
    if record["method"]:
        sentences.append(_sentence(capital(record["method"])))
    if record["hosts"] and record["organ"] is None:
        labels = [h["label"] for h in record["hosts"] if h["present"]]
        sentences += [say["not_in_host"].format(hosts=sentence_list(labels))] if labels else []
    return " ".join(dict.fromkeys(sentences))


def _absent(record: Mapping[str, Any], label: str, sure: int) -> str:
    """What was not found, and whether it could have been."""
    say = words()["findings"]
    if record["kind"] == "lesion":
        missing = [h for h in record["hosts"] if not h["present"]]
        if missing and len(missing) == len(record["hosts"]):
            hosts, where = _hosts(missing)
            return say["lesion_no_host"].format(label=label, hosts=hosts, where=where)
        sentences = [say["lesion_absent"].format(label=record["label"], sure=sure)]
        if missing:
            hosts, where = _hosts(missing)
            sentences.append(say["host_missing"].format(hosts=hosts, where=where))
        sentences += [
            say["host_cut"].format(hosts=host["label"], edges=sentence_list(host["cut_off"]))
            for host in record["hosts"]
            if host["cut_off"]
        ]
        return " ".join(sentences)
    if record["view"] in ("above", "below"):
        landmarks = sentence_list(record["judged_by"])
        return say["absent_outside"].format(label=label, where=record["view"], landmarks=landmarks)
    if record["view"] == "partly":
        landmarks = sentence_list(record["judged_by"])
        return say["absent_partly"].format(label=label, sure=sure, landmarks=landmarks)
    kind = "absent" if record["confidence"] >= words()["sure_below"] else "absent_unsure"
    return say[kind].format(label=label, sure=sure)


def _hosts(missing: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """The names of organs that were not found, and where they would lie."""
    views = {h["view"] for h in missing}
    outside = views.pop() if len(views) == 1 else ""
    where = words()["findings"]["host_outside"].format(where=outside) if outside in ("above", "below") else ""
    return sentence_list([h["label"] for h in missing]), where


def _notes(text: str) -> list[str]:
    """The sentences of a measurement's note but for what this answer says once for the whole structure."""
    sentences = [_sentence(part.strip()) for part in text.split(". ") if part.strip()]
    return [s for s in sentences if words()["said_once"] not in s]


def _facts(record: Mapping[str, Any]) -> list[str]:
    say = words()["findings"]
    facts = [
        _measured(m, record.get("unit"), record.get("typical_ml"))
        for m in record["measurements"]
        if m["kind"] not in ("count", "distance")
    ]
    if record["location"]:
        facts.insert(0, say["location"].format(places=sentence_list(record["location"])))
    if "centre_mm" in record:
        facts.append(say["centre"].format(centre="({}, {}, {})".format(*record["centre_mm"])))
    if not record["measurements"] and "segment" in record["tools"]:
        facts.insert(0, say["segmented"])
    return [*facts, _extent(record)]


def _extent(record: Mapping[str, Any]) -> str:
    first, last = record["slices"]
    return words()["findings"]["slices" if last > first else "one_slice"].format(first=first, last=last)


def _measured(
    measurement: Mapping[str, Any], wish: str | None, typical: Sequence[float] | None = None
) -> str:
    """One number in words. typical: the usual volume of an adult, ml."""
    value = number(measurement["value"], measurement["unit"], wish)
    if measurement.get("cut_off") and measurement["unit"] in (*LENGTHS, *VOLUMES):
        value = words()["findings"]["at_least"].format(value=value)
    fact = words()["measures"][measurement["kind"]].format(value=value)
    if typical and measurement["kind"] == "volume" and not measurement.get("cut_off"):
        low, high = (number(limit, "ml", wish) for limit in typical)
        return words()["findings"]["typical"].format(fact=fact, low=low, high=high)
    if measurement["slice_k"] is None:
        return fact
    return words()["findings"]["in_slice"].format(fact=fact, slice=measurement["slice_k"])


def _quality(records: Iterable[Mapping[str, Any]]) -> list[str]:
    """How good the masks of the turn are known to be, once for all structures of which the same is true."""
    groups: dict[str, list[str]] = {}
    say = words()["quality"]
    for record in records:
        if not record["present"]:
            continue
        quality = record["quality"]
        if quality["dice"] is not None:
            key = "validated" if quality["level"] == "validated" else "experimental"
            cases = f"{quality['cases']} case{'s' if quality['cases'] != 1 else ''}"
            text = say[key].format(segmenter=record["segmenter"], dice=f"{quality['dice']:.3f}", cases=cases)
        elif quality["note"]:
            text = say["derived"].format(note=quality["note"].rstrip("."))
        else:
            text = say["unmeasured"].format(segmenter=record["segmenter"])
        groups.setdefault(text, []).append(record["label"])
    if len(groups) == 1:
        return list(groups)
    return [
        say["joint"].format(labels=capital(sentence_list(labels)), text=text)
        for text, labels in groups.items()
    ]


# -- what is not a finding


def _distance(item: Mapping[str, Any], result: Result) -> str:
    say, (first, second) = words()["distances"], item["between"]
    if "error" in item:
        return say["none"].format(first=first, second=second, reason=_sentence(item["error"]))
    value = number(item["value"], item["unit"], result.get("unit"))
    key = "found" if item["value"] > 0 else "contact"
    return capital(say[key].format(first=first, second=second, value=value))


def _unsupported(result: Result) -> list[str]:
    say = words()["unsupported"]
    lines: list[str] = []
    items = result.get("unsupported", ())
    lesions = [f"{item['label']}s" for item in items if item["kind"] == "lesion"]
    if len(lesions) > 1:
        lines.append(say["lesions"].format(segmenter=result["segmenter"], label=sentence_list(lesions)))
    for item in items:
        if item["kind"] == "lesion" and len(lesions) > 1:
            continue
        kind = item["kind"] if item["kind"] in say else "structure"
        label = f"{item['label']}s" if kind == "lesion" else item["label"]
        others = [name.replace("_", " ") for name in item["nearest"]]
        nearest = say["nearest"].format(names=sentence_list(others)) if others else ""
        lines.append(say[kind].format(segmenter=result["segmenter"], label=label, nearest=nearest))
    for group, missing in result.get("partial", {}).items():
        names = sentence_list([name.replace("_", " ") for name in missing[:6]])
        more = f" and {len(missing) - 6} more" if len(missing) > 6 else ""
        lines.append(say["partial"].format(label=capital(group.replace("_", " ")), missing=f"{names}{more}"))
    return lines


def measure_name(kind: str) -> str:
    """A measure in words, without a number."""
    return words()["measures"][kind].replace(" {value}", "").replace("{value} ", "")


def capital(text: str) -> str:
    """With a large first letter."""
    return text[:1].upper() + text[1:]


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", ":")) else f"{text}."
