"""What type checkers know of the package: every public function says what it takes and gives."""

import inspect

import pytest

import sknn6
import sknn6.inspection
import sknn6.onnx


def public_functions():
    """Return the functions and methods that are sknn6's own, not inherited from others, by their name."""
    for module in (sknn6, sknn6.inspection, sknn6.onnx):
        for name in module.__all__:
            thing = getattr(module, name)
            if not inspect.isclass(thing):
                yield f"{module.__name__}.{name}", thing
                continue
            for attribute in dir(thing):
                if attribute.startswith("_") and attribute != "__init__":
                    continue
                method = inspect.getattr_static(thing, attribute)
                method = method.fget if isinstance(method, property) else getattr(thing, attribute)
                if callable(method) and method.__module__.startswith("sknn6"):
                    yield f"{module.__name__}.{name}.{attribute}", method


FUNCTIONS = dict(public_functions())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_public_function_is_annotated(name):
    signature = inspect.signature(FUNCTIONS[name])
    bare = [p.name for p in signature.parameters.values() if p.annotation is p.empty and p.name != "self"]
    assert bare == []
    assert name.endswith(".__init__") or signature.return_annotation is not signature.empty


def test_the_public_functions_are_found():
    expected = {
        "sknn6.search_space",
        "sknn6.MLPClassifier.__init__",
        "sknn6.MLPClassifier.fit",
        "sknn6.MLPRegressor.partial_fit",
        "sknn6.Whitener.whitening_",
        "sknn6.inspection.LossCurveDisplay.from_estimator",
        "sknn6.onnx.register",
    }
    assert expected <= FUNCTIONS.keys()
