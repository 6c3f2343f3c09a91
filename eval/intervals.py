"""A share with its count and its 95 % interval (Wilson score interval, from scipy)."""

from __future__ import annotations

from collections.abc import Iterable
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
