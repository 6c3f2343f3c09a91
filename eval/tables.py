"""Plain tables for the terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Sequence


def markdown(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; None becomes a dash, floats get three digits."""

    def cell(value: object) -> str:
        if value is None:
            return "-"
        return f"{value:.3f}" if isinstance(value, float) else str(value)

    lines = [[*map(str, header)], *[[cell(v) for v in row] for row in rows]]
    widths = [max(len(line[c]) for line in lines) for c in range(len(header))]

    def draw(line: Sequence[str]) -> str:
        return "| " + " | ".join(v.ljust(w) for v, w in zip(line, widths, strict=True)) + " |"

    rule = "|" + "|".join("-" * (w + 2) for w in widths) + "|"
    return "\n".join([draw(lines[0]), rule, *map(draw, lines[1:])])
