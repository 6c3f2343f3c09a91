"""Prompt suites: a YAML header and a JSONL file of conversations with what each turn should become."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from encoders.errors import BodyMapsError

SUITES = Path(__file__).parent.parent / "suites"


@dataclass(frozen=True)
class Turn:
    """One request and the plan that it should become: {"status", "calls": [{"tool", "args"}]}."""

    user: str
    expect: dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One conversation. group: the intent that it is a paraphrase of, when the suite has such groups."""

    id: str
    turns: tuple[Turn, ...]
    group: str | None = None


@dataclass(frozen=True)
class Suite:
    """header: the YAML header; empty for a plain JSONL file."""

    name: str
    header: dict[str, Any]
    cases: tuple[Case, ...]


def suite_names() -> list[str]:
    """The project's own suites."""
    return sorted(path.stem for path in SUITES.glob("*.yaml"))


def load_suites(spec: str) -> list[Suite]:
    """The suites of a name, of `all`, or of a path to a JSONL file or its YAML header.

    Raises BodyMapsError when there is no such suite, or when a line of it is not a case.
    """
    if spec == "all":
        return [_with_header(SUITES / f"{name}.yaml") for name in suite_names()]
    if spec in suite_names():
        return [_with_header(SUITES / f"{spec}.yaml")]
    path = Path(spec)
    if not path.is_file():
        raise BodyMapsError(
            f"no suite '{spec}': give a JSONL file, `all`, or one of {', '.join(suite_names())}"
        )
    if path.suffix in (".yaml", ".yml"):
        return [_with_header(path)]
    beside = path.with_suffix(".yaml")
    return [_with_header(beside) if beside.is_file() else Suite(path.stem, {}, _cases(path))]


def stratified(suites: Sequence[Suite], limit: int) -> list[Suite]:
    """At most `limit` conversations in all, one of each suite in turn, evenly spread over each suite."""
    quota = [0] * len(suites)
    while sum(quota) < limit:
        open_ = [i for i, suite in enumerate(suites) if quota[i] < len(suite.cases)]
        if not open_:
            break
        for i in open_[: limit - sum(quota)]:
            quota[i] += 1
    picked = []
    for suite, n in zip(suites, quota, strict=True):
        cases = tuple(suite.cases[i * len(suite.cases) // n] for i in range(n))
        if cases:
            picked.append(Suite(suite.name, suite.header, cases))
    return picked


def _with_header(path: Path) -> Suite:
    try:
        header = yaml.safe_load(path.read_text("utf-8"))
        return Suite(header["suite"], header, _cases(path.parent / header["file"]))
    except (yaml.YAMLError, KeyError, TypeError, OSError) as error:
        raise BodyMapsError(
            f"{path} is no header of a suite: it needs `suite` and `file` ({error})"
        ) from error


def _cases(path: Path) -> tuple[Case, ...]:
    cases = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            turns = tuple(Turn(t["user"], _expectation(t["expect"])) for t in record["turns"])
            cases.append(Case(str(record["id"]), turns, record.get("group")))
        except (ValueError, KeyError, TypeError) as error:
            raise BodyMapsError(
                f"line {number} of {path} is no case: it needs id and turns of user and expect ({error})"
            ) from error
    if not cases:
        raise BodyMapsError(f"{path} has no cases")
    return tuple(cases)


def _expectation(record: dict[str, Any]) -> dict[str, Any]:
    calls = [{"tool": str(c["tool"]), "args": dict(c.get("args") or {})} for c in record.get("calls", ())]
    return {"status": str(record["status"]), "calls": calls}
