"""bodymaps structures: what can be named, and which segmenters can find it."""

from __future__ import annotations

import typer

from assistant.cli.common import AsJson, clean_stdout, put_json
from prompts.ontology import ontology, record

app = typer.Typer(add_completion=False)


@app.command()
def structures(as_json: AsJson = False) -> None:
    """List every structure: id, kind, name, and the segmenters that can find it."""
    with clean_stdout() as out:
        able = supported()
        for structure in ontology().values():
            names = [name for name, ids in able.items() if structure.id in ids]
            if as_json:
                put_json(record(structure, names), out)
            else:
                print(
                    f"{structure.id:34} {structure.kind:7} {structure.name:34} {', '.join(names)}", file=out
                )


def supported() -> dict[str, frozenset[str]]:
    """The structures of every segmenter that can run here without an argument, such as a path to weights."""
    from encoders.segmenters.registry import ENTRIES, load

    return {
        name: load(name).supported()
        for name, entry in ENTRIES.items()
        if ":" not in entry.spec.partition("[")[0] and entry.missing() is None
    }
