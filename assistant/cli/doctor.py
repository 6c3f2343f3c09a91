"""bodymaps doctor: what is installed and what can run here."""

from __future__ import annotations

from typing import Any

import typer

from assistant.cli.common import AsJson, clean_stdout, put_json
from encoders.errors import install

app = typer.Typer(add_completion=False)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say what is installed, which segmenters and language models can run here, and why not."""
    from assistant.doctor import examine, healthy

    with clean_stdout() as out:
        report = examine()
        if as_json:
            put_json(report | {"healthy": healthy(report)}, out)
        else:
            print("\n".join(_lines(report)), file=out)
    if not healthy(report):
        raise typer.Exit(1)


def _lines(report: dict[str, Any]) -> list[str]:
    lines = [
        f"bodymaps {report['bodymaps']}, Python {report['python']}, {report['platform']}",
        f"device {report['device']}, memory {report['memory_gb']} GB",
        "",
        "Segmenters",
        *(line for s in report["segmenters"] for line in _segmenter(s)),
        "",
        "Language models (--llm)",
        *(_line(m["spec"], m["can_run"], m["why_not"] or m["needs"]) for m in report["llms"]),
        "",
        "Demo study",
        _line(
            report["demo"]["folder"],
            report["demo"]["fetched"],
            "fetched" if report["demo"]["fetched"] else "`bodymaps demo` fetches it",
        ),
    ]
    lacking = [p for p in report["packages"] if not p["fits"]]
    optional = [p for p in lacking if p["extra"] and not p["version"]]
    wrong = [p for p in lacking if p not in optional]
    if wrong:
        lines += ["", "Packages that are missing or do not fit"]
        lines += [_line(f"{p['name']}{p['wanted']}", False, _package(p)) for p in wrong]
    if optional:
        lines += ["", "Optional parts that are not installed"]
        for extra in dict.fromkeys(p["extra"] for p in optional):
            names = ", ".join(p["name"] for p in optional if p["extra"] == extra)
            lines.append(f"  {extra:8} {install(extra)}: {names}")
    return lines


def _segmenter(entry: dict[str, Any]) -> list[str]:
    """What it is or why it cannot run; of the engines of others also what they need, and their licence."""
    about = [entry["summary"], entry["needs"] and f"needs {entry['needs']}", entry["licence"]]
    lines = [entry["why_not"], *about] if entry["why_not"] else about
    first, *more = [line for line in lines if line]
    return [_line(entry["spec"], entry["can_run"], first), *(f"{'':35}{line}" for line in more)]


def _line(name: str, good: bool, text: str) -> str:
    return f"  {'yes' if good else 'no ':3} {name:28} {text}"


def _package(package: dict[str, Any]) -> str:
    where = install(package["extra"]) if package["extra"] else "needed: install bodymaps again"
    return f"{package['version'] or 'not installed'}; {where}"
