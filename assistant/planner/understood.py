"""One line of what was understood: "tail of the pancreas, tumor, longest diameter"."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from assistant.plan import Call

from .lexicon import Lexicon

_NAMES = {
    "mean_hu": "mean HU",
    "std_hu": "standard deviation of HU",
    "min_hu": "minimum HU",
    "max_hu": "maximum HU",
    "max_3d_diameter": "largest 3D diameter",
    "max_axial_diameter": "largest axial diameter",
}
_ORDINALS = {2: "second", 3: "third", 4: "fourth", 5: "fifth"}


def understood(calls: Sequence[Call], lexicon: Lexicon) -> str:
    """What the calls are about, repeated words left out; calls are separated by semicolons."""
    lines: dict[str, None] = {}
    for call in calls:
        lines.setdefault(_call(call, lexicon))
    kept = [line for line in lines if line]
    # "pancreas tumor; pancreas tumor, longest diameter" says the first part twice
    kept = [
        line for line in kept if not any(other != line and other.startswith(f"{line},") for other in kept)
    ]
    return "; ".join(kept)


def measure_name(kind: str) -> str:
    return _NAMES.get(kind, kind.replace("_", " "))


def names(ids: Iterable[str], lexicon: Lexicon, limit: int = 6) -> list[str]:
    """Names of structures; a long list is cut."""
    listed = [lexicon.ontology[id].name for id in ids]
    return listed if len(listed) <= limit else [*listed[: limit - 1], f"{len(listed) - limit + 1} more"]


def _call(call: Call, lexicon: Lexicon) -> str:
    args = call.args
    words: list[str] = []
    within = args.get("within")
    targets = [id for id in call.targets if id in lexicon.ontology]
    if within:
        words.append(lexicon.ontology[within].name)
        words += [_short(id) for id in targets]
    else:
        words += names(targets, lexicon)
    words = list(dict.fromkeys(words))
    if args.get("select", "all") != "all":
        rank = _ORDINALS.get(args.get("rank") or 1, "")
        words.append(" ".join(str(word) for word in (rank, args.get("top"), args["select"]) if word))
    words += _bounds(args.get("min_mm"), args.get("max_mm"))
    words += [measure_name(kind) for kind in args.get("measures", ())]
    if args.get("level"):
        words.append(f"at {' and '.join(names(args['level'], lexicon))}")
    if args.get("status"):
        words.append(f"only {args['status']}")
    if args.get("study") == "prior":
        words.append("against the prior study")
    if call.tool not in ("segment", "measure", "detect"):
        words.insert(0, call.tool)
    return ", ".join(words)


def _short(id: str) -> str:
    """A lesion without its organ, which `within` names."""
    return id.rsplit("_", 1)[-1] if id.endswith(("_tumor", "_cyst")) else id


def _bounds(low: float | None, high: float | None) -> list[str]:
    if low is not None and high is not None:
        return [f"{low:g} to {high:g} mm"]
    if low is not None:
        return [f"{low:g} mm or more"]
    return [f"up to {high:g} mm"] if high is not None else []
