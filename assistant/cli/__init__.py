"""The command line. Every verb is a module of this package with a typer `app`, imported when it is used.

A module `assistant/cli/<verb>.py` is all that a new verb takes.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from assistant.cli.allocator import HEAVY, restart_with_allocator
from encoders.errors import BodyMapsError, Cancelled

VERBS = {
    "ask": "Ask about a CT, in your own words.",
    "chat": "Serve the page on this machine.",
    "demo": "Fetch the demo CT once, ask it a few questions, open the page.",
    "plan": "Say what the assistant would do, without a CT.",
    "segment": "Segment structures of one or more CTs into label maps.",
    "batch": "Segment a folder of CTs, resumable.",
    "structures": "List the structures that can be named.",
    "eval": "Measure how good prompts, masks, detection and speed are.",
    "train": "Train a model.",
    "pretrain": "Pretrain a model without labels.",
    "synthesize": "Make synthetic studies or lesions.",
    "select": "Choose which studies to annotate next.",
    "annotate": "Annotate studies with a model's help.",
    "convert": "Convert checkpoints and bundles.",
    "doctor": "Say what is installed and what can run here.",
}
"""Every verb of the contract with its line of help; those whose module is there are offered."""


def available() -> list[str]:
    """The verbs whose module is there."""
    here = Path(__file__).parent
    return [verb for verb in VERBS if (here / f"{verb}.py").is_file()]


def command(verb: str | None) -> Any:
    """The command of `bodymaps`. Only the module of the verb that is used is imported."""
    import typer
    from typer.core import TyperCommand, TyperGroup

    def load(name: str) -> Any:
        return typer.main.get_command(import_module(f"assistant.cli.{name}").app)

    return TyperGroup(
        name="bodymaps",
        help="Talk with a CT: segment, measure, locate, compare, report.",
        commands={
            name: load(name) if name == verb else TyperCommand(name, help=VERBS[name]) for name in available()
        },
        no_args_is_help=True,
        epilog="`bodymaps --version` prints the version.",
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def run(arguments: Sequence[str]) -> int:
    """Run one command line; returns the exit status. Bad input is 2 with one line on standard error."""
    if list(arguments) == ["--version"]:
        print(f"bodymaps {version('bodymaps')}")
        return 0
    import typer

    # typer carries a click of its own, or uses the installed one: its base error is the same by name
    complaint: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")
    try:
        status = command(next(iter(arguments), None)).main(
            args=list(arguments), prog_name="bodymaps", standalone_mode=False
        )
        return status if isinstance(status, int) else 0
    except (Cancelled, KeyboardInterrupt, typer.Abort):
        print("bodymaps: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output went away
        sys.stderr.close()
        return 1
    except (BodyMapsError, complaint) as error:
        text = error.format_message() if hasattr(error, "format_message") else str(error)
        if text:  # no verb at all: the help was shown
            print(f"bodymaps: {' '.join(text.split())}", file=sys.stderr)
        return 2


def main() -> None:
    """The `bodymaps` command."""
    if sys.argv[1:2] and sys.argv[1] in HEAVY:
        restart_with_allocator()
    sys.exit(run(sys.argv[1:]))
