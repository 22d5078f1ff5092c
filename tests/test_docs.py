"""The tables of the documentation: every registered part has its row."""

import runpy
from pathlib import Path

import pytest

from sknn6.nn.activations import ACTIVATIONS
from sknn6.nn.initializers import INITIALIZERS
from sknn6.nn.normalization import NORMALIZATIONS
from sknn6.nn.optimizers import OPTIMIZERS
from sknn6.nn.schedules import SCHEDULES

DOCS = Path(__file__).parents[1] / "docs"
TABLES = runpy.run_path(str(DOCS / "tables.py"))["TABLES"]
REGISTRIES = {
    "activations": ACTIVATIONS,
    "initializers": INITIALIZERS,
    "normalizations": NORMALIZATIONS,
    "optimizers": OPTIMIZERS,
    "schedules": SCHEDULES,
}


@pytest.mark.parametrize("name", REGISTRIES)
def test_every_part_has_a_row_that_says_what_it_is(name):
    header, rows = TABLES[name]
    rows = {cells[0].strip("`"): cells[1:] for cells in rows()}
    assert rows.keys() == REGISTRIES[name].keys()
    for cells in rows.values():
        assert len(cells) == len(header) - 1
        assert all(len(cell) > 3 for cell in cells)


@pytest.mark.parametrize("name", TABLES)
def test_every_table_is_on_a_page(name):
    pages = [page.read_text() for page in DOCS.rglob("*.rst") if "_build" not in page.parts]
    assert any(f".. registry-table:: {name}\n" in page for page in pages)
