"""A conversation about one CT: open, ask, stream, correct, undo, redo."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assistant.answer import Answer
from assistant.events import Answered, Event, TextToken
from assistant.running import Emit, Running, in_words
from assistant.steps import State, Step, Steps
from assistant.tools.base import Turn
from assistant.wording import compose, words
from assistant.workspace import Workspace
from encoders.errors import BodyMapsError, Cancelled

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel

    from assistant.study import Study
    from encoders.segmenters.base import Segmenter


class Assistant:
    """Opens studies.

    llm: None for the offline planner, else a LangChain spec ("ollama:qwen3:8b") or chat model.
    segmenter: a spec ("embedded", "universal:/models/swinunetr.pth") or a Segmenter.
    """

    def __init__(
        self, llm: str | BaseChatModel | None = None, segmenter: str | Segmenter = "embedded"
    ) -> None:
        self._llm = llm
        self._segmenter = segmenter

    @cached_property
    def segmenter(self) -> Segmenter:
        """The segmenter; its weights are loaded when it is first used."""
        if not isinstance(self._segmenter, str):
            return self._segmenter
        from encoders.segmenters.registry import load

        return load(self._segmenter)

    @cached_property
    def llm(self) -> BaseChatModel | None:
        """The chat model, made when it is first used; None for the offline planner."""
        if self._llm is None:
            return None
        from assistant.agent import chat_model

        return chat_model(self._llm)

    def open(
        self,
        study: str | Path | Study,
        out: str | Path | None = None,
        prior: str | Path | Study | None = None,
    ) -> Session:
        """A session on a CT: a path (NIfTI, MHA, NRRD, DICOM folder, zip) or a Study. Nothing is computed
        yet.

        out: the folder that "export" saves to. prior: an earlier CT of the patient, to compare with.
        Raises BodyMapsError when a CT cannot be read, or the segmenter or the language model cannot be used.
        """
        session = Session(_opened(study), self.segmenter, self.llm, Path(out) if out is not None else None)
        if prior is not None:
            session.set_prior(prior)
        return session


class Session:
    """One conversation. Questions are answered one at a time, whichever thread asks."""

    def __init__(
        self,
        study: Study,
        segmenter: Segmenter,
        llm: str | BaseChatModel | None = None,
        out: Path | None = None,
    ) -> None:
        self.study = study
        self.out = out
        self.workspace = Workspace(study, segmenter)
        self.prior: Session | None = None
        """The session on an earlier CT of the same patient, see `set_prior`."""
        self._llm = llm
        self._steps = Steps()
        self._messages: list[Any] = []
        self._running: Running | None = None
        self._lock = threading.RLock()

    @property
    def history(self) -> tuple[Answer, ...]:
        return tuple(step.answer for step in self._steps.done)

    @property
    def can_redo(self) -> bool:
        return bool(self._steps.undone)

    @cached_property
    def _agent(self) -> Any:
        from assistant.agent import OfflinePlanner, build_agent, chat_model

        model = chat_model(self._llm)
        if isinstance(model, OfflinePlanner):
            model.heard = lambda plan: self._current().understood(plan.understood)
            model.can_find = self.workspace.can_find
        return build_agent(model, lambda name, args: self._current().run(name, args))

    def ask(self, text: str, on_event: Emit | None = None) -> Answer:
        """Answer one request.

        on_event: gets the events of `stream`, in the calling thread. Raises Cancelled after `cancel`, and
        BodyMapsError for no text or a language model out of reach; the conversation is then as it was.
        """
        if not isinstance(text, str):
            raise BodyMapsError(f'ask in words, such as "How big is the liver?", not {type(text).__name__}')
        with self._lock:
            for session in (self, self.prior):
                if session is not None:
                    session.workspace.cancelled.clear()
            return self._ask(text, on_event or _ignore)

    def call(self, tool: str, args: Mapping[str, Any]) -> Answer:
        """Answer with one tool, without words to plan: for programs. The request of the answer is the tool's name.

        Raises Cancelled after `cancel`, and BodyMapsError when the tool cannot do it; nothing has changed then.
        """
        with self._lock:
            self.workspace.cancelled.clear()
            return self._by_hand(tool, dict(args), in_words(tool, dict(args)))

    async def stream(self, text: str) -> AsyncIterator[Event]:
        """The events of one request, the answer last. Closing the iterator early cancels the work."""
        loop, queue = asyncio.get_running_loop(), asyncio.Queue[Event | None]()

        def put(event: Event | None) -> None:
            loop.call_soon_threadsafe(queue.put_nowait, event)

        work = asyncio.create_task(asyncio.to_thread(self.ask, text, put))
        work.add_done_callback(lambda _: queue.put_nowait(None))
        try:
            while (event := await queue.get()) is not None:
                yield event
            await work
        finally:
            if not work.done():
                self.cancel()
                await asyncio.gather(work, return_exceptions=True)

    def cancel(self) -> None:
        """Stop the running question, from any thread; it raises Cancelled."""
        for session in (self, self.prior):
            if session is not None:
                session.workspace.cancelled.set()

    def set_prior(self, study: str | Path | Study | Session | None) -> None:
        """Take an earlier CT of the patient to compare with; None: no longer any. Nothing is computed yet.

        That it is the earlier one, and of the same patient, is taken as said: no names or dates are kept.
        Raises BodyMapsError when the CT cannot be read.
        """
        if study is None or isinstance(study, Session):
            prior = study
        else:
            prior = Session(_opened(study), self.workspace.segmenter, self._llm)
        with self._lock:
            self.prior = prior

    def correct(
        self,
        structure: str,
        include: Sequence[Sequence[float]] = (),
        exclude: Sequence[Sequence[float]] = (),
        box: Sequence[Sequence[float]] | None = None,
        **more: Any,
    ) -> Answer:
        """Mend a mask by hand, as a step of the conversation; later answers use the mended mask.

        include, exclude: points inside and outside, RAS+ mm. box: two opposite corners around all of the structure.
        more: further arguments of the tool: include_voxel, exclude_voxel, box_voxel, radius_mm, brush.
        Raises BodyMapsError for an unknown structure or marks outside the scan; nothing has changed then.
        """
        args: dict[str, Any] = {"targets": [structure]}
        args |= {"include_mm": _plain(include), "exclude_mm": _plain(exclude)} | more
        args |= {"box_mm": _plain(box)} if box is not None else {}
        given = {name: value for name, value in args.items() if value or value == 0}
        known = self.workspace.words
        name = known[structure].name if structure in known else structure
        request = words()["correct"]["request"].format(name=name)
        with self._lock:
            return self._by_hand("correct", given, request)

    def undo(self, steps: int = 1) -> None:
        """Forget the last turns. Masks stay, so asking again costs nothing."""
        with self._lock:
            self._go(self._steps.back(steps))

    def redo(self, steps: int = 1) -> None:
        """Make turns again that were undone, as long as nothing else was asked since."""
        with self._lock:
            self._go(self._steps.forth(steps))

    def _go(self, state: State | None) -> None:
        if state is not None:
            self._messages, mended = state
            self.workspace.restore(mended)

    def save_all(self, target: str | Path) -> Path:
        """Masks, findings, report and pictures into a folder, or into one file when `target` ends in .zip.

        Returns the target. Raises BodyMapsError when nothing was looked for yet, or it cannot be written.
        """
        from assistant.export.bundle import save_all

        return save_all(self, Path(target))

    # -- one turn

    def _ask(self, text: str, emit: Emit) -> Answer:
        from langchain_core.messages import HumanMessage

        from assistant.agent import speak, tokens

        before, running = self._state(), self._begin(emit)
        try:
            messages = speak(self._agent, [*before[0], HumanMessage(text)])
        except (BodyMapsError, Cancelled):
            raise
        except Exception as error:
            if self._llm is None or error is running.broken:
                raise
            raise BodyMapsError(f"the language model did not answer: {_first_line(error)}") from error
        finally:
            self._running = None
        last = messages[-1]
        for sentence in last.response_metadata.get("removed", ()):
            running.turn.warn(f"{words()['removed']} ({sentence})")
        for token in tokens(last.text):
            emit(TextToken(token))
        answer = running.answer(text, last.text, messages[len(before[0]) :])
        self._settle(running, answer, before, messages)
        emit(Answered(answer))
        return answer

    def _by_hand(self, tool: str, args: dict[str, Any], request: str) -> Answer:
        """One tool as a step of the conversation, with the words that stand for it there."""
        from langchain_core.messages import AIMessage, HumanMessage

        before, running = self._state(), self._begin(_ignore)
        try:
            result = running.run(tool, args)
        finally:
            self._running = None
        if "error" in result:
            raise BodyMapsError(str(result["error"]))
        answer = running.answer(request, compose(running.results), [])
        self._settle(running, answer, before, [*before[0], HumanMessage(request), AIMessage(answer.text)])
        return answer

    def _state(self) -> State:
        return self._messages, self.workspace.mended()

    def _begin(self, emit: Emit) -> Running:
        prior = self.prior.workspace if self.prior is not None else None
        redoable = len(self._steps.undone)
        turn = Turn(self.workspace, out=self.out, history=self.history, prior=prior, redoable=redoable)
        for warning in self.study.warnings if not self._steps.done else ():
            turn.warn(warning)
        self._running = Running(turn, emit)
        return self._running

    def _current(self) -> Running:
        assert self._running is not None, "tools run only while a question is answered"
        return self._running

    def _settle(self, running: Running, answer: Answer, before: State, messages: list[Any]) -> None:
        """Make a turn a step of the history; going back or forth is none."""
        if any(call.tool in ("undo", "redo") for call in running.calls):
            self.undo(running.turn.undone)
            self.redo(running.turn.redone)
            return
        self._messages = messages
        self._steps.add(Step(answer, before, self._state()))


def _opened(study: str | Path | Study) -> Study:
    from assistant.study import open_study

    return open_study(Path(study)) if isinstance(study, (str, Path)) else study


def _plain(points: Sequence[Sequence[float]]) -> list[list[float]]:
    """Tuples and arrays as lists of numbers. Raises BodyMapsError for what is no point."""
    try:
        return [[float(value) for value in point] for point in points]
    except (TypeError, ValueError) as error:
        raise BodyMapsError(f"a point is three numbers (x, y, z) in RAS+ mm: {error}") from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _ignore(event: Event) -> None:
    """What happens to events that nobody asked for."""
