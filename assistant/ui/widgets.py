"""The widgets of the page, and what they show of a reading: a pure projection of it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import gradio as gr

from assistant.events import Event
from assistant.tools.show import WINDOWS
from assistant.ui import chat, panels, space, take
from assistant.ui.mending import MendBar
from assistant.ui.reading import SPACE, Reading
from assistant.ui.words import page

Updates = dict[Any, Any]
"""New values by widget."""


class Widgets:
    """Lays the page out; made inside a gr.Blocks."""

    def __init__(self) -> None:
        say = page()
        with gr.Row(elem_id="top"):
            gr.HTML(f"<h1>{say['title']}</h1>", elem_id="brand")
            self.facts = gr.HTML(panels.facts(None), elem_id="facts")
            self.upload = gr.UploadButton(say["open"], size="sm", elem_id="open")
            self.prior = gr.UploadButton(say["prior"]["open"], size="sm", elem_id="prior", interactive=False)
            self.demo = gr.Button(say["demo"], size="sm", variant="primary", elem_id="demo")
            self.take = gr.HTML(take.html(None), elem_id="take")
        self.notices = gr.HTML("", elem_id="notices")
        with gr.Row(elem_id="room"):
            with gr.Column(elem_id="talk", min_width=340):
                self._lay_out_chat()
            with gr.Column(elem_id="look", min_width=420):
                self._lay_out_viewer()
        self.findings = gr.HTML(panels.findings_table(None), elem_id="findings", js_on_load=_script("rows"))
        gr.HTML(f"<p>{say['footer']}</p>", elem_id="foot")

    def _lay_out_chat(self) -> None:
        say = page()
        self.chatbot = gr.Chatbot(
            elem_id="chat",
            show_label=False,
            height="100%",
            buttons=[],
            feedback_options=None,
            layout="bubble",
            latex_delimiters=[],
            allow_tags=False,
            placeholder=f"**{say['tagline']}**",
            examples=[{"text": text} for text in say["examples"]],
        )
        self.jump = gr.HTML("", elem_id="jump", js_on_load=_script("chips"))
        self.progress = gr.HTML("", elem_id="progress")
        self.question = gr.Textbox(
            elem_id="question",
            label=say["question"],
            show_label=False,
            placeholder=say["ask"],
            submit_btn=say["send"],
            autofocus=True,
            max_lines=4,
            max_length=2000,
        )

    def _lay_out_viewer(self) -> None:
        say = page()["viewer"]
        planes = [(name, plane) for plane, name in page()["planes"].items()]
        planes.append((page()["space"]["name"], SPACE))
        windows = [(name.capitalize(), name) for name in WINDOWS]
        with gr.Row(elem_id="tools"):
            self.plane = gr.Radio(planes, value="axial", label=say["plane"], elem_id="plane")
            self.window = gr.Dropdown(
                windows, value="soft tissue", label=say["window"], filterable=False, elem_id="window"
            )
            self.opacity = gr.Slider(
                0, 1, 0.4, step=0.05, label=say["overlay"], buttons=[], elem_id="opacity"
            )
            self.boxes = gr.Checkbox(True, label=say["boxes"], elem_id="boxes")
        self.mend = MendBar()
        self.viewer = gr.HTML(
            panels.viewer(None),
            elem_id="viewer",
            js_on_load=_script("screen") + _script("marks"),
            apply_default_css=False,
        )
        self.space = gr.HTML("", elem_id="space", js_on_load=_script("space"), apply_default_css=False)
        self.slice = gr.Slider(
            0, 1, 0, step=1, label=say["slice"], buttons=[], interactive=False, elem_id="slice"
        )

    @property
    def everything(self) -> list[Any]:
        """All widgets that change."""
        return [
            *(self.facts, self.upload, self.demo, self.notices, self.chatbot, self.progress, self.question),
            *(self.plane, self.window, self.opacity, self.boxes, self.viewer, self.space, self.slice),
            *(self.findings, self.take, self.prior, *self.mend.widgets),
        ]

    @property
    def conversation(self) -> list[Any]:
        """What a question changes at once."""
        return [self.notices, self.question, *self.telling]

    @property
    def telling(self) -> list[Any]:
        """What changes while an answer is made."""
        return [self.chatbot, self.progress]

    @property
    def reading(self) -> list[Any]:
        """What changes when another place is looked at, or a mask is corrected."""
        return [
            *(self.plane, self.window, self.opacity, self.boxes, self.viewer, self.space, self.slice),
            *(self.notices, self.findings, self.chatbot, *self.mend.widgets),
        ]

    # -- what they show

    def all(self, reading: Reading | None, error: str = "") -> Updates:
        credit, warnings = (reading.credit, reading.warnings) if reading else ("", ())
        return {
            self.facts: panels.facts(reading),
            self.notices: panels.notices(credit, warnings, error),
            self.upload: gr.update(interactive=True),
            self.demo: gr.update(interactive=True),
            self.prior: gr.update(interactive=reading is not None),
            self.findings: panels.findings_table(reading),
            self.take: take.html(reading),
            **self.talk(reading),
            **self.input(reading),
            **self.view(reading),
        }

    def opening(self, text: str) -> Updates:
        """A study is being opened."""
        wait = gr.update(interactive=False)
        return {self.notices: panels.notices(busy=text), self.upload: wait, self.demo: wait, self.prior: wait}

    def problem(self, text: str) -> Updates:
        """What cannot be done, in a sentence."""
        return {self.notices: panels.notices(error=text)}

    def messages(self, reading: Reading | None) -> list[chat.Message]:
        """All that was said and done, in its order."""
        return [message for turn in reading.turns for message in turn] if reading else []

    def talk(self, reading: Reading | None, events: Sequence[Event] = ()) -> Updates:
        """The chat, and how far the running question is."""
        busy = reading is not None and reading.question is not None
        return {
            self.chatbot: self.messages(reading),
            self.progress: panels.progress(*chat.fraction(events), busy),
        }

    def input(self, reading: Reading | None, clear: bool = False) -> Updates:
        """The question's text field: send, or stop while a question is answered."""
        busy = reading is not None and reading.question is not None
        say = page()
        update = gr.update(submit_btn=not busy and say["send"], stop_btn=busy and say["stop"])
        return {self.question: update | {"value": ""} if clear else update}

    def picture(self, reading: Reading | None) -> Updates:
        """The slice on show, and its number."""
        if reading is None:
            slider = gr.update(maximum=1, value=0, interactive=False)
        else:
            slices = not reading.view.space
            slider = gr.update(maximum=max(reading.last, 1), value=reading.slice, interactive=slices)
        return {self.viewer: panels.viewer(reading), self.space: space.html(reading), self.slice: slider}

    def view(self, reading: Reading | None) -> Updates:
        """The slice on show, and everything that it is shown with."""
        if reading is None:
            return self.picture(None) | self.mend.show(None)
        view = reading.view
        return self.picture(reading) | {
            **self.mend.show(reading),
            self.plane: view.shown,
            self.window: view.window,
            self.opacity: view.opacity,
            self.boxes: view.boxes,
        }


def _script(name: str) -> str:
    return files("assistant.ui").joinpath(f"{name}.js").read_text(encoding="utf-8")
