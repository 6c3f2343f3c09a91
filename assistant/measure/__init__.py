"""Numbers from masks: pure functions, arrays in, millimetres out.

scipy and cc3d load on the first measure, not on import.
"""

from assistant.measure.components import components
from assistant.measure.kinds import KINDS, Kind
from assistant.measure.measure import measure
from assistant.measure.types import Measurement, Unmeasurable

__all__ = ["KINDS", "Kind", "Measurement", "Unmeasurable", "components", "measure"]
