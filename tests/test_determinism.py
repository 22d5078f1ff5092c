"""One seed, one result: bit for bit, wherever and after whatever the fit runs."""

import hashlib
import os
import pickle
import subprocess
import sys
from inspect import getsource

import numpy as np
import pytest
from joblib import Parallel, delayed
from sklearn.base import clone

from sknn6 import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

MODELS = {
    "defaults": MLPClassifier(max_iter=3, random_state=0),
    "sgd, all that draws": MLPClassifier(
        (8, 8), solver="sgd", dropout=0.3, init="orthogonal", early_stopping=True, max_iter=5, random_state=7
    ),
    "lsuv, whitened": MLPClassifier(
        8, init="lsuv", batchnorm="whiten", residual=True, random_state=1, max_iter=3
    ),
    "lbfgs": MLPClassifier(8, solver="lbfgs", max_iter=5, random_state=2),
    "regressor": MLPRegressor(hidden_layer_sizes=8, ema_decay=0.9, max_iter=5, random_state=3),
}


def data():
    rng = np.random.default_rng(0)
    return rng.standard_normal((120, 6)), np.arange(120) % 3


def fingerprint(model):
    """Fit a model and give a hash of the bits of its weights, biases and other arrays."""
    model.fit(*data())
    arrays = [*model.coefs_, *model.intercepts_, *model.layer_state_.values()]
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


@pytest.mark.parametrize("name", MODELS)
def test_another_seed_gives_other_weights(name):
    """So that the tests below can fail."""
    assert fingerprint(MODELS[name]) != fingerprint(clone(MODELS[name]).set_params(random_state=99))


@pytest.mark.parametrize("name", MODELS)
def test_a_fit_again_gives_the_same_bits_whatever_ran_before(name):
    first = fingerprint(MODELS[name])
    np.random.seed(123)  # noqa: NPY002, the state that all libraries share
    for other in MODELS.values():
        clone(other).set_params(random_state=np.random.RandomState(5)).fit(*data())
    assert fingerprint(clone(MODELS[name])) == first
    assert fingerprint(MODELS[name]) == first  # the very object, fitted anew


def test_a_new_process_gives_the_same_bits():
    """In two processes, each with another order of its sets of strings."""
    code = "\n".join(
        [
            "import hashlib, pickle, sys, warnings, numpy as np",
            "warnings.simplefilter('ignore')",
            getsource(data),
            getsource(fingerprint),
            "print(*map(fingerprint, pickle.load(sys.stdin.buffer)), sep='\\n')",
        ]
    )
    expected = [fingerprint(model) for model in MODELS.values()]
    unfitted = pickle.dumps([clone(model) for model in MODELS.values()])
    for seed in ("1", "2"):
        env = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        run = subprocess.run(
            [sys.executable, "-c", code], input=unfitted, env=env, capture_output=True, check=True
        )
        assert run.stdout.decode().split() == expected


@pytest.mark.parametrize("backend", ["loky", "threading"])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_workers_give_the_same_bits(backend, n_jobs):
    expected = [fingerprint(model) for model in MODELS.values()]
    found = Parallel(n_jobs, backend=backend)(delayed(fingerprint)(clone(model)) for model in MODELS.values())
    assert found == expected


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1, 7, 64, 1000])
def test_rows_are_predicted_alike_in_blocks_of_any_size(dtype, size):
    """Products of other shapes round otherwise, in the last places: by 1e-6 in float32, 1e-14 in float64."""
    X, y = data()
    model = MLPClassifier((32, 32), max_iter=3, random_state=0).fit(X, y)
    rows = np.random.default_rng(1).standard_normal((2500, 6)).astype(dtype)
    whole = model.predict_proba(rows)
    parts = [model.predict_proba(rows[start : start + size]) for start in range(0, len(rows), size)]
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=0, atol=8 * np.finfo(dtype).eps)
