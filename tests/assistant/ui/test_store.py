from __future__ import annotations

import gc
import time
import weakref

import pytest

from assistant.session import Session
from assistant.ui.reading import Reading
from assistant.ui.store import Store
from encoders.errors import BodyMapsError


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


def test_timer_forgets_with_nobody_asking(study, segmenter, session):
    store = Store(keep_seconds=0.2)
    store.put("idle", Reading(session, "a"))
    deadline = time.monotonic() + 20
    while len(store) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(store) == 0
    assert session.workspace.cancelled.is_set()
    store.put("again", Reading(Session(study, segmenter), "b"))  # the timer is wound up again
    while len(store) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(store) == 0


def test_forgotten_reading_is_gone_from_memory(study, segmenter):
    store, reading = Store(), Reading(Session(study, segmenter), "a")
    reading.session.ask("How big is the liver?")
    store.put("one", reading)
    gone = weakref.ref(reading.session.workspace)
    store.drop("one")
    del reading
    gc.collect()
    assert gone() is None


def test_full_store_says_so_and_keeps_what_it_has(study, segmenter, session):
    store, first = Store(most=1), Reading(session, "a")
    store.put("one", first)
    with pytest.raises(BodyMapsError, match="1 studies open"):
        store.put("two", Reading(Session(study, segmenter), "b"))
    assert store.get("one") is first
    store.put("one", Reading(Session(study, segmenter), "c"))
    assert len(store) == 1


def test_tokens_lead_to_their_own_reading(session):
    store, reading = Store(), Reading(session, "a")
    store.put("one", reading)
    assert store.at(reading.token) is reading
    assert store.at("x") is store.at("ü") is store.at("one") is None
