"""Which module imports which: no circle, and an engine that imports NumPy and SciPy only."""

import ast
import importlib
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import sknn6

ROOT = Path(sknn6.__file__).parent


def module_name(path):
    """Return the name of a module, that of its package for an ``__init__.py``."""
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(ROOT.rglob("*.py"))}


def imported_names(tree):
    """Return the absolute names that are imported anywhere in a module, inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "import_module":
            yield from (each.value for each in node.args if isinstance(each, ast.Constant))


def defining_module(name):
    """Return the module of this package that an imported name is, or is in; None for another package."""
    parts = name.split(".")
    prefixes = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((prefix for prefix in prefixes if prefix in MODULES), None)


def import_graph():
    """Map each module to the modules of this package that it imports."""
    graph = {}
    for module, path in MODULES.items():
        names = imported_names(ast.parse(path.read_text(encoding="utf-8")))
        graph[module] = {found for found in map(defining_module, names) if found}
    return graph


def test_what_other_modules_import_is_listed():
    """Each module says in `__all__` what is meant for others."""
    imports = 0
    for path in MODULES.values():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module in MODULES:
                names = {alias.name for alias in node.names if f"{node.module}.{alias.name}" not in MODULES}
                missing = names - set(vars(importlib.import_module(node.module)).get("__all__", ()))
                assert not missing, f"{path} imports {missing} from {node.module}"
                imports += len(names)
    assert imports > 300


def test_no_circle_of_imports():
    """Imports inside functions count, and so do those by a name in `import_module`."""
    graph = import_graph()
    assert len(graph) > 50
    assert "sknn6.nn.compiled" in graph["sknn6.nn.kernels"]
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def test_no_module_imports_the_whole_package():
    assert [module for module, imported in import_graph().items() if "sknn6" in imported] == []


def test_engine_imports_numpy_and_scipy_only():
    """sknn6.nn knows nothing of scikit-learn; the package around it is left out of the way here."""
    code = (
        "import importlib, pkgutil, sys, types, pathlib\n"
        "package = types.ModuleType('sknn6')\n"
        f"package.__path__ = [{str(ROOT)!r}]\n"
        "sys.modules['sknn6'] = package\n"
        "nn = importlib.import_module('sknn6.nn')\n"
        "for module in pkgutil.iter_modules(nn.__path__):\n"
        "    importlib.import_module('sknn6.nn.' + module.name)\n"
        "foreign = {name.partition('.')[0] for name in sys.modules} & {'sklearn', 'skopt', 'joblib'}\n"
        "inside = [name for name in sys.modules if name.startswith('sknn6.') and name[:8] != 'sknn6.nn']\n"
        "assert 'sknn6.nn.network' in sys.modules\n"
        "assert not foreign and not inside, (foreign, inside)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_few_modules_import_numba():
    """The others do without it; Numba's decorators are chosen in one module of the interpreter."""
    needing = {
        module.removeprefix("sknn6.nn.")
        for module, path in MODULES.items()
        if any(name.split(".")[0] == "numba" for name in imported_names(ast.parse(path.read_text("utf-8"))))
    }
    assert needing == {"compiled", "exponentials", "interpreter.decorators"}


def test_a_training_knows_no_estimator():
    graph = import_graph()
    reached, ahead = set(), [module for module in MODULES if module.startswith("sknn6.training")]
    assert len(ahead) > 8
    while ahead:
        module = ahead.pop()
        if module not in reached:
            reached.add(module)
            ahead += graph[module]
    assert not [module for module in reached if module.startswith("sknn6.estimators")]


def attributes_in(path):
    """Return the names after a dot in a file, and those that `getattr` and `hasattr` are given."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    asked = [
        node.args[1].value
        for node in nodes
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in {"getattr", "hasattr"}
        and isinstance(node.args[1], ast.Constant)
    ]
    return {node.attr for node in nodes if isinstance(node, ast.Attribute)}.union(asked)


def private_to_the_estimators():
    """Return the names of methods, and of attributes of a fitted one, that begin with an underscore."""
    own = "sknn6.estimators"
    model = sknn6.MLPClassifier(4, max_iter=2, recipe="plain", learning_rate="cosine")
    names = {*vars(model.fit([[0.0], [1.0]], [0, 1]))}
    for cls in {*sknn6.MLPClassifier.__mro__, *sknn6.MLPRegressor.__mro__}:
        methods = vars(cls).items()
        names |= {name for name, method in methods if str(getattr(method, "__module__", "")).startswith(own)}
    return {name for name in names if name.startswith("_") and not name.startswith("__")}


FOLDERS = ["sknn6/inspection", "sknn6/onnx", "sknn6/search", "examples", "benchmarks"]


@pytest.mark.parametrize("folder", FOLDERS)
def test_nothing_else_uses_what_is_private_to_the_estimators(folder):
    private = private_to_the_estimators()
    assert {"_structure", "_fit", "_find_targets"} <= private
    files = list((ROOT.parent / folder).rglob("*.py"))
    assert len(files) > 3
    for path in files:
        assert not attributes_in(path) & private, path.name
