"""Studies: a CT in any of the usual formats, opened and checked, and masks saved on its grid."""

from assistant.study.opening import open_study
from assistant.study.save import save_array, save_mask
from assistant.study.study import Study

__all__ = ["Study", "open_study", "save_array", "save_mask"]
