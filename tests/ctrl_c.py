"""Ctrl-C at a chosen moment, and calls as a notebook makes them."""

import os
import signal
import sys
from pathlib import Path

import pytest

import sknn6

__all__ = ["CtrlC", "default_handler", "in_a_cell"]


def in_a_cell(call, *args, **params):
    """Call as a statement of a notebook's cell does: at top level, whatever loops run the statement."""
    exec(compile("call(*args, **params)", "<cell>", "exec"), locals())


@pytest.fixture
def default_handler():
    """As in a terminal; what a shell starts in the background ignores the signal."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


# Not "sknn6" anywhere in a path, which may be that of a virtual environment with all packages.
PACKAGE = str(Path(sknn6.__file__).parent) + os.sep


class CtrlC:
    """Sends the signal of Ctrl-C, once or more often, from the n-th call within a function on.

    Only calls of the package's own functions count: scikit-learn, pressed while it restores its settings,
    would keep the wrong ones.
    """

    def __init__(self, n, times=1, within="run_epoch"):
        self.n, self.times, self.within, self.training = n, times, within, False

    def __call__(self, frame, event, arg):
        if event != "call" or not frame.f_code.co_filename.startswith(PACKAGE):
            return
        self.training |= frame.f_code.co_name == self.within
        self.n -= self.training
        if -self.times < self.n <= 0:
            signal.raise_signal(signal.SIGINT)

    def __enter__(self):
        sys.setprofile(self)
        return self

    def __exit__(self, *_):
        sys.setprofile(None)
