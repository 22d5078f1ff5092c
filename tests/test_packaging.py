"""What is said in two files is said alike."""

import re
from configparser import ConfigParser
from pathlib import Path

import pytest

import sknn6

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def setup():
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def test_pre_commit_has_the_linters_of_the_extra_dev(setup):
    """So that a commit that one lets pass, the other does too."""
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    pinned = dict(re.findall(r"^([\w-]+)==(.+)$", setup["options.extras_require"]["dev"], re.M))
    assert pinned.keys() == {"check-jsonschema", "mypy", "ruff", "zizmor"}
    for name, version in pinned.items():
        assert set(re.findall(rf"\b{name}==([\w.]+)", hooks)) == {version}


def test_the_oldest_dependencies_are_the_low_ends_of_the_ranges(setup):
    oldest = dict(re.findall(r"^([\w-]+)==(.+)$", (ROOT / ".ci/oldest.txt").read_text(), re.M))
    extras = setup["options.extras_require"]
    ranges = setup["options"]["install_requires"] + "".join(
        extras[name] for name in ("fast", "onnx", "progress", "test")
    )
    for name, low in re.findall(r"^([\w-]+)>=([\d.]+)", ranges, re.M):
        assert f"{oldest[name]}.".startswith(f"{low}."), name


def test_continuous_integration_runs_the_versions_of_python_that_are_declared(setup):
    declared = re.findall(r"Python :: (3\.\d+)", setup["metadata"]["classifiers"])
    workflow = (ROOT / ".github/workflows/ci.yml").read_text()
    assert re.search(r"python-version: \[(.+)\]", workflow)[1] == ", ".join(f'"{v}"' for v in declared)
    assert setup["options"]["python_requires"] == f">={declared[0]}"


def test_the_changelog_has_the_version():
    assert f"\n{sknn6.__version__}\n" in (ROOT / "docs/changelog.rst").read_text()
