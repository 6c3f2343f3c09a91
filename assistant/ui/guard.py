"""Who may talk to the server: a login for everything that it serves, and only names of this computer on it."""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
from collections.abc import Mapping
from hmac import compare_digest
from pathlib import Path
from typing import Any

from encoders.errors import BodyMapsError

VARIABLE = "BODYMAPS_LOGIN"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
OPEN = "/gradio_api/startup-events"
"""What the server asks itself while it starts; it tells nothing."""
WRONG_SECONDS = 1.0
"""How long a wrong password waits for its answer."""

REFUSED = "Refused"
"""The title of an error that is the caller's to mend."""


def users(path: Path | None) -> dict[str, str]:
    """Names and passwords: lines `USER:PASSWORD` of a file, and of the variable BODYMAPS_LOGIN. Empty: no login.

    Never an argument of a command line, which other users of the computer can read. Raises BodyMapsError when the
    file cannot be read or a line is none.
    """
    text = os.environ.get(VARIABLE, "")
    if path is not None:
        try:
            text += "\n" + path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BodyMapsError(f"{path} cannot be read: give a file with a line USER:PASSWORD") from error
    found = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, _, password = line.partition(":")
        if not name or not password:
            raise BodyMapsError("the login has a line that is not USER:PASSWORD: mend it")
        found[name] = password
    if path is not None and not found:
        raise BodyMapsError(f"{path} names nobody: write a line USER:PASSWORD")
    return found


def middleware(host: str, login: Mapping[str, str]) -> list[Any]:
    """For the web server. Where only this computer is listened to, requests under another name are refused, so
    that no page of somebody else's reaches the server through the reader's browser.
    """
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    guards = [Middleware(Refusals)]
    if host in LOOPBACK:
        guards.append(Middleware(TrustedHostMiddleware, allowed_hosts=[*LOOPBACK], www_redirect=False))
    if login:
        guards.append(Middleware(Login, users=login))
    return guards


class Refusals:
    """Gives a refused request of a program the status 400; to Gradio every error is a 500 (an ASGI middleware)."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        held: list[Any] = []  # the start of a reply, until its body says why

        async def told(message: Any) -> None:
            if message["type"] == "http.response.start" and message["status"] == 500:
                held.append(message)
                return
            if held:
                refused = f'"title":"{REFUSED}"'.encode() in message.get("body", b"")
                await send(held.pop() | ({"status": 400} if refused else {}))
            await send(message)

        await self._app(scope, receive, told)


class Login:
    """HTTP Basic authentication before everything: page, API, MCP, uploads, downloads (an ASGI middleware)."""

    def __init__(self, app: Any, users: Mapping[str, str]) -> None:
        self._app, self._users = app, dict(users)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        from starlette.responses import PlainTextResponse

        if scope["type"] == "lifespan" or scope["path"] == OPEN or self._knows(scope):
            await self._app(scope, receive, send)
            return
        given = any(name == b"authorization" for name, _ in scope["headers"])
        await asyncio.sleep(WRONG_SECONDS if given else 0)
        ask = {"WWW-Authenticate": 'Basic realm="BodyMaps", charset="UTF-8"'}
        await PlainTextResponse("log in first", 401, ask)(scope, receive, send)

    def _knows(self, scope: Any) -> bool:
        header = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        kind, _, secret = header.partition(b" ")
        try:
            name, _, password = base64.b64decode(secret, validate=True).partition(b":")
        except binascii.Error:
            return False
        right = self._users.get(name.decode(errors="replace"))
        known = compare_digest(password, (right or "").encode())
        return kind.lower() == b"basic" and right is not None and known
