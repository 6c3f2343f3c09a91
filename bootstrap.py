#!/usr/bin/env python3
"""Installs bodymaps into ./.venv from the committed lock, then runs something there.

    python3 bootstrap.py                  install
    python3 bootstrap.py demo             install, then `bodymaps demo`
    python3 bootstrap.py ask ct.nii.gz .. install, then `bodymaps ask ct.nii.gz ..`
    python3 bootstrap.py --extra llm      install with an optional part: llm, dicom, mcp, scale or train
    python3 bootstrap.py --dev            install with the developers' packages
    python3 bootstrap.py test             the same, then the tests

Needs Python 3.11 or later and PyPI. The first time fetches about 3 GB of packages.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
UV = "uv>=0.9,<1"


def python() -> str:
    return str(BIN / ("python.exe" if os.name == "nt" else "python"))


def install(extras: Sequence[str] = ()) -> None:
    """Creates the environment and brings it to the lock's state; quick when nothing changed."""
    if not Path(python()).exists():
        print(f"creating {VENV}", file=sys.stderr)
        venv.create(VENV, with_pip=True)
    if subprocess.run([python(), "-c", "import uv"], capture_output=True).returncode:
        subprocess.run([python(), "-m", "pip", "install", "--quiet", UV], check=True)
    command = [python(), "-m", "uv", "sync", "--frozen", "--inexact", "--project", str(ROOT)]
    for extra in extras:
        command += ["--extra", extra]
    subprocess.run(command, check=True, env={**os.environ, "UV_PROJECT_ENVIRONMENT": str(VENV)})


def asked(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The optional parts to install, and what to run then."""
    extras, rest = list[str](), list(arguments)
    while rest[:1] == ["--dev"] or (rest[:1] == ["--extra"] and len(rest) > 1):
        extras.append("dev" if rest.pop(0) == "--dev" else rest.pop(0))
    return ([*extras, "dev"] if rest[:1] == ["test"] else extras), rest


def ended(job: Sequence[str], folder: Path | None = None) -> int:
    """The exit status of a job; Ctrl+C, which reaches the job too, is left to it."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        return subprocess.run(job, cwd=folder).returncode
    finally:
        signal.signal(signal.SIGINT, before)


def main(arguments: list[str]) -> int:
    if sys.version_info < (3, 11):  # noqa: UP036  (it runs before any requirement is checked)
        print("bodymaps needs Python 3.11 or later; run this with a newer python3", file=sys.stderr)
        return 2
    extras, rest = asked(arguments)
    try:
        install(extras)
    except subprocess.CalledProcessError as error:
        print(f"the installation stopped at: {' '.join(map(str, error.cmd))}", file=sys.stderr)
        return 1
    if not rest:
        print(f"installed; run {BIN / 'bodymaps'} --help", file=sys.stderr)
        return 0
    test = rest[0] == "test"
    job = ["-m", "pytest", *rest[1:]] if test else ["-m", "assistant.cli", *rest]
    return ended([python(), *job], ROOT if test else None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
