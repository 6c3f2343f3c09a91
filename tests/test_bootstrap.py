"""What bootstrap.py installs and runs, without doing it."""

import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import bootstrap

OPTIONAL = tomllib.loads((bootstrap.ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


@pytest.fixture
def commands(monkeypatch):
    """The commands that would run, each without its Python; it is this one's."""
    seen = []

    def run(command, **_):
        seen.append(command[1:])
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(bootstrap, "python", lambda: sys.executable)
    monkeypatch.setattr(subprocess, "run", run)
    return seen


@pytest.mark.parametrize(
    ("arguments", "extras", "job"),
    [
        ([], [], None),
        (["--extra", "llm"], ["llm"], None),
        (["--extra", "llm", "--extra", "train"], ["llm", "train"], None),
        (["--dev"], ["dev"], None),
        (["demo"], [], ["-m", "assistant.cli", "demo"]),
        (["--extra", "llm", "ask", "ct.nii", "hi"], ["llm"], ["-m", "assistant.cli", "ask", "ct.nii", "hi"]),
        (["test", "-k", "x"], ["dev"], ["-m", "pytest", "-k", "x"]),
    ],
)
def test_what_is_installed_and_run(commands, arguments, extras, job):
    assert bootstrap.main(arguments) == 0
    sync = next(command for command in commands if "sync" in command)
    assert [sync[n + 1] for n, word in enumerate(sync) if word == "--extra"] == extras
    assert (commands[-1] if commands[-1] != sync else None) == job


SLOW_TO_STOP = """
import sys, time
try:
    print("here", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(1)
    sys.exit(7)
"""


def test_ctrl_c_is_left_to_the_job():
    code = "import bootstrap, sys; sys.exit(bootstrap.ended([sys.executable, '-c', sys.argv[1]]))"
    with subprocess.Popen(
        [sys.executable, "-c", code, SLOW_TO_STOP],
        cwd=bootstrap.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        os.killpg(process.pid, signal.SIGINT)
        _, trouble = process.communicate(timeout=30)
    assert process.returncode == 7
    assert not trouble


def test_the_optional_parts_are_those_of_the_project():
    named = next(line for line in bootstrap.__doc__.splitlines() if "--extra" in line).partition("part: ")[2]
    assert set(named.replace(" or ", ", ").split(", ")) == OPTIONAL.keys() - {"dev"}


def test_the_messages_name_this_command():
    from encoders.errors import install

    command = install("train").split("`")[1].split()
    assert Path(command[1]).name == "bootstrap.py"
    assert bootstrap.asked(command[2:]) == (["train"], [])
