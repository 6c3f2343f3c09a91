"""A language model behind an OpenAI-compatible server, which this test starts itself: no network, no key."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from assistant.session import Session
from encoders.errors import BodyMapsError

pytest.importorskip("langchain_openai")


@pytest.fixture
def server(monkeypatch):
    """Calls measure for the liver once, then says a true and a false sentence. Keeps what it was sent."""
    sent = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            sent.append(request)
            if request["messages"][-1]["role"] == "user":
                call = {
                    "name": "measure",
                    "arguments": json.dumps({"targets": ["liver"], "measures": ["volume"]}),
                }
                message = {
                    "content": None,
                    "tool_calls": [{"id": "c1", "type": "function", "function": call}],
                }
            else:
                message = {"content": "The liver has a volume of 302 ml. The spleen has a volume of 987 ml."}
            choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", **message}}
            body = json.dumps(
                {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
            )
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *args):
            """Quiet."""

    monkeypatch.setenv("OPENAI_API_KEY", "none")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield f"openai:m?base_url=http://127.0.0.1:{listening.server_port}/v1", sent
    listening.shutdown()


def test_a_served_model_uses_the_same_tools_and_is_grounded(server, study, segmenter):
    spec, sent = server
    answer = Session(study, segmenter, llm=spec).ask("how big is the liver?")
    assert [c.tool for c in answer.calls] == ["measure"]
    assert answer.text.startswith("The liver has a volume of 302 ml.")
    assert "987" not in answer.text
    assert {t["function"]["name"] for t in sent[0]["tools"]} >= {"segment", "measure", "locate", "compare"}


def test_only_text_leaves_the_machine(server, study, segmenter):
    spec, sent = server
    Session(study, segmenter, llm=spec).ask("how big is the liver?")
    everything = json.dumps(sent)
    assert "image_url" not in everything
    assert "phantom.nii" not in everything
    assert max(len(json.dumps(request)) for request in sent) < 60_000


def test_a_server_that_is_not_there_is_one_clear_error(study, segmenter, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    session = Session(study, segmenter, llm="openai:m?base_url=http://127.0.0.1:9/v1&max_retries=0")
    with pytest.raises(BodyMapsError, match="did not answer"):
        session.ask("how big is the liver?")
