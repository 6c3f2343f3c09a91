"""NiiVue's own code, out of a package that carries it: `@niivue/niivue` (BSD-2-Clause), bundled with jupyterlab-niivue.

The bundle is a whole application and exports nothing. The module served here is the same file without the lines that
start the application, and with the viewer's class as its export.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

from encoders.errors import BodyMapsError

PACKAGE = "jupyterlab-niivue"
FOLDER = "jupyterlab_niivue/labextension/static/niivue"
_CLASS = re.compile(
    r"\b(\w+) = class extends EventTarget \{|^class (\w+) extends EventTarget \{", re.MULTILINE
)
_START = re.compile(r'^\w+\(\);\nwindow\.addEventListener\("DOMContentLoaded".*\Z', re.MULTILINE | re.DOTALL)


@cache
def bundle() -> Path:
    """The folder with the bundle's files. Raises BodyMapsError when the package is missing or was changed."""
    try:
        folder = Path(str(distribution(PACKAGE).locate_file(FOLDER)))
    except ModuleNotFoundError as error:
        raise BodyMapsError(f"{PACKAGE} is not installed: run python3 bootstrap.py") from error
    if not (folder / "index.js").is_file():
        raise BodyMapsError(f"{PACKAGE} has no {FOLDER}/index.js: run python3 bootstrap.py")
    return folder


@cache
def module() -> str:
    """JavaScript that exports `Niivue`. Raises BodyMapsError when the bundle is not the one that is known."""
    source = (bundle() / "index.js").read_text(encoding="utf-8")
    viewers = [m for m in _CLASS.finditer(source) if "attachToCanvas(" in source[m.end() : m.end() + 400_000]]
    library, started = _START.subn("", source)
    if len(viewers) != 1 or started != 1:
        raise BodyMapsError(f"{PACKAGE} holds another bundle than expected: install the version in uv.lock")
    name = viewers[0][1] or viewers[0][2]
    return f"{library}\nexport {{ {name} as Niivue }};\n"


def part(name: str) -> Path | None:
    """Another file that the module asks for, such as a decoder; None when there is none of that name."""
    path = (bundle() / name).resolve()
    inside = path.is_relative_to(bundle().resolve()) and path.suffix in (".js", ".wasm")
    return path if inside and path.is_file() else None
