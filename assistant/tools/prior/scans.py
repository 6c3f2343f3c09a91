"""What was found of the same structures in this scan and in the prior one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assistant.tools.base import Query, Turn
from assistant.tools.look import look


@dataclass(frozen=True, eq=False)
class Scans:
    """now, then: what `look` found in the scan of `turn` and in that of `earlier`, with the measures `kinds`.

    status: "new" or "gone", when only such lesions are asked for.
    """

    turn: Turn
    earlier: Turn
    query: Query
    kinds: Sequence[str]
    now: Mapping[str, Any]
    then: Mapping[str, Any]
    status: str | None = None

    @classmethod
    def look(
        cls,
        turn: Turn,
        earlier: Turn,
        query: Query,
        targets: Sequence[str],
        kinds: Sequence[str],
        status: str | None = None,
    ) -> Scans:
        asked = Query(targets=list(targets), within=query.within, unit=query.unit)
        now, then = look(turn, asked, kinds), look(earlier, asked, kinds)
        return cls(turn, earlier, query, kinds, now, then, status)
