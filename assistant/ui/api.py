"""The verbs for programs: an HTTP API, and tools of the Model Context Protocol. Docstrings are their descriptions."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
from pydantic import ValidationError, validate_call

from assistant.ui import take, uploads
from assistant.ui.guard import REFUSED
from assistant.ui.reading import Reading
from assistant.ui.store import Store
from assistant.ui.words import page
from encoders.errors import BodyMapsError, Cancelled
from prompts.ontology import ontology

if TYPE_CHECKING:
    from assistant.session import Assistant, Session

log = logging.getLogger(__name__)
Result = dict[str, Any]

AT_ONCE = 2
"""Requests of programs that compute at the same time."""
MOST_WAITING = 64
LONGEST_REQUEST = 2000
"""Letters, as in the page's text field."""


class Verbs:
    """What programs can do with the server; made inside a gr.Blocks.

    paths: the folder whose files may be opened by their path; None: only uploads may.
    A study is known by the token that opening it gave. Nobody can list tokens, and a wrong one opens nothing.
    """

    def __init__(self, assistant: Assistant, store: Store, paths: Path | None = None) -> None:
        self._assistant, self._store = assistant, store
        self._paths = paths.resolve() if paths is not None else None
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        verbs: list[Callable[..., Any]] = [self.open_demo, self.ask, self.structures]
        verbs += [self.measure, self.download, self.close_study]
        if self._paths is not None:
            verbs.append(self.open_path)
        for verb in verbs:
            # without Gradio's queue: over MCP it would let the server fetch its own files for a caller
            gr.api(_checked(verb), queue=False)
        gr.api(self.open_study, queue=False)  # takes uploads in several forms, and checks them itself

    async def open_study(self, upload: str) -> dict[str, Any]:
        """Open an uploaded CT: NIfTI, MHA, NRRD or a zip of one DICOM series. The upload is deleted then.

        Returns the study's token, which every other verb takes, its shape, spacing in millimetres and warnings.

        Args:
            upload: The path that POST /gradio_api/upload answered with.
        """

        def opened() -> Result:
            path = uploads.received(upload)
            return self._put(uploads.opened(self._assistant, path, lambda: self._store.room("")))

        return await self._work(opened)

    async def open_demo(self) -> dict[str, Any]:
        """Open the demo CT, TotalSegmentator s0024 (CC BY 4.0); the server fetches it once.

        Returns what open_study does.
        """
        from assistant.demo import demo_study

        return await self._work(lambda: self._put(self._assistant.open(demo_study())))

    async def open_path(self, path: str) -> dict[str, Any]:
        """Open a CT that lies on the server, in the folder that it was started with. A DICOM folder will do, too.

        Returns what open_study does.

        Args:
            path: The file or folder, seen from that folder.
        """

        def opened() -> Result:
            root = self._paths
            assert root is not None
            refused = BodyMapsError(f"'{path}' cannot be opened: give a CT in the server's folder")
            try:
                source = (root / path).resolve()
                if not source.is_relative_to(root) or not source.exists():
                    raise refused
            except (OSError, ValueError) as error:
                raise refused if error is not refused else error from None
            try:
                return self._put(self._assistant.open(source))
            except BodyMapsError as error:
                raise BodyMapsError(str(error).replace(str(source), path)) from error

        return await self._work(opened)

    async def ask(self, study: str, request: str) -> dict[str, Any]:
        """Ask about an open CT in plain words: segment, measure, locate, compare, describe, report, undo.

        Returns the answer: its text, and the findings with boxes, measurements and confidence. Every number comes
        from a mask. Boxes are half-open voxel indices and RAS+ millimetres.

        Args:
            study: The token that opening the study gave.
            request: The question or wish, such as "How big is the liver?".
        """

        def answered(session: Session) -> Result:
            if not request.strip() or len(request) > LONGEST_REQUEST:
                raise BodyMapsError(f"give a request of 1 to {LONGEST_REQUEST} letters")
            return session.ask(request).to_dict()

        return await self._with(study, answered)

    async def structures(self) -> dict[str, Any]:
        """List the structures that this server can look for: {"structures": [{"id", "name", "kind"}, ...]}."""
        supported = self._assistant.segmenter.supported()
        entries = [s for s in ontology().values() if s.id in supported]
        return {"structures": [{"id": s.id, "name": s.name, "kind": s.kind} for s in entries]}

    async def measure(self, study: str, structure: str, measures: list[str]) -> dict[str, Any]:
        """Measure one structure of an open CT, without words to interpret.

        Returns an answer as ask does.

        Args:
            study: The token that opening the study gave.
            structure: The id of a structure, such as kidney_left; see structures.
            measures: Some of longest_diameter, short_axis, max_3d_diameter, craniocaudal_extent, volume, mean_hu,
                std_hu, min_hu, max_hu, max_axial_diameter; empty for what is usual.
        """
        args = {"targets": [structure], "measures": measures}
        return await self._with(study, lambda session: session.call("measure", args).to_dict())

    async def download(self, study: str) -> dict[str, Any]:
        """Tell where masks, findings, report and pictures of an open CT can be fetched as one zip.

        Returns {"address"}, seen from the server's own address.

        Args:
            study: The token that opening the study gave.
        """
        return await self._with(study, lambda _: {"address": take.address(self._reading(study))})

    async def close_study(self, study: str) -> dict[str, Any]:
        """Close a study: the server forgets its pixels and all that was found.

        Args:
            study: The token that opening the study gave.
        """
        try:
            self._reading(study)
        except BodyMapsError as error:
            raise _told(error) from error
        self._store.drop(_key(study))
        return {"closed": True}

    # -- how they work

    def _put(self, session: Session) -> Result:
        reading = Reading(session, "")
        self._store.put(_key(reading.token), reading)
        geometry = reading.geometry
        return {
            "study": reading.token,
            "shape": list(geometry.shape),
            "spacing_mm": [round(float(v), 4) for v in geometry.spacing],
            "orientation": geometry.orientation,
            "warnings": list(session.study.warnings),
        }

    def _reading(self, token: str) -> Reading:
        reading = self._store.get(_key(token))
        if reading is None:
            raise BodyMapsError(page()["api"]["unknown"])
        return reading

    async def _with(self, token: str, job: Callable[[Session], Result]) -> Result:
        return await self._work(lambda: job(self._reading(token).session))

    async def _work(self, job: Callable[[], Result]) -> Result:
        """Do a job beside the web server's loop, when its turn comes. What goes wrong is told in a sentence."""
        if self._waiting >= MOST_WAITING:
            raise gr.Error(page()["api"]["busy"], print_exception=False)
        self._waiting += 1
        try:
            async with self._turns:
                return await asyncio.to_thread(job)
        except Cancelled as error:
            raise gr.Error(page()["stopped"], print_exception=False) from error
        except BodyMapsError as error:
            raise _told(error) from error
        except Exception as error:
            log.exception("a request of a program failed")
            raise gr.Error(
                page()["failed"].format(error=type(error).__name__), print_exception=False
            ) from error
        finally:
            self._waiting -= 1


