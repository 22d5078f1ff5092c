"""The documentation is complete: every public name has a page, every registered part its row."""

import ast
import inspect
import re
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sknn6
import sknn6.inspection
from sknn6.estimators.recipes import RECIPES, WITH_MANY_ROWS
from sknn6.nn.activations import ACTIVATIONS
from sknn6.nn.initializers import INITIALIZERS
from sknn6.nn.losses import REGRESSION_LOSSES
from sknn6.nn.normalization import NORMALIZATIONS
from sknn6.nn.optimizers import OPTIMIZERS
from sknn6.nn.schedules import SCHEDULES

DOCS = Path(__file__).parents[1] / "docs"
TABLES = runpy.run_path(str(DOCS / "tables.py"))["TABLES"]
GROUPS = runpy.run_path(str(DOCS / "groups.py"))
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


def test_the_table_of_recipes_has_each_value_of_each():
    """A row for each parameter that may be "auto", a column for each recipe."""
    header, rows = TABLES["recipes"]
    automatic = {
        name
        for cls in (sknn6.MLPClassifier, sknn6.MLPRegressor)
        for name, parameter in inspect.signature(cls).parameters.items()
        if parameter.default == "auto"
    }
    rows = {cells[0].strip("`"): cells[1:] for cells in rows()}
    assert rows.keys() == automatic - {"recipe"}
    columns = dict(zip(header[1:], zip(*rows.values(), strict=True), strict=True))
    for name, recipe in RECIPES.items():
        shown = [ast.literal_eval(cell.strip("`")) for cell in columns[f'``"{name}"``']]
        assert shown == [recipe[parameter] for parameter in rows]
    headings = " ".join(list(columns)[len(RECIPES) :])
    assert all(f'``"{name}"``' in headings for name in WITH_MANY_ROWS)


@pytest.mark.parametrize("name", TABLES)
def test_every_table_is_on_a_page(name):
    pages = [page.read_text() for page in DOCS.rglob("*.rst") if "_build" not in page.parts]
    assert any(f".. registry-table:: {name}\n" in page for page in pages)


@pytest.mark.parametrize("module", [sknn6, sknn6.inspection], ids=lambda module: module.__name__)
def test_every_public_name_has_a_page(module):
    """The names of the summaries after ``currentmodule`` are the module's."""
    _, *parts = (DOCS / "api.rst").read_text().split(".. currentmodule:: ")
    lines = [line for part in parts if part.split()[0] == module.__name__ for line in part.splitlines()]
    names = {line.strip() for line in lines if line.startswith("   ")}
    assert set(module.__all__) <= names


MODULES = sknn6, sknn6.inspection
CLASSES = [getattr(module, name) for module in MODULES for name in module.__all__]


def without_example(cls):
    """Return the names of public methods and properties of this package whose docstrings have no example."""
    members = {name: getattr(cls, name) for name in dir(cls) if name[0] != "_"}
    functions = {name: getattr(member, "fget", member) for name, member in members.items()}
    ours = {name: f for name, f in functions.items() if getattr(f, "__module__", "").startswith("sknn6.")}
    return [name for name, function in ours.items() if ">>> " not in (inspect.getdoc(function) or "")]


@pytest.mark.parametrize("cls", filter(inspect.isclass, CLASSES))
def test_every_method_has_an_example(cls):
    """In its docstring, or in the section of its class on the page of methods."""
    sections = re.split(r"\n(?=\w.*\n-+\n)", (DOCS / "methods.rst").read_text())
    (section,) = (section for section in sections if cls.__name__ in section.partition("\n")[0].split(", "))
    examples = "\n".join(re.findall(r"^(?:>>>|\.\.\.) (.+)$", section, re.MULTILINE))
    assert [name for name in without_example(cls) if not re.search(rf"\.{name}\b", examples)] == []


def test_the_code_of_readme_is_run_as_the_example_of_the_front_page():
    """But for the last line, which prints."""
    block = re.search(r"```python\n(.+?)```", (DOCS.parent / "README.md").read_text(), re.DOTALL)[1]
    *code, last = [line for line in block.splitlines() if line]
    assert last.startswith("print(")
    example = re.findall(r"^>>> (.+)$", (DOCS / "index.rst").read_text(), re.MULTILINE)
    assert example[: len(code)] == code


