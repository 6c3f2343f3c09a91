"""The web page of BodyMaps: `python app.py`, or `bodymaps chat`.

It works without a network, listens on this computer alone unless told otherwise, and sends nothing anywhere.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from encoders.errors import BodyMapsError

if TYPE_CHECKING:
    import gradio as gr
    from langchain_core.language_models.chat_models import BaseChatModel

    from assistant.ui.page import Page
    from encoders.segmenters.base import Segmenter

LARGEST_UPLOAD = "2gb"
PRIVATE = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    # nor does Gradio keep a record of every event, and sum all of them up after each
    "GRADIO_ANALYTICS_MAX_EVENTS": "1",
    "GRADIO_ANALYTICS_CACHE_FREQUENCY": str(10**9),
}
"""What Gradio is told through the environment: nothing is counted or sent."""


@dataclass(frozen=True)
class Access:
    """Who may do what.

    login: a file with lines USER:PASSWORD; None: the variable BODYMAPS_LOGIN, else no login.
    paths: the folder whose files programs may open by their path; None: they can only upload.
    """

    login: Path | None = None
    paths: Path | None = None


def build(
    segmenter: str | Segmenter = "embedded",
    llm: str | BaseChatModel | None = None,
    study: str | Path | None = None,
) -> gr.Blocks:
    """The Gradio app, not launched.

    segmenter, llm: as of `Assistant`. study: what every browser session begins with; None: with nothing open.
    Raises BodyMapsError when the segmenter cannot run here.
    """
    return _page(segmenter, llm, study).blocks


def _page(
    segmenter: str | Segmenter,
    llm: str | BaseChatModel | None,
    study: str | Path | None,
    paths: Path | None = None,
) -> Page:
    os.environ |= PRIVATE
    from assistant import Assistant
    from assistant.ui.page import Page

    if paths is not None and not paths.is_dir():
        raise BodyMapsError(f"{paths} is not a folder: give --allow-paths the folder with the CTs")
    assistant = Assistant(llm, segmenter)
    assert assistant.segmenter  # one that cannot run is told now, not when a study is opened
    return Page(assistant, Path(study) if study is not None else None, paths)


@contextmanager
def serving(
    host: str = "127.0.0.1",
    port: int = 7860,
    study: str | Path | None = None,
    segmenter: str | Segmenter = "embedded",
    llm: str | BaseChatModel | None = None,
    open_browser: bool = False,
    access: Access | None = None,
) -> Iterator[tuple[Page, str]]:
    """The page and its address, served until the block ends. Raises BodyMapsError when the port is taken, the
    segmenter cannot run here or the login cannot be read.

    Uploads lie in a folder of their own that only this user can read; each is deleted as soon as it is read,
    and the folder when the server ends.
    """
    access = access or Access()
    with tempfile.TemporaryDirectory(prefix="bodymaps-") as uploads:
        os.environ["GRADIO_TEMP_DIR"] = uploads
        page = _page(segmenter, llm, study, access.paths)
        from assistant.ui.api import json_over_mcp
        from assistant.ui.guard import LOOPBACK, middleware, users
        from assistant.ui.look import launch_options

        login = users(access.login)
        if host not in LOOPBACK and not login:
            print("BodyMaps: whoever reaches this address can use it; --login asks who", file=sys.stderr)
        try:
            with redirect_stdout(io.StringIO()):  # where Gradio announces MCP
                _, url, _ = page.blocks.launch(
                    server_name=host,
                    server_port=port,
                    inbrowser=open_browser,
                    max_file_size=LARGEST_UPLOAD,
                    prevent_thread_lock=True,
                    **launch_options(page.routes, middleware(host, login)),
                )
        except OSError as error:
            raise BodyMapsError(
                f"port {port} of {host} cannot be used: choose another with --port"
            ) from error
        json_over_mcp(page.blocks)
        try:
            yield page, url
        finally:
            page.blocks.close(verbose=False)


def main(*arguments: Any, **options: Any) -> None:
    """Serve the page until it is interrupted; arguments and errors are those of `serving`."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the uploads go then, too
    with serving(*arguments, **options) as (page, url):
        # the agent's libraries take seconds to import: meanwhile the reader looks for a file
        threading.Thread(target=import_module, args=("assistant.agent",), daemon=True).start()
        print(f"BodyMaps is at {url} (stop it with Ctrl+C)", file=sys.stderr, flush=True)
        if page.blocks.mcp_server:
            print(f"Programs: HTTP API there, MCP at {url}gradio_api/mcp/", file=sys.stderr, flush=True)
        page.blocks.block_thread()


def command(
    study: Annotated[Path | None, typer.Argument(help="A CT to begin with.")] = None,
    host: Annotated[
        str, typer.Option(help="Where to listen; 127.0.0.1 is this computer alone.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.")] = 7860,
    segmenter: Annotated[str, typer.Option(help="Which model segments; see `bodymaps doctor`.")] = "embedded",
    llm: Annotated[str | None, typer.Option(help="A LangChain model; default: the offline planner.")] = None,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = False,
    login: Annotated[
        Path | None, typer.Option(help="Ask who it is: a file with a line USER:PASSWORD for each.")
    ] = None,
    allow_paths: Annotated[
        Path | None, typer.Option(help="Programs may open the CTs in this folder by their path.")
    ] = None,
) -> None:
    """Open the web page."""
    try:
        main(host, port, study, segmenter, llm, browser, Access(login, allow_paths))
    except BodyMapsError as error:
        print(f"app.py: {error}", file=sys.stderr)
        raise typer.Exit(2) from error


if __name__ == "__main__":
    typer.run(command)
