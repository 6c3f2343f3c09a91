"""What a reader takes away, made in memory when it is asked for: no file of a study lies on the server."""

from __future__ import annotations

import threading
from collections.abc import Callable
from html import escape
from typing import Any

from assistant.ui.reading import Reading
from assistant.ui.words import page
from encoders.errors import BodyMapsError

ADDRESS = "/take"
NAME = "bodymaps.zip"
_one = threading.Lock()
"""One zip is packed at a time: it takes memory for all masks of a study."""


def address(reading: Reading) -> str:
    """Where the zip of a reading is; whoever does not know its token gets nothing."""
    return f"{ADDRESS}/{reading.token}/{NAME}"


def html(reading: Reading | None) -> str:
    """The button; it leads nowhere until something was looked for."""
    say = page()["take"]
    if reading is None or not reading.findings:
        return f'<span class="take" aria-disabled="true">{escape(say["name"])}</span>'
    href, hint = escape(address(reading)[1:], quote=True), escape(say["hint"], quote=True)
    return f'<a class="take" href="{href}" download="{NAME}" title="{hint}">{escape(say["name"])}</a>'


def routes(find: Callable[[str], Reading | None]) -> list[Any]:
    """Routes for the web server. find: the reading at a token, or None."""
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    from assistant.export.bundle import zipped

    def everything(request: Request) -> Response:
        reading = find(request.path_params["token"])
        if reading is None:
            return Response("there is no such study", 404)
        try:
            with _one:
                data = zipped(reading.session)
        except BodyMapsError as error:
            return Response(str(error), 409)
        headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{NAME}"'}
        return Response(data, media_type="application/zip", headers=headers)

    return [Route(f"{ADDRESS}/{{token}}/{NAME}", everything)]
