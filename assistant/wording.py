"""Words for results: every sentence is made from what the tools returned, nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

Result = Mapping[str, Any]
LENGTHS = {"mm": 1.0, "cm": 10.0}
VOLUMES = {"ml": 1.0, "l": 1000.0}


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
    lines = [before] if before else []
    lines += _findings(results)
    for result in results:
        if "error" in result:
            lines.append(_sentence(str(result["error"])))
        else:
            lines += [str(line) for line in result.get("lines", ())]
            lines += [_distance(item, result) for item in result.get("distances", ())]
            lines += [str(note) for note in result.get("notes", ())]
            lines += _unsupported(result)
    return "\n".join(dict.fromkeys(line for line in lines if line)) or words()["nothing"]


# -- findings


def _findings(results: Sequence[Result]) -> list[str]:
    """One line for each structure or lesion, with what all calls of the turn found out about it."""
    merged: dict[tuple[str, int], dict[str, Any]] = {}
    for result in results:
        # what another answer is made of (a comparison, a report) has lines of its own
        for record in () if result.get("own_words") else result.get("findings", ()):
            key = record["structure"], record["number"]
            entry = merged.setdefault(key, dict(record) | {"segmenter": result["segmenter"]})
            entry["tools"] = [*entry.get("tools", ()), result["tool"]]
            entry["unit"] = result.get("unit") or entry.get("unit")
            entry["context"] = entry.get("context", True) and record["structure"] in result.get("context", ())
            for part in ("measurements", "unmeasurable"):
                entry[part] = list({m["kind"]: m for m in (*entry[part], *record[part])}.values())
            entry |= {k: record[k] for k in ("centre_mm",) if k in record}
    lines = [_lesion_count(records) for records in _lesion_groups(merged.values())]
    lines += [_finding(record) for record in merged.values()]
    return [*lines, *_quality(merged.values())]


def _lesion_groups(records: Iterable[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        if record["kind"] == "lesion" and record["present"]:
            groups.setdefault(record["structure"], []).append(record)
    return [group for group in groups.values() if group[0]["of"] > 1]


def _lesion_count(records: list[dict[str, Any]]) -> str:
    first = records[0]
    name = first["label"].rsplit(" ", 3)[0]
    return words()["findings"]["lesions"].format(count=first["of"], name=f"{name}s")


def _finding(record: Mapping[str, Any]) -> str:
    say = words()["findings"]
    label, sure = _capital(record["label"]), round(100 * record["confidence"])
    if not record["present"]:
        if record["kind"] == "lesion":
            return say["lesion_absent"].format(label=record["label"], sure=sure)
        kind = "absent" if record["confidence"] >= words()["sure_below"] else "absent_unsure"
        return say[kind].format(label=label, sure=sure)
    if record["context"]:
        return say["context"].format(label=record["label"], facts=_extent(record))
    sentences = [say["present"].format(label=label, facts=", ".join(_facts(record)))]
    sentences += [
        say["unmeasurable"].format(label=label, kind=_kind(m["kind"]), reason=_sentence(m["reason"]))
        for m in record["unmeasurable"]
    ]
    sentences += [_sentence(note) for note in dict.fromkeys(m.get("note", "") for m in record["measurements"]) if note]
    if record["cut_off"]:
        kind = "cut_off_volume" if record["measurements"] else "cut_off"
        sentences.append(say[kind].format(edges=sentence_list(record["cut_off"])))
    if record["confidence"] < words()["sure_below"]:
        sentences.append(say["unsure"].format(sure=sure))
    if record["method"]:
        sentences.append(_sentence(_capital(record["method"])))
    return " ".join(dict.fromkeys(sentences))


def _facts(record: Mapping[str, Any]) -> list[str]:
    say = words()["findings"]
    facts = [_measured(m, record.get("unit")) for m in record["measurements"] if m["kind"] not in ("count", "distance")]
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


def _measured(measurement: Mapping[str, Any], wish: str | None) -> str:
    value = number(measurement["value"], measurement["unit"], wish)
    if measurement.get("cut_off") and measurement["unit"] in (*LENGTHS, *VOLUMES):
        value = words()["findings"]["at_least"].format(value=value)
    fact = words()["measures"][measurement["kind"]].format(value=value)
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
            text = say[key].format(segmenter=record["segmenter"], dice=f"{quality['dice']:.2f}", cases=cases)
        elif quality["note"]:
            text = say["derived"].format(note=quality["note"].rstrip("."))
        else:
            text = say["unmeasured"].format(segmenter=record["segmenter"])
        groups.setdefault(text, []).append(record["label"])
    if len(groups) == 1:
        return list(groups)
    return [say["joint"].format(labels=_capital(sentence_list(labels)), text=text) for text, labels in groups.items()]


# -- what is not a finding


def _distance(item: Mapping[str, Any], result: Result) -> str:
    say, (first, second) = words()["distances"], item["between"]
    if "error" in item:
        return say["none"].format(first=first, second=second, reason=_sentence(item["error"]))
    value = number(item["value"], item["unit"], result.get("unit"))
    key = "found" if item["value"] > 0 else "contact"
    return _capital(say[key].format(first=first, second=second, value=value))


def _unsupported(result: Result) -> list[str]:
    say, lines = words()["unsupported"], []
    for item in result.get("unsupported", ()):
        kind = item["kind"] if item["kind"] in say else "structure"
        label = f"{item['label']}s" if kind == "lesion" else item["label"]
        names = [name.replace("_", " ") for name in item["nearest"]]
        nearest = say["nearest"].format(names=sentence_list(names)) if names else ""
        lines.append(say[kind].format(segmenter=result["segmenter"], label=label, nearest=nearest))
    for group, missing in result.get("partial", {}).items():
        names = sentence_list([name.replace("_", " ") for name in missing[:6]])
        more = f" and {len(missing) - 6} more" if len(missing) > 6 else ""
        lines.append(say["partial"].format(label=_capital(group.replace("_", " ")), missing=f"{names}{more}"))
    return lines


def _kind(kind: str) -> str:
    return words()["measures"][kind].replace(" {value}", "").replace("{value} ", "")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", ":")) else f"{text}."
