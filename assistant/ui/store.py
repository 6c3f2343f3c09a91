"""What each browser session has open: kept apart, and forgotten when it closes or rests for long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from secrets import compare_digest

from assistant.ui.reading import Reading

KEEP_SECONDS = 4 * 3600.0


class Store:
    """Readings by browser session. A session sees only what was put under its own key."""

    def __init__(
        self, keep_seconds: float = KEEP_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._keep, self._clock = keep_seconds, clock
        self._readings: dict[str, tuple[Reading, float]] = {}
        self._lock = threading.Lock()

    def put(self, key: str, reading: Reading) -> None:
        """Open a study for a session, in place of the one that it had."""
        self.drop(key)
        with self._lock:
            self._readings[key] = reading, self._clock()

    def get(self, key: str) -> Reading | None:
        """What a session has open. Asking keeps it alive, and drops what others left behind."""
        now = self._clock()
        with self._lock:
            if key in self._readings:
                self._readings[key] = self._readings[key][0], now
            old = [k for k, (_, used) in self._readings.items() if now - used > self._keep]
        for other in old:
            self.drop(other)
        with self._lock:
            return self._readings[key][0] if key in self._readings else None

    def at(self, token: str) -> Reading | None:
        """The reading with this token, when it is still open."""
        with self._lock:
            return next((r for r, _ in self._readings.values() if compare_digest(r.token, token)), None)

    def drop(self, key: str) -> None:
        """Forget a session's study and stop what it computes."""
        with self._lock:
            reading, _ = self._readings.pop(key, (None, 0.0))
        if reading is not None:
            reading.session.cancel()

    def __len__(self) -> int:
        return len(self._readings)
