"""A scikit-optimize that does not import takes the search with it, and nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import sknn6

# All that users do without a search.
WORK = """
import pickle, warnings
import numpy as np
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
import sknn6, sknn6.inspection, sknn6.nn
from sknn6 import MLPClassifier, MLPRegressor, Standardizer, Whitener

warnings.simplefilter("ignore")
X, y = np.random.default_rng(0).standard_normal((40, 3)), np.arange(40) % 2
pipeline = make_pipeline(Standardizer(), Whitener(), MLPClassifier(8, max_iter=2, random_state=0))
model = GridSearchCV(pipeline, {"mlpclassifier__alpha": [0.1, 1.0]}, cv=2).fit(X, y)
assert (pickle.loads(pickle.dumps(model)).predict_proba(X) == model.predict_proba(X)).all()
MLPRegressor(max_iter=2).fit(X, X).predict(X)
sknn6.inspection.layer_statistics(MLPClassifier(8), X, y)
assert {"BayesSearchCV", "search_space"} <= set(dir(sknn6))
"""

ASK = """
import sknn6

for code in ("sknn6.BayesSearchCV", "from sknn6 import search_space", "import sknn6.search"):
    try:
        exec(code)
    except ImportError as error:
        print(error)
"""


@pytest.fixture(params=["ImportError('no skopt here')", "AttributeError('module numpy has no int')"])
def run(request, tmp_path):
    """Run code where `import skopt` raises what a missing or an old one does."""
    (tmp_path / "skopt.py").write_text(f"raise {request.param}\n")
    path = os.pathsep.join([str(tmp_path), str(Path(sknn6.__file__).parents[1])])
    env = os.environ | {"PYTHONPATH": path}

    def run(code):
        return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)

    return run


def test_all_but_the_search_works(run):
    done = run(WORK)
    assert done.returncode == 0, done.stderr


def test_who_asks_for_the_search_is_told_what_is_missing(run):
    done = run(ASK)
    assert done.returncode == 0, done.stderr
    errors = done.stdout.splitlines()
    assert len(errors) == 3
    for error in errors:
        assert error.startswith("The search of sknn6 needs scikit-optimize, which failed to import")
        assert "no skopt here" in error or "module numpy has no int" in error
