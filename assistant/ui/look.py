"""How the page looks, and how Gradio is told to keep to itself."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from importlib.util import find_spec
from typing import Any

from gradio.state_holder import SessionState
from gradio.themes import Base, colors, sizes

FONTS = ("system-ui", "sans-serif")
"""Fonts of the reader's own computer: nothing is fetched."""


def keep_no_values() -> None:
    """Gradio remembers the last value of every widget, the picture and the chat among them, for up to an hour after the
    page was closed, and writes them to a file for a link to the page. Here it remembers none.
    """
    SessionState._update_value_in_config = lambda self, key, value: None  # type: ignore[method-assign]


def theme() -> Base:
    """A calm theme for a dim room, light and dark."""
    look = Base(
        primary_hue=colors.teal,
        neutral_hue=colors.slate,
        text_size=sizes.text_sm,
        spacing_size=sizes.spacing_md,
        radius_size=sizes.radius_md,
        font=FONTS,
        font_mono=("ui-monospace", "monospace"),
    )
    # darker than the theme's own, so that small words are read against their ground (WCAG AA)
    return look.set(
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_600",
        button_primary_text_color="white",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        block_title_text_color="*neutral_600",
        block_title_text_color_dark="*neutral_300",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
        slider_color="*primary_600",
    )


def launch_options(routes: Sequence[Any] = (), middleware: Sequence[Any] = ()) -> dict[str, Any]:
    """What `Blocks.launch` is called with: our look, no link to share, nothing served but the page, its verbs for
    programs (over MCP, too, where that is installed) and `routes`.
    """
    return {
        "app_kwargs": {"routes": list(routes), "middleware": list(middleware)},
        "theme": theme(),
        "css": files("assistant.ui").joinpath("page.css").read_text(encoding="utf-8"),
        "js": files("assistant.ui").joinpath("mend.js").read_text(encoding="utf-8"),
        "share": False,
        "quiet": True,
        "footer_links": [],
        "enable_monitoring": False,
        "run_history": False,
        "ssr_mode": False,
        "pwa": False,
        "mcp_server": find_spec("mcp") is not None,
        "state_session_capacity": 256,
    }
