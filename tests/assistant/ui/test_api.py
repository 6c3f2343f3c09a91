"""The verbs for programs, with real clients: gradio_client and the MCP client, over the network."""

from __future__ import annotations

import asyncio
import io
import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from assistant.ui import api

if TYPE_CHECKING:
    from .conftest import Server

VERBS = {"open_study", "open_demo", "open_path", "ask", "structures", "measure", "download", "close_study"}
VOXEL_ML = 0.125
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[Client]:
    client = Client(server.url, verbose=False, analytics_enabled=False, httpx_kwargs={"timeout": 60})
    yield client
    client.close()


@pytest.fixture
def token(client: Client, server: Server) -> Iterator[str]:
    opened = client.predict(handle_file(str(server.phantom)), api_name="/open_study")
    yield opened["study"]
    client.predict(opened["study"], api_name="/close_study")


def volume(answer: dict[str, Any]) -> float:
    return next(m["value"] for m in answer["findings"][0]["measurements"] if m["kind"] == "volume")


def uploads(server: Server) -> list[Path]:
    return [p for p in Path(os.environ["GRADIO_TEMP_DIR"]).rglob("*") if p.is_file()]


def post(server: Server, verb: str, *arguments: Any) -> httpx.Response:
    return httpx.post(f"{server.url}gradio_api/run/{verb}", json={"data": arguments}, timeout=60)


def test_only_the_verbs_are_offered_each_with_types_and_a_description(client):
    endpoints = client.view_api(return_format="dict")["named_endpoints"]
    assert {name[1:] for name in endpoints} == VERBS
    for endpoint in endpoints.values():
        assert len(endpoint["description"]) > 20
        assert all(p["type"] for p in endpoint["parameters"])


def test_open_ask_measure_download_close(client, server):
    opened = client.predict(handle_file(str(server.phantom)), api_name="/open_study")
    assert (opened["shape"], opened["spacing_mm"]) == ([72, 60, 48], [5.0, 5.0, 5.0])
    assert uploads(server) == []
    study = opened["study"]
    answer = client.predict(study, "How big is the liver?", api_name="/ask")
    assert answer["status"] == "act"
    assert volume(answer) == pytest.approx(server.voxels * VOXEL_ML)
    measured = client.predict(study, "liver", ["volume", "longest_diameter"], api_name="/measure")
    assert volume(measured) == volume(answer)
    assert {m["kind"] for m in measured["findings"][0]["measurements"]} == {"volume", "longest_diameter"}
    address = client.predict(study, api_name="/download")["address"]
    reply = httpx.get(server.url.rstrip("/") + address, timeout=60)
    assert reply.headers["cache-control"] == "no-store"
    with zipfile.ZipFile(io.BytesIO(reply.content)) as archive:
        assert {"masks/liver.nii.gz", "findings.csv", "report.pdf"} <= set(archive.namelist())
    assert client.predict(study, api_name="/close_study") == {"closed": True}
    assert httpx.get(server.url.rstrip("/") + address, timeout=60).status_code == 404
    with pytest.raises(AppError, match="no such study"):
        client.predict(study, "How big is the liver?", api_name="/ask")


def test_the_server_keeps_nothing_of_an_answer(client, server, token):
    client.predict(token, "How big is the liver?", api_name="/ask")
    states = server.page.blocks.state_holder.session_data
    kept = [str(config) for state in states.values() for config in state.components]
    assert kept
    assert not [text for text in kept if "findings" in text and "confidence" in text]


def test_structures(client):
    assert client.predict(api_name="/structures") == {
        "structures": [{"id": "liver", "name": "liver", "kind": "organ"}]
    }


@pytest.mark.parametrize("wrong", ["", "x" * 32, "program ", "§±"])
@pytest.mark.parametrize("verb", ["ask", "measure", "download", "close_study"])
def test_unknown_tokens_are_refused(client, token, wrong, verb):
    rest = {"ask": ["How big is the liver?"], "measure": ["liver", []]}.get(verb, [])
    with pytest.raises(AppError, match="no such study"):
        client.predict(wrong, *rest, api_name=f"/{verb}")


def test_a_browser_sessions_key_is_no_token(client, server, session):
    from assistant.ui.reading import Reading

    server.page.store.put("abcdefghijk", Reading(session, "x"))
    with pytest.raises(AppError, match="no such study"):
        client.predict("abcdefghijk", "How big is the liver?", api_name="/ask")
    server.page.store.drop("abcdefghijk")


def test_nothing_found_yet_is_no_zip(client, server, token):
    address = client.predict(token, api_name="/download")["address"]
    reply = httpx.get(server.url.rstrip("/") + address, timeout=60)
    assert (reply.status_code, "ask about a structure" in reply.text) == (409, True)


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "", "\0", "a" * 5000])
def test_open_study_takes_uploads_only(client, server, path):
    for upload in (path, str(server.phantom), {"path": str(server.phantom)}, None):
        reply = post(server, "open_study", upload)
        assert (reply.status_code, "no such upload" in reply.json()["error"]) == (400, True)
    assert server.phantom.is_file()


@pytest.mark.parametrize(
    ("verb", "given", "says"),
    [
        ("measure", ["liver", None], "measures: Input should be a valid list"),
        ("measure", [None, []], "structure: Input should be a valid string"),
        ("measure", ["liver", [None]], "measures.0: Input should be a valid string"),
        ("ask", [None], "request: Input should be a valid string"),
        ("ask", [7], "request: Input should be a valid string"),
    ],
)
def test_null_and_other_wrong_types_are_a_sentence_and_status_400(server, token, verb, given, says, caplog):
    reply = post(server, verb, token, *given)
    assert (reply.status_code, reply.json()["error"]) == (400, says)
    assert not caplog.records


