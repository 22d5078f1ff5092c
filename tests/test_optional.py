"""A package that is not installed is named with what installs it, where it is needed and not before."""

import subprocess
import sys

import pytest

import sknn6.onnx
from sknn6 import MLPClassifier, search_space
from sknn6.inspection import SanityReport
from sknn6.inspection.displays import LossCurveDisplay
from sknn6.optional import require

NEEDED = {
    "matplotlib": ("sknn6[plot]", lambda: LossCurveDisplay([{"epoch": 1, "loss": 1.0}]).plot()),
    "skl2onnx": ("sknn6[onnx]", sknn6.onnx.register),
    "pandas": ("pandas", SanityReport({}).to_frame),
    "optuna": ("optuna", lambda: search_space(MLPClassifier(), as_distributions="optuna")),
}


@pytest.mark.parametrize("package", NEEDED)
def test_a_missing_package_is_named_with_what_installs_it(package, monkeypatch):
    installed_by, use = NEEDED[package]
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ModuleNotFoundError) as caught:
        use()
    assert caught.value.name == package
    assert str(caught.value).endswith(f'pip install "{installed_by}"')


def test_the_export_is_imported_without_its_packages():
    code = "import sys; sys.modules.update(onnx=None, skl2onnx=None); import sknn6.onnx"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_module_that_a_package_lacks_is_an_error_of_its_own():
    """What is missing is not the package, and installing it would not help."""
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'numpy.no_such_module'"):
        require("numpy.no_such_module", "numpy")