def _key(token: str) -> str:
    """Apart from the keys of browser sessions, which browsers choose."""
    return f"program {token}"


def _told(error: BodyMapsError) -> gr.Error:
    return gr.Error(str(error), title=REFUSED, print_exception=False)


def _checked(verb: Callable[..., Any]) -> Callable[..., Any]:
    """The verb, refusing arguments of other types than its own: Gradio passes on whatever JSON it was sent."""
    strict = validate_call(verb)

    @wraps(verb)
    async def call(*args: Any) -> Any:
        try:
            return await strict(*args)
        except ValidationError as error:
            wrong = error.errors()[0]
            position, *within = wrong["loc"]
            place = [list(signature(verb).parameters)[int(position)], *map(str, within)]
            raise _told(BodyMapsError(f"{'.'.join(place)}: {wrong['msg']}")) from error

    return call


def json_over_mcp(blocks: gr.Blocks) -> None:
    """Have MCP tools answer in JSON; Gradio itself would write Python. To be called once the server runs."""
    if blocks.mcp_server_obj is None:
        return
    from mcp.types import TextContent

    def content(data: list[Any], root_url: str) -> list[TextContent]:
        return [TextContent(type="text", text=json.dumps(item, ensure_ascii=False)) for item in data]

    blocks.mcp_server_obj.postprocess_output_data = content  # type: ignore[method-assign, assignment]
