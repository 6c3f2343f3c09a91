#!/usr/bin/env python3
"""Installs bodymaps into ./.venv from the committed lock, then runs something there.

    python3 bootstrap.py                  install
    python3 bootstrap.py demo             install, then `bodymaps demo`
    python3 bootstrap.py ask ct.nii.gz .. install, then `bodymaps ask ct.nii.gz ..`
    python3 bootstrap.py --dev            install with the developers' packages
    python3 bootstrap.py test             the same, then the tests

Needs Python 3.11 or later and PyPI. The first time fetches about 3 GB of packages.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
UV = "uv>=0.9,<1"


def python() -> str:
    return str(BIN / ("python.exe" if os.name == "nt" else "python"))


def install(developer: bool) -> None:
    """Creates the environment and brings it to the lock's state; quick when nothing changed."""
    if not Path(python()).exists():
        print(f"creating {VENV}", file=sys.stderr)
        venv.create(VENV, with_pip=True)
    if subprocess.run([python(), "-c", "import uv"], capture_output=True).returncode:
        subprocess.run([python(), "-m", "pip", "install", "--quiet", UV], check=True)
    command = [python(), "-m", "uv", "sync", "--frozen", "--inexact", "--project", str(ROOT)]
    if developer:
        command += ["--extra", "dev"]
    subprocess.run(command, check=True, env={**os.environ, "UV_PROJECT_ENVIRONMENT": str(VENV)})


def main(arguments: list[str]) -> int:
    if sys.version_info < (3, 11):  # noqa: UP036  (it runs before any requirement is checked)
        print("bodymaps needs Python 3.11 or later; run this with a newer python3", file=sys.stderr)
        return 2
    test = arguments[:1] == ["test"]
    developer = test or arguments[:1] == ["--dev"]
    try:
        install(developer)
    except subprocess.CalledProcessError as error:
        print(f"the installation stopped at: {' '.join(map(str, error.cmd))}", file=sys.stderr)
        return 1
    if not arguments or arguments == ["--dev"]:
        print(f"installed; run {BIN / 'bodymaps'} --help", file=sys.stderr)
        return 0
    job = ["-m", "pytest", *arguments[1:]] if test else ["-m", "assistant.cli", *arguments]
    return subprocess.run([python(), *job], cwd=ROOT if test else None).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
