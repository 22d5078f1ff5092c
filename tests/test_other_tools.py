"""The examples of the page on other tools run where the tool is installed."""

import ast
import re
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from textwrap import dedent

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "guide" / "other_tools.rst"
_, *SECTIONS = re.split(r"\n(.+)\n-+\n", PAGE.read_text())
BLOCKS = {
    tool: dedent(re.search(r"python\n\n((?:   .*\n|\n)+)", text)[1])
    for tool, text in zip(SECTIONS[::2], SECTIONS[1::2], strict=True)
}
LONG = {"Ray"}  # its workers take ten seconds to start


def modules(code):
    """Return the names of the modules that the code imports."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


def import_or_skip(module):
    """Import a module; skip the test if it is missing or does not suit the other packages."""
    try:
        import_module(module)
    except ImportError as error:
        pytest.skip(str(error))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "tool", [pytest.param(tool, marks=[pytest.mark.soak] * (tool in LONG)) for tool in BLOCKS]
)
def test_the_example_runs(tool, tmp_path, monkeypatch):
    for module in modules(BLOCKS[tool]):
        if not module.startswith("sknn6"):
            import_or_skip(module)
    if tool == "Optuna" and version("optuna_integration").startswith("4.0."):
        pytest.skip("OptunaSearchCV of that release does not know the tags of scikit-learn 1.6")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "runs").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    names = {}
    exec(BLOCKS[tool], names)
    for fitted in (names["model"], names.get("search")):
        assert fitted is None or hasattr(fitted, "predict")
    if "covered" in names:
        # 110 rows give the interval and 111 test it: three times sqrt(2 * 0.8 * 0.2 / 110).
        assert abs(names["covered"].mean() - 0.8) < 0.17
    if "predicted" in names:
        assert len(names["predicted"]) == len(names.get("X", names.get("table")))


def test_every_tool_has_an_example():
    assert list(BLOCKS) == ["MLflow", "skrub", "imbalanced-learn", "MAPIE", "Optuna", "Dask", "Ray"]
