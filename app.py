"""The web page of BodyMaps: `python app.py`, or `bodymaps chat`.

It works without a network, listens on this computer alone unless told otherwise, and sends nothing anywhere.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from encoders.errors import BodyMapsError

if TYPE_CHECKING:
    import gradio as gr
    from langchain_core.language_models.chat_models import BaseChatModel

    from assistant.ui.page import Page
    from encoders.segmenters.base import Segmenter

LARGEST_UPLOAD = "2gb"


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


def _page(segmenter: str | Segmenter, llm: str | BaseChatModel | None, study: str | Path | None) -> Page:
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    from assistant import Assistant
    from assistant.ui.page import Page

    assistant = Assistant(llm, segmenter)
    assert assistant.segmenter  # one that cannot run is told now, not when a study is opened
    return Page(assistant, Path(study) if study is not None else None)


def main(
    host: str = "127.0.0.1",
    port: int = 7860,
    study: str | Path | None = None,
    segmenter: str | Segmenter = "embedded",
    llm: str | BaseChatModel | None = None,
    open_browser: bool = False,
) -> None:
    """Serve the page until it is interrupted. Raises BodyMapsError when the port is taken or the
    segmenter cannot run here.

    Uploads lie in a folder of their own that only this user can read; each is deleted as soon as it is read,
    and the folder when the server ends.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the folder goes then, too
    with tempfile.TemporaryDirectory(prefix="bodymaps-") as uploads:
        os.environ["GRADIO_TEMP_DIR"] = uploads
        page = _page(segmenter, llm, study)
        from assistant.ui.look import launch_options

        try:
            _, url, _ = page.blocks.launch(
                server_name=host,
                server_port=port,
                inbrowser=open_browser,
                max_file_size=LARGEST_UPLOAD,
                prevent_thread_lock=True,
                **launch_options(page.routes),
            )
        except OSError as error:
            raise BodyMapsError(
                f"port {port} of {host} cannot be used: choose another with --port"
            ) from error
        # the agent's libraries take seconds to import: meanwhile the reader looks for a file
        threading.Thread(target=import_module, args=("assistant.agent",), daemon=True).start()
        print(f"BodyMaps is at {url} (stop it with Ctrl+C)", file=sys.stderr, flush=True)
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
) -> None:
    """Open the web page."""
    try:
        main(host, port, study, segmenter, llm, browser)
    except BodyMapsError as error:
        print(f"app.py: {error}", file=sys.stderr)
        raise typer.Exit(2) from error


if __name__ == "__main__":
    typer.run(command)
