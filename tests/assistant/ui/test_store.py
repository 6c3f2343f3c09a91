from __future__ import annotations

from assistant.session import Session
from assistant.ui.reading import Reading
from assistant.ui.store import Store


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_sessions_do_not_see_each_other(session):
    store, reading = Store(), Reading(session, "a")
    store.put("one", reading)
    assert store.get("one") is reading
    assert store.get("two") is None


def test_closed_session_is_forgotten_and_its_work_stopped(session: Session):
    store = Store()
    store.put("one", Reading(session, "a"))
    store.drop("one")
    assert store.get("one") is None
    assert session.workspace.cancelled.is_set()
    store.drop("one")


def test_second_study_takes_the_place_of_the_first(study, segmenter, session):
    store, second = Store(), Reading(Session(study, segmenter), "b")
    store.put("one", Reading(session, "a"))
    store.put("one", second)
    assert store.get("one") is second
    assert session.workspace.cancelled.is_set()
    assert len(store) == 1


def test_what_rests_too_long_is_forgotten(study, segmenter, session):
    clock = Clock()
    store = Store(keep_seconds=100, clock=clock)
    store.put("idle", Reading(session, "a"))
    store.put("used", Reading(Session(study, segmenter), "b"))
    clock.now = 60
    assert store.get("used")
    clock.now = 120
    assert store.get("used")
    assert len(store) == 1
    assert store.get("idle") is None
