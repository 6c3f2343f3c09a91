"""Prompt suites: a YAML header and a JSONL file of conversations with what each turn should become."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from encoders.errors import BodyMapsError

SUITES = Path(__file__).parent.parent / "suites"


@dataclass(frozen=True)
class Turn:
    """One request and the plan that it should become: {"status", "calls": [{"tool", "args"}]}.

    scan: a new study is opened before the request. say, never: words that the answer must and must not hold, in
    any case. corrects: the request mends what the turn before it understood.
    """

    user: str
    expect: dict[str, Any]
    scan: str | None = None
    say: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    corrects: bool = False


@dataclass(frozen=True)
class Case:
    """One conversation. group: the intent that it is a paraphrase of, when the suite has such groups.

    scan: the study that it is about, when it can be run: a phantom of `eval/scans.yaml`, or the demo CT.
    edits: how many typing errors it has. rung: how specific it is, 1 the least.
    mirror: the id of the case on the mirrored study whose answer must be this one's mirror image.
    """

    id: str
    turns: tuple[Turn, ...]
    group: str | None = None
    scan: str | None = None
    edits: int | None = None
    rung: int | None = None
    mirror: str | None = None


@dataclass(frozen=True)
class Suite:
    """header: the YAML header; empty for a plain JSONL file. lock: a hash of both files: equal for equal suites."""

    name: str
    header: dict[str, Any]
    cases: tuple[Case, ...]
    lock: str = ""


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
    return [_with_header(beside) if beside.is_file() else Suite(path.stem, {}, _cases(path), file_hash(path))]


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
            picked.append(replace(suite, cases=cases))
    return picked


def _with_header(path: Path) -> Suite:
    try:
        header = yaml.safe_load(path.read_text("utf-8"))
        cases = path.parent / header["file"]
        return Suite(header["suite"], header, _cases(cases), file_hash(path, cases))
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
            options = {name: record.get(name) for name in ("group", "scan", "edits", "rung", "mirror")}
            cases.append(Case(str(record["id"]), tuple(map(_turn, record["turns"])), **options))
        except (ValueError, KeyError, TypeError) as error:
            raise BodyMapsError(
                f"line {number} of {path} is no case: it needs id and turns of user and expect ({error})"
            ) from error
    if not cases:
        raise BodyMapsError(f"{path} has no cases")
    return tuple(cases)


def _turn(record: dict[str, Any]) -> Turn:
    return Turn(
        record["user"],
        _expectation(record["expect"]),
        record.get("scan"),
        tuple(record.get("say", ())),
        tuple(record.get("never", ())),
        bool(record.get("corrects")),
    )


def file_hash(*paths: Path) -> str:
    """Of the files' bytes, in this order."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _expectation(record: dict[str, Any]) -> dict[str, Any]:
    calls = [{"tool": str(c["tool"]), "args": dict(c.get("args") or {})} for c in record.get("calls", ())]
    return {"status": str(record["status"]), "calls": calls}
