"""Two sizes of a test: one for every run, a long one for ``pytest -m soak``."""

import pytest
from hypothesis import given, settings


def sizes(name, usual, long):
    """Return a test its size as the argument `name`."""
    return pytest.mark.parametrize(name, [usual, pytest.param(long, marks=pytest.mark.soak)])


def hold(check, *strategies, examples, anew):
    """Call `check` with drawn examples: always the same ones, or others at each run."""
    profile = settings(max_examples=examples, deadline=None, derandomize=not anew)
    profile(given(*strategies)(check))()
