"""The page: what happens when its widgets are used. All state is in the browser session's `Reading`."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import gradio as gr

from assistant.events import Event, TextToken, ToolProgress
from assistant.ui import chat, mending, panels, prior, space, take, uploads
from assistant.ui.api import Verbs
from assistant.ui.look import keep_no_values
from assistant.ui.places import chips
from assistant.ui.reading import Reading
from assistant.ui.store import Store
from assistant.ui.widgets import Updates, Widgets
from assistant.ui.words import not_opened, page
from encoders.errors import BodyMapsError, Cancelled

if TYPE_CHECKING:
    from assistant.answer import Answer
    from assistant.session import Assistant, Session

log = logging.getLogger(__name__)

MOST_WAITING = 200
"""Events of browser sessions that may wait for their turn; more are told to come back."""
QUESTIONS_AT_ONCE = 1
"""Questions that compute at the same time, over all browser sessions: one uses every core there is."""
REFRESH_SECONDS = 0.15
"""Words and progress that come faster than this are shown together."""
FORGET_UPLOADS_SECONDS = 600
"""Uploads are deleted once they are read; this is for those that never arrive whole."""


class Page:
    """The page and its handlers.

    assistant: opens studies. first: the study that every browser session begins with, if any.
    paths: the folder whose files programs may open by their path; None: they can only upload.
    blocks: the Gradio app.
    """

    def __init__(self, assistant: Assistant, first: Path | None = None, paths: Path | None = None) -> None:
        self.assistant = assistant
        self.first = first
        self.store = Store()
        sweep = (FORGET_UPLOADS_SECONDS, FORGET_UPLOADS_SECONDS)
        with gr.Blocks(
            title=page()["title"], analytics_enabled=False, fill_width=True, delete_cache=sweep
        ) as self.blocks:
            self.widgets = Widgets()
            Verbs(assistant, self.store, paths)  # first: the page's own events make room for their names
            self._wire()
        self.blocks.queue(max_size=MOST_WAITING)
        keep_no_values()

    @property
    def routes(self) -> list[Any]:
        """Routes of the web server beside Gradio's own: what the 3D viewer is given, and what is taken away."""
        return [*space.routes(self.store.at), *mending.routes(self.store.at), *take.routes(self.store.at)]

    def _wire(self) -> None:
        w, everything = self.widgets, self.widgets.everything
        plain: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        once = plain | {"trigger_mode": "once"}
        quick = plain | {"queue": False}
        latest = quick | {"trigger_mode": "always_last"}

        if self.first is not None:
            self.blocks.load(self.begin, None, everything, **plain)
        self.blocks.unload(self.end)
        w.upload.upload(self.open_upload, w.upload, everything, **once)
        w.demo.click(self.open_demo, None, everything, **once)

        asked = w.question.submit(self.ask, w.question, w.conversation, **quick)
        picked = w.chatbot.example_select(self.ask_example, None, w.conversation, **quick)
        for event in (asked, picked):
            # Gradio makes each output anew for each update, even what stays: few outputs while words come in
            told = event.then(self.answer, None, w.telling, concurrency_limit=QUESTIONS_AT_ONCE, **plain)
            told.then(self.show, None, everything, **quick)
        w.question.stop(self.stop, None, w.progress, **quick)

        picture = [w.viewer, w.space, w.slice]
        w.slice.input(self.go_to_slice, w.slice, picture, **latest)
        w.viewer.input(self.scroll, None, picture, **latest)
        for name, widget in (
            ("shown", w.plane),
            ("window", w.window),
            ("opacity", w.opacity),
            ("boxes", w.boxes),
        ):
            widget.input(self._changer(name), widget, picture, **latest)
        w.findings.select(self.choose, None, w.reading, **latest)
        w.jump.select(self.jump, None, w.reading, **latest)
        mending.Mending(self.store, w).wire(quick)
        prior.Prior(self.store, w, self._uploaded).wire(once)

    # -- studies

    def begin(self, request: gr.Request) -> Iterator[Updates]:
        """A page was loaded, and there is a study to begin with."""
        path = self.first or Path()
        yield from self._open(request, path.name, lambda: Reading(self.assistant.open(path), path.name))

    def end(self, request: gr.Request) -> None:
        """A page was closed."""
        if request.session_hash:
            self.store.drop(request.session_hash)

    def open_upload(self, upload: str | None, request: gr.Request) -> Iterator[Updates]:
        """Open an uploaded file, and delete it once its pixels are in memory."""
        if upload is None:
            yield self.widgets.problem(page()["no_file"])
            return
        path, key = Path(upload), _key(request)
        yield from self._open(request, path.name, lambda: Reading(self._uploaded(key, path), path.name))

    def _uploaded(self, key: str, path: Path) -> Session:
        """A session on an uploaded file, which is deleted once its pixels are in memory."""
        return uploads.opened(self.assistant, path, partial(self.store.room, key))

    def open_demo(self, request: gr.Request) -> Iterator[Updates]:
        """Open the demo CT; it is fetched when it is not there yet."""
        from assistant.demo import credit, demo_study

        def opened() -> Reading:
            return Reading(self.assistant.open(demo_study()), page()["demo_name"], credit())

        yield from self._open(request, page()["demo_name"], opened, page()["loading_demo"])

    def _open(
        self, request: gr.Request, name: str, opened: Callable[[], Reading], doing: str = ""
    ) -> Iterator[Updates]:
        key, problem = _key(request), ""
        yield self.widgets.opening(doing or page()["opening"].format(name=name))
        try:
            self.store.put(key, opened())
        except BodyMapsError as error:
            problem = not_opened(name, error)
        except Exception as error:
            log.exception("a study could not be opened")
            problem = not_opened(name, error)
        yield self.widgets.all(self.store.get(key), problem)

    # -- questions

    def ask(self, text: str, request: gr.Request) -> Updates:
        """Take a question: show it at once, before anything is computed."""
        reading = self.store.get(_key(request))
        if reading is None:
            return self.widgets.problem(page()["ask_first"])
        taken = reading.question is None and bool(text.strip())
        if taken:
            reading.question, reading.stopped = text.strip(), False
            reading.turns.append(chat.turn(reading.question, []))
            reading.corrections = []
        return self.widgets.talk(reading) | self.widgets.input(reading, clear=taken)

    def ask_example(self, event: gr.SelectData, request: gr.Request) -> Updates:
        return self.ask(str(event.value["text"]), request)

    async def answer(self, request: gr.Request) -> AsyncIterator[Updates]:
        """Answer the question that was taken, as it happens."""
        key = _key(request)
        reading = self.store.get(key)
        if reading is None or reading.question is None:
            return
        question, events, ending, shown = reading.question, list[Event](), "", 0.0
        try:
            async with aclosing(self._events(key, reading, question)) as stream:
                async for event in stream:
                    events.append(event)
                    frequent = isinstance(event, (TextToken, ToolProgress))
                    if frequent and time.monotonic() - shown < REFRESH_SECONDS:
                        continue
                    shown = time.monotonic()
                    reading.turns[-1] = chat.turn(question, events)
                    yield self.widgets.talk(reading, events)
        except Cancelled:
            ending = page()["stopped"]
        except BodyMapsError as error:
            ending = str(error)
        except Exception as error:
            log.exception("a question was not answered")
            ending = page()["failed"].format(error=type(error).__name__)
        finally:
            reading.question = None
        reading.turns[-1] = chat.turn(question, events, ending)
        if (answer := chat.answer_of(events)) is not None:
            reading.follow(answer)
            self._offer(reading, answer)

    def show(self, request: gr.Request) -> Updates:
        """Everything as it is now; without a study the notice of `ask` stays."""
        reading = self.store.get(_key(request))
        return self.widgets.all(reading, "" if reading else page()["ask_first"])

    def _offer(self, reading: Reading, answer: Answer) -> None:
        """Put chips under an answer."""
        offered = chips(answer, reading.geometry)
        if offered:
            html = gr.HTML(panels.chips(offered, len(reading.chips)))
            reading.turns[-1].append({"role": "assistant", "content": html})
            reading.chips += offered

    async def _events(self, key: str, reading: Reading, question: str) -> AsyncGenerator[Event, None]:
        """The session's events, for as long as somebody wants them. Raises Cancelled when nobody does."""
        if reading.stopped:
            raise Cancelled
        stream = cast(AsyncGenerator[Event, None], reading.session.stream(question))
        async with aclosing(stream):
            async for event in stream:
                if self.store.get(key) is not reading:  # closed, or another study was opened
                    raise Cancelled
                yield event

    def stop(self, request: gr.Request) -> Updates:
        """Stop the question that is being answered, or is waiting."""
        reading = self.store.get(_key(request))
        if reading is None:
            return {self.widgets.progress: ""}
        reading.stopped = True
        reading.session.cancel()
        return {self.widgets.progress: panels.progress(0.0, page()["stopping"], True)}

    # -- looking

    def go_to_slice(self, index: float, request: gr.Request) -> Updates:
        return self._looking(request, lambda reading: setattr(reading, "slice", index))

    def scroll(self, event: gr.EventData, request: gr.Request) -> Updates:
        """The wheel or an arrow key on the picture."""
        steps = max(-100, min(100, int(event.steps)))
        return self._looking(request, lambda reading: reading.scroll(steps))

    def choose(self, event: gr.EventData, request: gr.Request) -> Updates:
        """A row of the findings table."""
        reading = self.store.get(_key(request))
        if reading is None:
            return self.widgets.problem(page()["gone"])
        found, row = reading.findings, int(event.row)
        if 0 <= row < len(found):
            reading.look_at(found[row])
        return self.widgets.view(reading) | {self.widgets.findings: panels.findings_table(reading)}

    def jump(self, event: gr.EventData, request: gr.Request) -> Updates:
        """A chip under an answer."""
        reading = self.store.get(_key(request))
        if reading is None:
            return self.widgets.problem(page()["gone"])
        number = int(event.chip)
        if 0 <= number < len(reading.chips):
            reading.go(reading.chips[number].place, reading.chips[number].key)
        return self.widgets.view(reading) | {self.widgets.findings: panels.findings_table(reading)}

    def _changer(self, name: str) -> Callable[..., Updates]:
        """A handler that sets one field of the view."""

        def change(value: Any, request: gr.Request) -> Updates:
            return self._looking(request, lambda reading: setattr(reading.view, name, value))

        return change

    def _looking(self, request: gr.Request, change: Callable[[Reading], None]) -> Updates:
        """Change how the study is looked at, and show it."""
        reading = self.store.get(_key(request))
        if reading is not None:
            change(reading)
        return self.widgets.picture(reading)


def _key(request: gr.Request) -> str:
    """What tells one browser session from another."""
    if not request.session_hash:
        raise BodyMapsError("this request belongs to no browser session: reload the page")
    return request.session_hash
