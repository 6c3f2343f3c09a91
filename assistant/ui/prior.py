"""A second study as prior: chosen on the page, read, and set on the session."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from assistant.ui.store import Store
from assistant.ui.words import not_opened, page
from encoders.errors import BodyMapsError

log = logging.getLogger(__name__)
Updates = dict[Any, Any]


class Prior:
    """Handlers of the prior's upload. opened: reads an uploaded file; the file may be deleted then."""

    def __init__(self, store: Store, widgets: Any, opened: Callable[[str, Path], Any]) -> None:
        self.store, self.widgets, self.opened = store, widgets, opened

    def wire(self, options: dict[str, Any]) -> None:
        w = self.widgets
        w.prior.upload(self.upload, w.prior, w.everything, **options)

    def upload(self, upload: str | None, request: gr.Request) -> Iterator[Updates]:
        """Read an uploaded file, and make it the prior of the open study."""
        key = request.session_hash or ""
        reading = self.store.get(key)
        if upload is None or reading is None:
            yield self.widgets.problem(page()["no_file"] if reading else page()["ask_first"])
            return
        path, problem = Path(upload), ""
        yield self.widgets.opening(page()["opening"].format(name=path.name))
        try:
            reading.session.set_prior(self.opened(key, path))
            reading.prior_name = path.name
        except BodyMapsError as error:
            problem = not_opened(path.name, error)
        except Exception as error:
            log.exception("a prior could not be opened")
            problem = not_opened(path.name, error)
        yield self.widgets.all(reading, problem)
