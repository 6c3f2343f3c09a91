"""What each browser session or program has open: kept apart, and forgotten when it closes or rests for long."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from secrets import compare_digest

from assistant.ui.reading import Reading
from assistant.ui.words import page
from encoders.errors import BodyMapsError
from encoders.memory import give_back

KEEP_SECONDS = 4 * 3600.0
GIVE_BACK_SECONDS = 3.0
"""After a study was forgotten its memory goes back to the system: once for all that are forgotten meanwhile."""
MOST_STUDIES = 64
"""Studies that are open at the same time, over all sessions: each holds its pixels in memory."""


class Store:
    """Readings by session. A session sees only what was put under its own key.

    What was not used for `keep_seconds` is forgotten by a timer, whether or not anybody asks.
    """

    def __init__(
        self,
        keep_seconds: float = KEEP_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        most: int = MOST_STUDIES,
    ) -> None:
        self._keep, self._clock, self._most = keep_seconds, clock, most
        self._readings: dict[str, tuple[Reading, float]] = {}
        self._lock = threading.RLock()
        self._timer: threading.Timer | None = None
        self._giving: threading.Timer | None = None

    def room(self, key: str) -> None:
        """Raises BodyMapsError when another study cannot be opened for this session."""
        self.sweep()
        with self._lock:
            if key not in self._readings and len(self._readings) >= self._most:
                raise BodyMapsError(page()["full"].format(count=self._most))

    def put(self, key: str, reading: Reading) -> None:
        """Open a study for a session, in place of the one that it had. Raises BodyMapsError as `room` does."""
        self.room(key)
        self.drop(key)
        with self._lock:
            self._readings[key] = reading, self._clock()
            self._watch()

    def get(self, key: str) -> Reading | None:
        """What a session has open. Asking keeps it alive, and drops what others left behind."""
        with self._lock:
            if key in self._readings:
                self._readings[key] = self._readings[key][0], self._clock()
        self.sweep()
        with self._lock:
            return self._readings[key][0] if key in self._readings else None

    def at(self, token: str) -> Reading | None:
        """The reading with this token, when it is still open."""
        wanted = token.encode()
        with self._lock:
            readings = [reading for reading, _ in self._readings.values()]
        return next((r for r in readings if compare_digest(r.token.encode(), wanted)), None)

    def drop(self, key: str) -> None:
        """Forget a session's study and stop what it computes."""
        with self._lock:
            reading, _ = self._readings.pop(key, (None, 0.0))
        if reading is not None:
            reading.session.cancel()
            self._give_back()

    def _give_back(self) -> None:
        with self._lock:
            if self._giving is None or not self._giving.is_alive():
                self._giving = threading.Timer(GIVE_BACK_SECONDS, give_back)
                self._giving.daemon = True
                self._giving.start()

    def sweep(self) -> None:
        """Forget what was not used for too long."""
        now = self._clock()
        with self._lock:
            old = [key for key, (_, used) in self._readings.items() if now - used > self._keep]
        for key in old:
            self.drop(key)

    def _watch(self) -> None:
        """Have the timer look again when the reading that rests longest will be too old."""
        with self._lock:
            if self._timer is not None or not self._readings:
                return
            oldest = min(used for _, used in self._readings.values())
            wait = max(0.0, oldest + self._keep - self._clock()) + 0.01
            self._timer = threading.Timer(wait, _sweep, (weakref.ref(self),))
            self._timer.daemon = True
            self._timer.start()

    def __len__(self) -> int:
        return len(self._readings)


def _sweep(store: weakref.ref[Store]) -> None:
    """What the timer does; it keeps no store alive."""
    living = store()
    if living is not None:
        living._timer = None
        living.sweep()
        living._watch()
