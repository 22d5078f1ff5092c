"""What must not show after a thousand calls: threads, and memory that is not given back."""

import gc
import mmap
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from sklearn.base import clone
from soak import sizes

from sknn6 import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = np.random.default_rng(0).standard_normal((300, 8)), np.arange(300) % 3
MODEL = MLPClassifier((16, 16), max_iter=3, random_state=0)


@sizes("n_rounds", 20, 1000)
def test_eight_threads_predict_while_a_clone_fits(n_rounds):
    """Each gets what it gets alone, and so does the fit, which goes on until all have done their rounds."""
    model = clone(MODEL).fit(X, Y)
    parts = np.array_split(X, 8)
    expected = [model.predict_proba(part) for part in parts]
    weights = [W.copy() for W in model.coefs_]
    done, fits = Event(), []

    def fit():
        while not done.is_set():
            fits.append(clone(model).fit(X, Y).coefs_)

    def predict(part):
        return [model.predict_proba(part) for _ in range(n_rounds)]

    with ThreadPoolExecutor(9) as pool:
        fitting = pool.submit(fit)
        try:
            found = list(pool.map(predict, parts))
        finally:
            done.set()
        fitting.result()
    for rounds, P in zip(found, expected, strict=True):
        assert all(np.array_equal(again, P) for again in rounds)
    assert fits
    for coefs in fits:
        assert all(map(np.array_equal, coefs, weights))


def growth(call, n_calls, n_rounds=4, n_warm=30):
    """Return the bytes that a round of calls leaves behind.

    What each call keeps is kept in every round. Other threads of the process (those of pytest-xdist are some)
    allocate as well, in some rounds: so the lowest of several rounds counts.
    """
    for _ in range(n_warm):
        call()
    tracemalloc.start()
    try:
        call()
        held = [traced()]
        for _ in range(n_rounds):
            for _ in range(n_calls):
                call()
            held.append(traced())
        return min(np.diff(held))
    finally:
        tracemalloc.stop()


def traced():
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def test_growth_tells_of_what_is_kept():
    kept = []
    assert growth(lambda: kept.append(bytes(1000)), 100) > 100_000


@sizes("n_calls", 250, 2_500)
@pytest.mark.parametrize("method", ["predict", "predict_proba"])
@pytest.mark.parametrize("n_rows", [1, 300])
def test_predictions_leave_no_memory_behind(method, n_rows, n_calls):
    """A float kept by each call would be 24 bytes a call, an array of one number 112.

    A round leaves up to 3.4 kB, however many calls it has: the garbage collector runs at other moments.
    """
    predict = getattr(clone(MODEL).fit(X, Y), method)
    assert growth(lambda: predict(X[:n_rows]), n_calls) < 20 * n_calls


@pytest.fixture
def fit():
    """Return a function that fits the i-th of several large networks, of 0.4 MB of weights or more, anew."""
    large = {"hidden_layer_sizes": (320, 320), "max_iter": 1, "random_state": 0}
    models = [
        MLPClassifier(ensemble_size=1, **large),
        MLPClassifier(ensemble_size=1, batchnorm=True, early_stopping=True, **large),
        MLPClassifier(solver="lbfgs", **large),
        MLPRegressor(track="layers", **large),
    ]
    return lambda i: clone(models[i % len(models)]).fit(X, Y)


def resident_growth(call, n_calls, n_warm=12):
    """Return the bytes by which the memory of the process grows, libraries and their threads included.

    The allocator now and then holds on to freed memory for some calls. What adds up never goes away: so the
    lowest of several looks counts.
    """
    for i in range(n_warm):
        call(i)
    before = resident()
    for i in range(n_calls):
        call(i)
    looks = []
    for i in range(n_warm):
        call(i)
        looks.append(resident())
    return min(looks) - before


def resident():
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE


linux = pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="needs /proc/self/statm, as on Linux"
)


# In a process that has run other tests, freed memory is there for the taking: what is kept may not show, and
# what is not may. So these have a process to themselves.
@pytest.mark.soak
@linux
def test_resident_growth_tells_of_models_that_are_kept(fit):
    kept = []
    assert resident_growth(lambda i: kept.append(fit(i)), 30) > 12 * 2**20


@pytest.mark.soak
@linux
def test_fits_in_one_process_do_not_add_up(fit):
    assert resident_growth(fit, 300) < 12 * 2**20


@pytest.mark.soak
@linux
def test_fits_of_one_estimator_do_not_add_up():
    model = MLPClassifier((320, 320), ensemble_size=1, max_iter=1, random_state=0)
    assert resident_growth(lambda i: model.fit(X, Y), 300) < 12 * 2**20
