"""Who may talk to the server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import pytest

import app
from assistant.ui import guard
from encoders.errors import BodyMapsError
from eval.load import DensitySegmenter

if TYPE_CHECKING:
    from .conftest import Server


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "login"
    path.write_text("reader:päss:word\n\nother:x\n", encoding="utf-8")
    return path


def test_names_and_passwords_of_file_and_variable(file, monkeypatch):
    assert guard.users(None) == {}
    monkeypatch.setenv(guard.VARIABLE, "third:y")
    assert guard.users(file) == {"third": "y", "reader": "päss:word", "other": "x"}


@pytest.mark.parametrize("text", ["", "name", "name:", ":word"])
def test_login_that_is_none(tmp_path, text):
    (tmp_path / "login").write_text(text)
    with pytest.raises(BodyMapsError, match="USER:PASSWORD"):
        guard.users(tmp_path / "login")
    with pytest.raises(BodyMapsError, match="USER:PASSWORD"):
        guard.users(tmp_path / "nowhere")


def test_login_stands_before_everything(file, tmp_path, monkeypatch):
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    from .conftest import free_port

    monkeypatch.setattr(guard, "WRONG_SECONDS", 0.0)
    access = app.Access(login=file)
    with app.serving(port=free_port(), segmenter=DensitySegmenter(), access=access) as (_, url):
        assert "api/mcp" not in httpx.get(url).text
        for path in (
            "",
            "config",
            "gradio_api/info",
            "gradio_api/mcp/",
            "niivue/niivue.js",
            "take/x/bodymaps.zip",
        ):
            assert httpx.get(url + path).status_code == 401, path
        for path in (
            "gradio_api/upload",
            "gradio_api/run/open_demo",
            "gradio_api/mcp/",
            "gradio_api/queue/join",
        ):
            assert httpx.post(url + path).status_code == 401, path
        for wrong in (("reader", "x"), ("nobody", ""), ("", ""), ("other", "päss:word")):
            assert httpx.get(url, auth=wrong).status_code == 401
        assert httpx.get(url, headers={"Authorization": "Basic §".encode()}).status_code == 401
        right = httpx.BasicAuth("reader", "päss:word")
        assert "BodyMaps" in httpx.get(url, auth=right).text

        async def tools() -> int:
            async with (
                streamablehttp_client(f"{url}gradio_api/mcp/", auth=right) as (read, write, _),
                ClientSession(read, write) as session,
            ):
                await session.initialize()
                assert (await session.call_tool("structures", {})).isError is False
                return len((await session.list_tools()).tools)

        assert asyncio.run(tools()) == 7  # without open_path: the server was given no folder


def test_server_listens_on_this_computer_and_to_its_names_alone(server: Server):
    assert server.page.blocks.server_name == "127.0.0.1"
    assert httpx.get(server.url).status_code == 200
    assert httpx.get(server.url, headers={"Host": "localhost:7860"}).status_code == 200
    assert httpx.get(server.url, headers={"Host": "evil.example"}).status_code == 400


def test_nothing_is_shared_or_watched(server: Server):
    blocks = server.page.blocks
    assert blocks.share is False
    assert blocks.share_url is None
    assert blocks.analytics_enabled is False

    assert blocks._queue.max_size == 200
    assert blocks._queue.ANALYTICS_MAX_EVENTS == 1
    assert blocks._queue.cached_event_analytics_summary == {"functions": {}}


def test_no_folder_of_studies_is_served(server: Server):
    for path in (server.phantom, server.folder.parent / "secret.nii.gz", "/etc/hostname"):
        assert httpx.get(f"{server.url}gradio_api/file={path}").status_code in (403, 404)


def test_paths_need_a_folder(tmp_path):
    access = app.Access(paths=tmp_path / "nowhere")
    with pytest.raises(BodyMapsError, match="--allow-paths"), app.serving(access=access):
        pass
