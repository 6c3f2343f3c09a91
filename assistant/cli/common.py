"""What the verbs share: options, progress on standard error, JSON on standard output."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from encoders.errors import BodyMapsError, Cancelled
from prompts.ontology import ontology

if TYPE_CHECKING:
    from assistant.answer import Answer
    from assistant.events import Event
    from assistant.session import Session

StudyPath = Annotated[Path, typer.Argument(help="NIfTI, MHA, NRRD, a DICOM folder, or a zip of one.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line on standard output.")]
Llm = Annotated[
    str | None, typer.Option(help="A LangChain model such as ollama:qwen3:8b; default: offline planner.")
]
SegmenterSpec = Annotated[
    str, typer.Option("--segmenter", help="Which model segments; see `bodymaps doctor`.")
]


@contextmanager
def clean_stdout() -> Iterator[IO[str]]:
    """The real standard output, while all that libraries print goes to standard error."""
    out = sys.stdout
    with redirect_stdout(sys.stderr):
        yield out


def put_json(record: Any, out: IO[str]) -> None:
    print(json.dumps(record, ensure_ascii=False), file=out, flush=True)


def structure_ids(names: Iterable[str]) -> list[str]:
    """Ids of structures given by id, name or synonym; raises BodyMapsError with the nearest ids for an
    unknown one.
    """
    words = ontology()
    ids: list[str] = []
    for name in names:
        found = (name,) if name in words else words.exact(name)
        if not found:
            from rapidfuzz import process

            near = [match for match, *_ in process.extract(name, list(words), limit=3, score_cutoff=70)]
            nearest = f"; nearest: {', '.join(near)}" if near else ""
            raise BodyMapsError(f"unknown structure '{name}'{nearest} (see `bodymaps structures`)")
        ids += found
    return list(dict.fromkeys(ids))


class Bar:
    """A progress bar on standard error, fed by a session's events or by a progress callback."""

    def __init__(self, title: str = "") -> None:
        from tqdm import tqdm

        self._bar = tqdm(
            total=100,
            desc=title,
            file=sys.stderr,
            leave=False,
            bar_format="{desc} {percentage:3.0f}%|{bar}| {elapsed}",
        )

    def progress(self, fraction: float, text: str) -> None:
        self._bar.set_description_str(text, refresh=False)
        self._bar.n = round(100 * min(max(fraction, 0.0), 1.0))
        self._bar.refresh()

    def event(self, event: Event) -> None:
        from assistant.events import ToolProgress, ToolStarted

        if isinstance(event, ToolStarted):
            self.progress(0.0, event.tool)
        elif isinstance(event, ToolProgress):
            self.progress(event.fraction, f"{event.tool}: {event.text}")

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()


def ask_until_stopped(session: Session, request: str, bar: Bar) -> Answer:
    """`session.ask`, which Ctrl-C ends at its next step. Raises Cancelled then.

    The agent runs its tools in threads that it waits for, whatever happens, so they must be told to stop.
    """
    import_module("assistant.agent")  # takes seconds, and only here Ctrl-C ends it at once
    with ThreadPoolExecutor(1) as worker:
        answer = worker.submit(session.ask, request, bar.event)
        try:
            return answer.result()
        except KeyboardInterrupt:
            session.cancel()
            raise Cancelled from None
