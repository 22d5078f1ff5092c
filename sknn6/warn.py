"""Issue warnings that point to the user's line."""

import os
import sys
import warnings
from pathlib import Path
from types import FrameType

import sklearn

__all__ = ["warn_user"]

# The folders of this package and of scikit-learn.
INSIDE = str(Path(__file__).parent) + os.sep, str(Path(sklearn.__path__[0])) + os.sep


def warn_user(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the innermost line that is neither in this package nor in scikit-learn.

    The line is searched for, because the number of frames in between depends on scikit-learn's release and on
    the caller of `fit`.
    """
    level = 1
    frame: FrameType | None = sys._getframe(0)
    while frame is not None and frame.f_code.co_filename.startswith(INSIDE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
