"""The page's handlers, without a browser."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

from assistant.ui.words import page

if TYPE_CHECKING:
    from .conftest import Server


def test_question_without_a_study_leaves_its_notice_on_the_page(server: Server):
    reader, notices = SimpleNamespace(session_hash="nobody"), server.page.widgets.notices
    asked = server.page.ask("How big is the liver?", reader)
    assert page()["ask_first"] in asked[notices]
    assert page()["ask_first"] in server.page.show(reader)[notices]
