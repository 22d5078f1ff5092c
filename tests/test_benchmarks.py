"""The benchmarks import names that exist: they need too much time and too many packages to be run here."""

import ast
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
SCRIPTS = sorted(FOLDER.glob("*.py"))
HELPERS = {path.stem for path in SCRIPTS}


def imports(path):
    """Yield (module, name) for each name that a file imports from the package or from another benchmark."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] in {"sknn6", *HELPERS}:
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names if alias.name.split(".")[0] == "sknn6")


def names_in(path):
    """Return the names of functions, classes and variables in a file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_what_a_benchmark_imports_exists(path):
    for module, name in imports(path):
        if module in HELPERS:
            assert name in names_in(FOLDER / f"{module}.py")
        else:
            assert name is None or hasattr(import_module(module), name) or import_module(f"{module}.{name}")


def test_the_benchmark_of_compiled_epochs_measures_both_ways(monkeypatch):
    pytest.importorskip("numba")
    monkeypatch.syspath_prepend(FOLDER)
    compiled, workloads = import_module("compiled"), import_module("workloads")
    seconds = compiled.measure(workloads.plain((4,)), np.eye(20), np.arange(20) % 2, 2, 1)
    assert {way: len(times) for way, times in seconds.items()} == {"layers": 2, "compiled": 2}