def test_a_body_of_null_is_refused(server):
    reply = httpx.post(f"{server.url}gradio_api/run/measure", content=b"null", headers=JSON)
    assert (reply.status_code, "valid dictionary" in reply.text) == (422, True)


def test_a_fault_of_the_servers_own_is_none_of_the_callers(server, token, monkeypatch):
    def broken(*_):
        raise RuntimeError("secret")

    monkeypatch.setattr("assistant.session.Session.call", broken)
    reply = post(server, "measure", token, "liver", [])
    assert (reply.status_code, "secret" in reply.text) == (500, False)


def test_bad_upload_is_a_sentence_without_our_folders(client, server, tmp_path):
    bad = tmp_path / "bad.nii.gz"
    bad.write_text("no image")
    with pytest.raises(AppError, match=r"bad\.nii\.gz") as caught:
        client.predict(handle_file(str(bad)), api_name="/open_study")
    assert os.environ["GRADIO_TEMP_DIR"] not in str(caught.value)
    assert uploads(server) == []


def test_paths_of_the_allowed_folder_alone(client, server):
    study = client.predict("ct.nii.gz", api_name="/open_path")["study"]
    client.predict(study, api_name="/close_study")
    (server.folder / "link.nii.gz").symlink_to(server.folder.parent / "secret.nii.gz")
    outside = [
        str(server.folder.parent / "secret.nii.gz"),
        "../secret.nii.gz",
        "link.nii.gz",
        "\0",
        "none.nii",
    ]
    for path in [*outside, "a" * 5000]:
        with pytest.raises(AppError, match="in the server's folder") as caught:
            client.predict(path, api_name="/open_path")
        assert str(server.folder.parent) not in str(caught.value).replace(path, "")


@pytest.mark.parametrize(
    ("structure", "measures", "says"), [("lver", [], "no structure"), ("liver", ["weight"], "measures")]
)
def test_what_cannot_be_measured_is_a_sentence(client, token, structure, measures, says):
    with pytest.raises(AppError, match=says):
        client.predict(token, structure, measures, api_name="/measure")


@pytest.mark.parametrize("request_text", ["", " ", "x" * 3000])
def test_requests_have_a_length(client, token, request_text):
    with pytest.raises(AppError, match="1 to 2000"):
        client.predict(token, request_text, api_name="/ask")


def test_too_many_waiting_are_told_so(client, token, monkeypatch):
    monkeypatch.setattr(api, "MOST_WAITING", 0)
    with pytest.raises(AppError, match="busy"):
        client.predict(token, "How big is the liver?", api_name="/ask")


def test_store_that_is_full_takes_no_more(client, server, token, monkeypatch):
    monkeypatch.setattr(server.page.store, "_most", 1)
    with pytest.raises(AppError, match="1 studies open"):
        client.predict(handle_file(str(server.phantom)), api_name="/open_study")


def test_uploads_have_a_size(server, monkeypatch):
    monkeypatch.setattr(server.page.blocks, "max_file_size", 1000)
    reply = httpx.post(f"{server.url}gradio_api/upload", files={"files": ("ct.nii", b"0" * 5000)})
    assert reply.status_code == 413
    assert uploads(server) == []


def test_over_mcp(server):
    pytest.importorskip("mcp")
    upload = httpx.post(
        f"{server.url}gradio_api/upload", files={"files": ("ct.nii.gz", server.phantom.read_bytes())}
    ).json()[0]

    async def talk() -> dict[str, Any]:
        from mcp import ClientSession
        from mcp.client.streamable_http import streamablehttp_client

        async with (
            streamablehttp_client(f"{server.url}gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()

            async def call(verb: str, **arguments: Any) -> Any:
                result = await session.call_tool(verb, arguments)
                text = result.content[0].text
                return text if result.isError else json.loads(text)

            seen: dict[str, Any] = {"tools": (await session.list_tools()).tools}
            seen["secret"] = await call("open_study", upload=str(server.folder.parent / "secret.nii.gz"))
            record = {"path": str(server.phantom), "meta": {"_type": "gradio.FileData"}}
            seen["record"] = await call("open_study", upload=record)
            study = (await call("open_study", upload=upload))["study"]
            seen["answer"] = await call("ask", study=study, request="How big is the liver?")
            seen["measured"] = await call("measure", study=study, structure="liver", measures=["volume"])
            seen["address"] = (await call("download", study=study))["address"]
            seen["closed"] = await call("close_study", study=study)
            seen["gone"] = await call("ask", study=study, request="How big is the liver?")
            return seen

    seen = asyncio.run(talk())
    assert {tool.name for tool in seen["tools"]} == VERBS
    ask = next(tool for tool in seen["tools"] if tool.name == "ask")
    assert "plain words" in ask.description
    assert "token" in ask.inputSchema["properties"]["study"]["description"]
    assert "no such upload" in seen["secret"]
    assert "not of type 'string'" in seen["record"]
    assert volume(seen["answer"]) == volume(seen["measured"]) == pytest.approx(server.voxels * VOXEL_ML)
    assert seen["address"].startswith("/take/")
    assert seen["closed"] == {"closed": True}
    assert "no such study" in seen["gone"]
