"""Set up the examples of the pages."""

import pytest


def pytest_itemcollected(item):
    """Let the short searches of the pages end on a border: whether they do depends on rounding."""
    if item.path.suffix == ".rst":
        item.add_marker(pytest.mark.filterwarnings("ignore:The best .* on the border:UserWarning"))
