"""95 % intervals: of a share (Wilson score interval) and of a mean over cases (bootstrap), both from scipy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Share:
    """right of n; n may be 0, then there is no share."""

    right: int
    n: int

    @classmethod
    def of(cls, scores: Iterable[bool | None]) -> Share:
        """None does not count."""
        counted = [score for score in scores if score is not None]
        return cls(sum(counted), len(counted))

    @property
    def value(self) -> float | None:
        return self.right / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float] | None:
        if not self.n:
            return None
        from scipy.stats import binomtest

        low, high = binomtest(self.right, self.n).proportion_ci(method="wilson")
        return float(low), float(high)

    def to_dict(self) -> dict[str, Any]:
        low, high = self.interval or (None, None)
        return {"value": self.value, "right": self.right, "n": self.n, "low95": low, "high95": high}


def mean_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Bias-corrected bootstrap interval of a mean over cases; None below three of them. Repeats with its own seed."""
    if len(values) < 3:
        return None
    if len(set(values)) == 1:  # every resample has the same mean
        return float(values[0]), float(values[0])
    import numpy as np
    from scipy.stats import bootstrap

    found = bootstrap((np.asarray(values),), np.mean, rng=np.random.default_rng(0)).confidence_interval
    return float(found.low), float(found.high)
