from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import app
from assistant.ui.look import launch_options
from encoders.errors import BodyMapsError


def test_taken_port_is_one_clear_sentence(segmenter):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BodyMapsError, match=f"port {port} .* --port"):
            app.main(port=port, segmenter=segmenter)


def test_segmenter_that_cannot_run_is_told_at_once():
    with pytest.raises(BodyMapsError, match="no weights"):
        app.build("weights:nowhere.safetensors")


def test_page_keeps_to_itself(segmenter):
    blocks = app.build(segmenter)
    assert blocks.analytics_enabled is False
    options = launch_options()
    assert options["share"] is False
    assert all(not options[key] for key in ("enable_monitoring", "pwa", "footer_links"))
    assert not options["theme"]._stylesheets  # no font of somebody else's server
    assert "http" not in options["css"]


def test_importing_the_program_is_cheap():
    check = "import sys, app; print([m for m in ('gradio', 'torch', 'langchain') if m in sys.modules])"
    root = Path(app.__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", check],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "[]", done.stderr
