"""Small words: verbs in two pieces ("leave the gallbladder out"), and dashes that stand for a comma."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .meaning import Tag

_LEAVE = ("leave", "leaving", "keep", "keeping")


def rejoined(tags: Sequence[Tag]) -> list[Tag]:
    """The tags with "leave ... out" read as "leave out ..."."""
    made = list(tags)
    for place, tag in enumerate(tags):
        if tag.keys[-1] not in _LEAVE or tag.kind in ("neg", "verb"):
            continue
        out = next((t for t in tags[place + 1 :] if t.keys == ("out",) or t.kind in ("seq", "verb")), None)
        if out is not None and out.keys == ("out",):
            made[made.index(tag)] = replace(tag, kind="neg", value="except", keys=("leave", "out"))
            made.remove(out)
    return made


def punctuated(tags: Sequence[Tag]) -> list[Tag]:
    """The tags with a dash between words read as a comma: "not the right kidney - the left"."""
    return [
        replace(tag, kind="conj", value=True, keys=(",",))
        if tag.kind == "sign" and tag.keys == ("-",)
        else tag
        for tag in tags
    ]
