"""report: the structured report, as Markdown and as data.

Its fields are those of the AbdomenAtlas 3.0 reports (RadGPT, ICCV 2025) as far as masks can fill them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import Field

from assistant.contact import angle_around, touches
from assistant.coverage import coverage
from assistant.measure import Measurement, measure
from assistant.phase import contrast_phase
from assistant.report_text import markdown, report_data
from assistant.tools.base import Query, StructureId, Tool, ToolArgs, Turn
from assistant.tools.look import look
from assistant.wording import sentence_list
from encoders.geometry import Box
from encoders.segmenters.base import Mask

ORGAN = ["volume", "mean_hu", "std_hu"]
VESSEL = ["max_axial_diameter"]
LESION = ["longest_diameter", "short_axis", "volume", "mean_hu", "std_hu"]

Record = dict[str, Any]


class Report(ToolArgs):
    """What to report on."""

    targets: list[StructureId] = Field(
        default=[], description="only these structures; empty: all of the report"
    )
    format: str = Field(default="markdown", description="markdown or json")


FORMATS = ("markdown", "json")


def reported() -> tuple[list[str], list[str]]:
    """The organs and the lesions that a report is about."""
    return list(report_data()["organs"]), list(report_data()["lesions"])


def run(turn: Turn, args: Report) -> dict[str, Any]:
    """{"report": the fields, "markdown": the text} beside the findings."""
    data, work = report_data(), turn.workspace
    if args.format not in FORMATS:
        return {"error": data["text"]["formats"].format(format=args.format, formats=sentence_list(FORMATS))}
    wanted = {leaf for t in args.targets for leaf in (t, *work.words.leaves(t))}
    phase = contrast_phase(work, turn.progress)
    lesions = _looked(turn, data["lesions"], LESION, wanted)
    organs = _looked(turn, list(data["organs"]), ORGAN, wanted)
    vessels = _looked(turn, data["vessels"], VESSEL, wanted)
    sections = (organs, vessels, lesions)
    tissue = {r["structure"]: _tissue(turn, r) for r in organs["findings"] if r["present"]}
    findings = [r for part in sections for r in part["findings"]]
    fields = {
        "scan": _scan(turn),
        "phase": phase,
        "organs": [_organ(r, tissue, phase["phase"]) for r in organs["findings"]],
        "together": _together(organs["findings"]),
        "vessels": [_vessel(r) for r in vessels["findings"]],
        "lesions": [_lesion(turn, r, tissue) for r in lesions["findings"] if r["present"]],
        "summary": _summary(lesions["findings"]),
        "not_examined": [u["label"] for part in sections for u in part["unsupported"]],
        "experimental": [
            r["label"] for r in findings if r["present"] and r["quality"]["level"] != "validated"
        ],
        "notes": lesions["notes"],
        "segmenter": work.segmenter.name,
    }
    text = markdown(fields)
    return {
        "findings": findings,
        "segmenter": work.segmenter.name,
        "report": fields,
        "markdown": text,
        "lines": [text if args.format == "markdown" else json.dumps(fields, ensure_ascii=False, indent=1)],
    }


def _looked(turn: Turn, structures: Sequence[str], kinds: list[str], wanted: set[str]) -> dict[str, Any]:
    targets = [s for s in structures if not wanted or s in wanted]
    if not targets:
        return {"findings": [], "unsupported": [], "notes": []}
    return look(turn, Query(targets=targets), kinds)


def _scan(turn: Turn) -> Record:
    volume, covered = turn.workspace.study.volume, coverage(turn.workspace, turn.progress)
    levels = dict(zip(("upper", "lower"), covered.levels, strict=True)) if covered else None
    return {
        "shape": list(volume.shape),
        "spacing_mm": [round(s, 3) for s in volume.geometry.spacing],
        "orientation": volume.geometry.orientation,
        "coverage": levels,
        "acquisition": {n: v for n, v in turn.workspace.study.facts.items() if isinstance(v, float)},
    }


# -- organs and vessels


def _value(record: Mapping[str, Any], kind: str) -> float | None:
    return next((m["value"] for m in record["measurements"] if m["kind"] == kind), None)


def _tissue(turn: Turn, record: Mapping[str, Any]) -> Record:
    """Density of an organ without its lesions: {"mean_hu", "sd_hu", "without_lesions"}."""
    work, structure = turn.workspace, record["structure"]
    volume, known = work.study.volume, work.known()
    mask = known[structure].mask
    lesions = [known[s].mask for s in work.words.lesions_of(structure) if s in known]
    kept = mask.full()
    for lesion in lesions:
        if lesion.box is not None:
            kept[lesion.box.slices] &= ~lesion.voxels
    rest = Mask.from_full(structure, kept, mask.confidence) if lesions else mask
    values = [measure(kind, rest, volume.geometry, volume.hu) for kind in ("mean_hu", "std_hu")]
    mean, sd = (v.value if isinstance(v, Measurement) else None for v in values)
    return {"mean_hu": mean, "sd_hu": sd, "without_lesions": rest.voxel_count < mask.voxel_count}


def _organ(record: Mapping[str, Any], tissue: Mapping[str, Record], phase: str | None) -> Record:
    """The fields of one organ; a cut-off organ has no volume and no word for its size."""
    limits = report_data()["organs"][record["structure"]]
    entry: Record = {key: record[key] for key in ("structure", "label", "present")}
    if not record["present"]:
        return entry | {"view": record["view"]}
    own, volume = tissue[record["structure"]], _value(record, "volume")
    whole = not record["cut_off"] and volume is not None
    over = [word for word, limit in limits.get("enlarged", {}).items() if whole and volume > limit]
    hu = own["mean_hu"]
    native = phase == "no contrast agent" and hu is not None
    return entry | {
        "volume_ml": volume if whole else None,
        **own,
        "size": over[-1] if over and not record["implausible"] else None,
        "fatty": hu <= limits["fatty"] if native and "fatty" in limits else None,
        "implausible": record["implausible"],
        "cut_off": record["cut_off"],
    }


def _together(records: Sequence[Mapping[str, Any]]) -> list[Record]:
    """Volumes of pairs of organs that are both whole."""
    volumes = {r["structure"]: _value(r, "volume") for r in records if r["present"] and not r["cut_off"]}
    whole = {structure: volume for structure, volume in volumes.items() if volume is not None}
    return [
        {"structure": both, "label": both.replace("_", " "), "volume_ml": round(whole[a] + whole[b], 3)}
        for a, b, both in report_data()["pairs"]
        if a in whole and b in whole
    ]


def _vessel(record: Mapping[str, Any]) -> Record:
    entry: Record = {key: record[key] for key in ("structure", "label", "present")}
    if not record["present"]:
        return entry | {"view": record["view"]}
    found = next((m for m in record["measurements"] if m["kind"] == "max_axial_diameter"), None)
    values = (found["value"], found["slice_k"]) if found else (None, None)
    return entry | dict(zip(("diameter_mm", "slice_k"), values, strict=True))


# -- lesions


def _lesion(turn: Turn, record: Mapping[str, Any], tissue: Mapping[str, Record]) -> Record:
    longest = next((m for m in record["measurements"] if m["kind"] == "longest_diameter"), None)
    hu = _value(record, "mean_hu")
    return {
        **{
            key: record[key]
            for key in ("structure", "label", "name", "location", "organ", "confidence", "cut_off")
        },
        "longest_mm": longest["value"] if longest else None,
        "short_mm": _value(record, "short_axis"),
        "slice_k": longest["slice_k"] if longest else None,
        "volume_ml": _value(record, "volume"),
        "mean_hu": hu,
        "sd_hu": _value(record, "std_hu"),
        "attenuation": _attenuation(hu, tissue.get(record["organ"] or "")),
        "contacts": _contacts(turn, record),
    }


def _attenuation(hu: float | None, organ: Record | None) -> str | None:
    """Against the organ's tissue: iso within a tenth of its standard deviation; None when not comparable."""
    if hu is None or organ is None or organ["mean_hu"] is None or organ["sd_hu"] is None:
        return None
    difference = hu - organ["mean_hu"]
    if abs(difference) <= organ["sd_hu"] / 10:
        return "isoattenuating"
    return "hypoattenuating" if difference < 0 else "hyperattenuating"


