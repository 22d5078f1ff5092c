"""Warnings that name the user's line."""

import sys
import warnings
from pathlib import Path

import sklearn

import sknn6

__all__ = ["warn_user"]

INSIDE = tuple(str(Path(package.__path__[0])) for package in (sknn6, sklearn))


def warn_user(message, category=UserWarning):
    """Warn at the innermost line that is neither in this package nor in scikit-learn.

    How many frames lie between depends on scikit-learn's release and on what calls `fit`.
    """
    level, frame = 1, sys._getframe(0)
    while frame is not None and frame.f_code.co_filename.startswith(INSIDE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