def test_the_front_page_has_the_figures_of_readme():
    readme, page = ((DOCS / name).read_text() for name in ("../README.md", "index.rst"))
    ratios = re.search(r"(?m)^\| sknn6 \| (.+), .+ \| (.+), .+ \| (.+) \|$", readme).groups()
    few, many, rmse = (f"{100 * (1 - float(ratio)):.0f} %" for ratio in ratios)
    assert f"**{few} fewer**, {many} with many rows" in page
    assert f"**{rmse} less**" in page
    numpy, numba = zip(*re.findall(r"(?m)^\| \d.+? \| ([\d.]+), ([\d.]+) \|", readme), strict=True)
    assert f"**{min(numpy, key=float)} to {max(numpy, key=float)} times as fast**" in page
    assert f"{min(numba, key=float)} to {max(numba, key=float)} times with Numba" in page


NAMED = {
    "activation": ACTIVATIONS,
    "init": INITIALIZERS,
    "batchnorm": NORMALIZATIONS,
    "solver": OPTIMIZERS,
    "learning_rate": SCHEDULES,
    "loss": REGRESSION_LOSSES,
}


@pytest.mark.parametrize("parameter", NAMED)
def test_every_name_is_in_the_docstring_of_its_parameter(parameter):
    doc = inspect.getdoc(sknn6.MLPRegressor).partition(f"\n{parameter} : ")[2]
    paragraph = re.split(r"\n\w", doc)[0]
    assert [name for name in NAMED[parameter] if f'"{name}"' not in paragraph] == []


@pytest.mark.parametrize("cls", [sknn6.MLPClassifier, sknn6.MLPRegressor])
def test_the_docstring_has_the_defaults_of_the_signature(cls):
    documented = dict(re.findall(r"^(\w+) : .*default=(.+)$", inspect.getdoc(cls), re.MULTILINE))
    for name, parameter in inspect.signature(cls).parameters.items():
        if name in documented:  # some share a line
            assert ast.literal_eval(documented[name]) == parameter.default, name


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("<a href='other.html#there'>", None),
        ("<a href='https://example.org/nowhere'>", None),
        ("<a href='missing.html'>", "missing.html is not there"),
        ("<a href='other.html#nowhere'>", "#nowhere has no such anchor"),
        ("<a href='#nowhere'>", "#nowhere has no such anchor"),
        ("<img src='other.html' alt='a picture'>", None),
        ("<img src='other.html'>", "other.html has no alt text"),
        ("<img src='gone.png' alt='a picture'>", "gone.png is not there"),
    ],
)
def test_links_are_checked(body, complaint, tmp_path):
    check = runpy.run_path(str(DOCS / "check_links.py"))["broken"]
    (tmp_path / "other.html").write_text("<p id='there'>")
    (tmp_path / "page.html").write_text(body)
    found = list(check(tmp_path))
    assert len(found) == (complaint is not None)
    assert all(complaint in line for line in found)


@pytest.mark.parametrize("cls", [sknn6.MLPClassifier, sknn6.MLPRegressor])
def test_every_parameter_is_in_one_group(cls):
    names = [name for members in GROUPS["PARAMETERS"].values() for name in members]
    assert len(names) == len(set(names))
    assert set(inspect.signature(cls).parameters) <= set(names)


@pytest.mark.parametrize("kind", ["PARAMETERS", "ATTRIBUTES"])
def test_every_name_in_a_group_is_described(kind):
    """In the docstring of one of the networks, or of a property."""
    docs = "".join(inspect.getdoc(cls) for cls in (sknn6.MLPClassifier, sknn6.MLPRegressor))
    headings = re.findall(r"^(\w+(?:, \w+)*)(?: :|$)", docs, re.MULTILINE)
    described = {name for heading in headings for name in heading.split(", ")} | set(dir(sknn6.MLPClassifier))
    assert {name for members in GROUPS[kind].values() for name in members} <= described


@pytest.mark.parametrize("cls", [sknn6.MLPClassifier, sknn6.MLPRegressor])
def test_every_attribute_is_in_one_group(cls):
    """Those that a fit sets, and the properties."""
    X = pd.DataFrame({"a": np.arange(50.0)})
    fitted = cls(early_stopping=True, random_state=0).fit(X, np.arange(50) > 25)
    names = [name for members in GROUPS["ATTRIBUTES"].values() for name in members]
    assert len(names) == len(set(names))
    assert {name for name in (*vars(fitted), *dir(cls)) if re.fullmatch(r"[a-z]\w*_", name)} <= set(names)
