"""Warnings that name the user's line."""

import sys
import warnings
from pathlib import Path

import sklearn

__all__ = ["warn_user"]

# The folders of this package and of scikit-learn.
INSIDE = str(Path(__file__).parent), str(Path(sklearn.__path__[0]))


def warn_user(message, category=UserWarning):
    """Warn at the innermost line that is neither in this package nor in scikit-learn.

    How many frames lie between depends on scikit-learn's release and on what calls `fit`.
    """
    level, frame = 1, sys._getframe(0)
    while frame is not None and frame.f_code.co_filename.startswith(INSIDE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