def _contacts(turn: Turn, record: Mapping[str, Any]) -> list[Record] | None:
    """Neighbours that were found and that a lesion touches; None where no neighbour is looked at."""
    work, rule = turn.workspace, report_data()["contacts"].get(record["structure"])
    wanted = [s for s in (*rule["touch"], *rule["angle"]) if work.can_find(s)] if rule else []
    found = work.find(wanted, turn.progress) if wanted else {}
    present = {s: f.mask for s, f in found.items() if f.mask.present}
    if rule is None or not present:
        return None
    geometry, finding = work.study.volume.geometry, turn.findings[record["structure"], record["number"]]
    assert finding.box is not None
    assert finding.voxels is not None
    lesion = Mask(
        finding.structure, finding.shape, Box(*finding.box.voxel), finding.voxels, finding.confidence
    )
    return [
        {
            "structure": s,
            "label": work.words[s].name,
            "degrees": round(angle_around(mask, lesion, geometry)) if s in rule["angle"] else None,
        }
        for s, mask in present.items()
        if touches(lesion, mask, geometry)
    ]


def _summary(records: Sequence[Mapping[str, Any]]) -> list[Record]:
    """For each kind of lesion that was looked for: how many, the volume in all, and the largest diameter.

    judged: whether its organ is in the scan; partly: its organs that are not there in full.
    """
    summary = []
    for structure in dict.fromkeys(r["structure"] for r in records):
        own = [r for r in records if r["structure"] == structure]
        present = [r for r in own if r["present"]]
        volumes = [v for r in present if (v := _value(r, "volume")) is not None]
        lengths = [v for r in present if (v := _value(r, "longest_diameter")) is not None]
        hosts = own[0]["hosts"]
        summary.append(
            {
                "structure": structure,
                "name": own[0]["name"],
                "count": len(present),
                "volume_ml": round(float(np.sum(volumes)), 3) if present else None,
                "largest_mm": max(lengths, default=None),
                "judged": bool(present) or not hosts or any(h["present"] for h in hosts),
                "hosts": [h["label"] for h in hosts],
                "partly": [h["label"] for h in hosts if h["cut_off"]],
            }
        )
    return summary


TOOL = Tool("report", "Write the structured report of the scan.", Report, run)
