"""Threads of a call: one for BLAS, all that the user allows for large products, and all back afterwards."""

import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext

import numpy as np
import pytest
from blas import blas_threads
from plain import MLPClassifier
from skl2onnx import to_onnx
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from sknn6 import Whitener, threads
from sknn6.inspection import WhiteningDisplay, layer_statistics, learning_rate_range_test, sanity_check
from sknn6.nn import dense, parallel
from sknn6.nn.activations import ACTIVATIONS, Activation
from sknn6.nn.network import Network
from sknn6.nn.products import product
from sknn6.nn.program import Program
from sknn6.onnx import converters, register
from sknn6.preprocessing import whitener as whitening
from sknn6.threads import products_share_cores

X, y = load_iris(return_X_y=True)
pytestmark = pytest.mark.filterwarnings("ignore:.*the training hasn't converged yet")


@pytest.fixture
def two_threads(monkeypatch):
    """Let BLAS have two threads, on any machine and whatever the environment says."""
    monkeypatch.setattr(threads, "cores", lambda: 2)
    with threadpool_limits(2, user_api="blas"):
        yield


@pytest.fixture
def every_product_large(monkeypatch):
    monkeypatch.setattr(parallel, "WORTH_THREADS", 0)


@contextmanager
def helped_by(n_helpers):
    with ThreadPoolExecutor(n_helpers) as executor:
        executor.n_helpers = n_helpers
        with parallel.several_threads(executor):
            yield executor


def seeing(look):
    """Return ReLU, calling a function in each forward pass."""
    relu = ACTIVATIONS["relu"]

    def forward(Z):
        look()
        return relu.forward(Z)

    return Activation(forward, relu.backward, gain=relu.gain)


def fit(look=lambda: None, **params):
    params = {"max_iter": 30, "tol": 0, "random_state": 0, "n_iter_no_change": 100} | params
    return MLPClassifier((8, 8), seeing(look), **params)


# Products in parts


@pytest.mark.parametrize("n_helpers", [0, 1, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("A_shape", "B_shape"),
    [((7, 3), (3, 5)), ((5, 3), (3, 7)), ((7, 3), (2, 3, 5)), ((2, 5, 3), (2, 3, 9)), ((1, 4), (4, 1))],
)
def test_the_parts_make_the_product(n_helpers, dtype, A_shape, B_shape):
    rng = np.random.default_rng(0)
    A, B = rng.standard_normal(A_shape).astype(dtype), rng.standard_normal(B_shape).astype(dtype)
    for left, right in ((A, B), (np.asfortranarray(A), np.asfortranarray(B))):
        expected = left @ right
        with helped_by(n_helpers) if n_helpers else nullcontext():
            out = np.full_like(expected, np.nan)
            assert parallel.multiply(left, right, out=out) is out
        np.testing.assert_allclose(out, expected, rtol=10 * np.finfo(dtype).eps, atol=np.finfo(dtype).eps)


def test_helpers_work_too():
    """Each of three items waits until three threads are at work."""
    all_at_work = threading.Barrier(3, timeout=30)

    def work(item):
        all_at_work.wait()
        return item, threading.get_ident()

    with helped_by(2):
        items, idents = zip(*parallel.share(work, "abc"), strict=True)
    assert items == ("a", "b", "c")
    assert len(set(idents)) == 3


def test_helpers_that_are_busy_are_not_waited_for():
    """The only helper is busy until the product is there."""
    done = threading.Event()
    with helped_by(1) as executor:
        busy = executor.submit(done.wait, timeout=30)
        out = parallel.multiply(np.ones((6, 2)), np.ones((2, 4)), out=np.empty((6, 4)))
        assert not busy.done()
        done.set()
    np.testing.assert_array_equal(out, 2)


@pytest.mark.parametrize("where", ["helper", "caller"])
def test_an_error_in_any_thread_is_the_callers(where):
    caller, both = threading.get_ident(), threading.Barrier(2, timeout=30)
    begun = []

    def work(item):
        begun.append(item)
        if item < 2:
            both.wait()
        if (threading.get_ident() == caller) == (where == "caller"):
            raise RuntimeError("as asked")

    with helped_by(1), pytest.raises(RuntimeError, match="as asked"):
        parallel.share(work, range(3))
    assert sorted(begun)[:2] == [0, 1]


def test_an_interrupt_leaves_no_helper_at_work(monkeypatch):
    """It comes while the caller waits for the helper, which has half of the work still to do."""
    caller, wait, begun = threading.get_ident(), parallel.wait, threading.Event()
    interrupted, finished = threading.Event(), []

    def work(item):
        if threading.get_ident() == caller:
            begun.wait(timeout=30)
        else:
            begun.set()
            interrupted.wait(timeout=30)
            finished.append(item)

    def interrupted_once(jobs):
        if interrupted.is_set():
            return wait(jobs)
        interrupted.set()
        raise KeyboardInterrupt

    monkeypatch.setattr(parallel, "wait", interrupted_once)
    with helped_by(1), pytest.raises(KeyboardInterrupt):
        parallel.share(work, range(2))
    assert len(finished) == 1


def test_an_interrupt_while_helpers_are_called_leaves_none_at_work(monkeypatch):
    """The first has begun by then; it ends its item, and begins no other."""
    begun, finished = threading.Event(), []

    def work(item):
        begun.set()
        time.sleep(0.1)
        finished.append(item)

    with helped_by(2) as executor:
        submit = executor.submit

        def interrupted_after_one(function):
            if begun.is_set():
                raise KeyboardInterrupt
            job = submit(function)
            begun.wait(timeout=30)
            return job

        monkeypatch.setattr(executor, "submit", interrupted_after_one)
        with pytest.raises(KeyboardInterrupt):
            parallel.share(work, range(9))
        assert finished == [0]


def test_overflow_in_a_part_is_as_silent_as_the_caller_wants_it():
    """A warning would be an error here."""
    huge = np.full((4, 4), 1e300)
    with helped_by(2), np.errstate(all="ignore"):
        out = parallel.multiply(huge, huge, out=np.empty((4, 4)))
    assert np.isinf(out).all()


def test_only_large_products_are_cut(monkeypatch):
    cut = []
    parts = parallel.parts
    monkeypatch.setattr(parallel, "parts", lambda *args: cut.append(args[2].shape) or parts(*args))
    for units in (1024, 32):
        A, B = np.ones((1024, units), np.float32), np.ones((units, units), np.float32)
        product(A, B, out=np.empty((1024, units), np.float32))
    assert cut == [(1024, 1024)]


# Threads of a fit


def test_blas_has_one_thread_during_a_fit_and_what_it_had_afterwards(two_threads):
    during = set()
    fit(lambda: during.update(blas_threads())).fit(X, y)
    assert during == {1}
    assert set(blas_threads()) == {2}


def test_a_fit_that_fails_gives_the_threads_back(two_threads):
    def fail():
        raise RuntimeError("as asked")

    with pytest.raises(RuntimeError, match="as asked"):
        fit(fail).fit(X, y)
    assert set(blas_threads()) == {2}


@pytest.mark.parametrize("limit", [1, 2])
def test_large_work_uses_as_many_threads_as_the_user_allows(two_threads, limit):
    with threadpool_limits(limit, user_api="blas"):
        with products_share_cores():
            assert parallel.POOL.get().n_helpers == limit - 1  # and the call's own thread
        assert set(blas_threads()) == {limit}
    assert parallel.POOL.get() is None


def test_a_quota_of_cores_is_heeded(two_threads, monkeypatch):
    monkeypatch.setattr(threads, "cores", lambda: 1)
    with products_share_cores():
        assert parallel.POOL.get().n_helpers == 0


def test_a_number_that_another_thread_sets_meanwhile_stays(two_threads):
    """Its context ends within the call of this one, which had found the limit of that context."""
    limited, limit_ends = threading.Event(), threading.Event()

    def another():
        with threadpool_limits(1, user_api="blas"):
            limited.set()
            assert limit_ends.wait(timeout=30)

    thread = threading.Thread(target=another)
    thread.start()
    assert limited.wait(timeout=30)
    with products_share_cores():
        limit_ends.set()
        thread.join()
    assert set(blas_threads()) == {2}


def test_an_interrupt_while_the_threads_are_given_back_leaves_none_limited(two_threads, monkeypatch):
    set_threads, left = threads.set_threads, [KeyboardInterrupt, KeyboardInterrupt]

    def interrupted(numbers):
        set_threads(numbers)
        if len(numbers) and numbers[0][1] == 2 and left:
            left.clear()
            raise KeyboardInterrupt

    monkeypatch.setattr(threads, "set_threads", interrupted)
    with pytest.raises(KeyboardInterrupt), products_share_cores():
        pass
    assert set(blas_threads()) == {2}
    with products_share_cores():
        assert set(blas_threads()) == {1}
    assert set(blas_threads()) == {2}


# Threads of all other calls

MODEL = MLPClassifier((8, 8), max_iter=2, random_state=0)
WHITENER = Whitener()
CALLS = {
    "predict": lambda model, whitener: model.predict(X),
    "predict_proba": lambda model, whitener: model.predict_proba(X),
    "predict_log_proba": lambda model, whitener: model.predict_log_proba(X),
    "score": lambda model, whitener: model.score(X, y),
    "partial_fit": lambda model, whitener: model.partial_fit(X, y),
    "Whitener.fit": lambda model, whitener: whitener.fit(X),
    "Whitener.fit_transform": lambda model, whitener: whitener.fit_transform(X),
    "Whitener.partial_fit": lambda model, whitener: whitener.partial_fit(X),
    "Whitener.transform": lambda model, whitener: whitener.transform(X),
    "Whitener.inverse_transform": lambda model, whitener: whitener.inverse_transform(X),
    "sanity_check": lambda model, whitener: sanity_check(clone(model), X, y),
    "layer_statistics": lambda model, whitener: layer_statistics(model, X, y),
    "learning_rate_range_test": lambda model, whitener: learning_rate_range_test(model, X, y),
    "WhiteningDisplay": lambda model, whitener: WhiteningDisplay.from_estimator(whitener, X),
    "to_onnx": lambda model, whitener: register() or to_onnx(make_pipeline(whitener, model), X[:1]),
}


@pytest.mark.parametrize("name", CALLS)
def test_no_product_of_any_call_is_made_on_several_threads_of_blas(two_threads, monkeypatch, name):
    """The products are those of the layers, of compiled trainings, and of the whitener's functions."""
    monkeypatch.setattr(threads, "SMALL", 0)
    model, whitener = clone(MODEL).fit(X, y), clone(WHITENER).fit(X)
    seen = set()

    def watched(function):
        return lambda *args, **kwargs: seen.update(blas_threads()) or function(*args, **kwargs)

    for place, function in [
        (dense, "product"), (Program, "_train"), (whitening, "apply"), (whitening, "eigen_of_covariance")
    ]:  # fmt: skip
        monkeypatch.setattr(place, function, watched(getattr(place, function)))
    monkeypatch.setattr(dense, "GEMM", {dtype: watched(gemm) for dtype, gemm in dense.GEMM.items()})
    monkeypatch.setattr(np.linalg, "eigvalsh", watched(np.linalg.eigvalsh))
    monkeypatch.setattr(converters, "network_nodes", watched(converters.network_nodes))
    CALLS[name](model, whitener)
    assert seen == {1}
    assert set(blas_threads()) == {2}


@pytest.mark.parametrize(("rows", "limited"), [(1, 0), (1024, 0), (1025, 1)])
def test_predictions_of_small_products_leave_blas_alone(two_threads, monkeypatch, rows, limited):
    """BLAS takes one thread for them in any case. The largest has 8 times 8 multiplications for each row."""
    model, found = clone(MODEL).fit(X, y), []
    begin = threads.CORES.begin
    monkeypatch.setattr(threads.CORES, "begin", lambda call: found.append(call) or begin(call))
    model.predict(np.ones((rows, 4)))
    assert len(found) == limited


def test_large_predictions_use_every_core(two_threads, monkeypatch):
    """Each of the first two blocks waits until two threads are at work."""
    model = clone(MODEL).fit(X, y)
    expected = model.predict_proba(X)
    monkeypatch.setattr("sknn6.nn.network.PREDICTION_BLOCK", 8 * 50)  # three blocks
    monkeypatch.setattr(threads, "SMALL", 0)
    monkeypatch.setattr("sknn6.nn.parallel.WORTH_THREADS", 0)
    both, idents, predict = threading.Barrier(2, timeout=30), [], Network.predict

    def at_work(network, rows):
        idents.append(threading.get_ident())
        if len(idents) <= 2:
            both.wait()
        return predict(network, rows)

    monkeypatch.setattr(Network, "predict", at_work)
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-10)
    assert len(set(idents)) == 2


@pytest.mark.parametrize("rows", [100, 1024])
def test_a_large_product_is_the_same_on_any_number_of_threads(two_threads, rows):
    """5e8 multiplications and more, to the last bit."""
    rng = np.random.default_rng(0)
    A, B = rng.standard_normal((rows, 1024), np.float32), rng.standard_normal((1024, 5000), np.float32)
    found = []
    for limit in (1, 2):
        with threadpool_limits(limit, user_api="blas"), products_share_cores():
            found.append(product(A, B, out=np.empty((rows, 5000), np.float32)))
    np.testing.assert_array_equal(*found)


def test_a_limit_of_the_users_within_a_fit_is_respected_and_given_back(two_threads):
    seen = []

    def look():
        with threadpool_limits(2, user_api="blas"):
            seen.append(set(blas_threads()))
        seen.append(set(blas_threads()))

    fit(look).fit(X, y)
    assert seen[::2] == [{2}] * (len(seen) // 2)
    assert seen[1::2] == [{1}] * (len(seen) // 2)
    assert set(blas_threads()) == {2}


def test_a_fit_within_a_fit_leaves_the_limit_of_the_outer_one(two_threads):
    seen = []

    def look():
        if not seen:
            fit(max_iter=2).fit(X, y)
            seen.append(set(blas_threads()))

    fit(look).fit(X, y)
    assert seen == [{1}]
    assert set(blas_threads()) == {2}


def test_fits_that_overlap_leave_the_threads_as_they_were(two_threads):
    """The first to begin limits the BLAS threads, the last to end restores them."""
    both_in, first_out = threading.Barrier(2, timeout=30), threading.Event()

    def first():
        with products_share_cores():
            both_in.wait()
        first_out.set()

    thread = threading.Thread(target=first)
    thread.start()
    with products_share_cores():
        both_in.wait()
        assert first_out.wait(timeout=30)
        assert set(blas_threads()) == {1}
        assert parallel.POOL.get().n_helpers == 1
    thread.join()
    assert set(blas_threads()) == {2}


def test_fits_side_by_side_learn_what_each_learns_alone(two_threads, every_product_large):
    alone = [fit(random_state=seed).fit(X, y).coefs_ for seed in range(4)]
    with ThreadPoolExecutor(4) as executor:
        beside = list(executor.map(lambda seed: fit(random_state=seed).fit(X, y).coefs_, range(4)))
    for expected, coefs in zip(alone, beside, strict=True):
        for W, V in zip(expected, coefs, strict=True):
            np.testing.assert_array_equal(V, W)


def test_layers_of_2048_units_and_batches_of_1024_use_every_core(two_threads, monkeypatch):
    """All products of the two large layers are cut, both ways, and none of those of the small one."""
    cut = []
    parts = parallel.parts
    monkeypatch.setattr(parallel, "parts", lambda *args: cut.append(len(parts(*args))) or parts(*args))
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((1024, 256), np.float32), np.arange(1024) % 3
    MLPClassifier((2048, 2048), batch_size=1024, max_iter=1).fit(X, y)
    assert cut == [8] * 5  # forwards 2, weights 2, input of the second 1


@pytest.mark.parametrize("members", [(), (3,)])
def test_large_is_told_by_the_multiplications(members):
    """rows x inner x columns, of all members, whichever of them is long."""

    def large(rows, inner, columns):
        A, out = (np.broadcast_to(0.0, (*members, *shape)) for shape in ((rows, inner), (rows, columns)))
        return parallel.is_large(A, out)

    inner = round(parallel.WORTH_THREADS / math.prod(members) / 1e4)
    assert large(10, inner + 1, 1000)
    assert not large(10, inner - 1, 1000)


@pytest.mark.parametrize(("rows", "columns"), [(8, 4), (4, 8)])
def test_a_product_is_cut_by_its_longer_side(rows, columns):
    A, B, out = np.ones((rows, 5)), np.ones((5, columns)), np.zeros((rows, columns))
    pieces = parallel.parts(A, B, out)
    assert {part.shape for _, _, part in pieces} == {(2, 4) if rows > columns else (4, 2)}
    for left, right, part in pieces:
        np.matmul(left, right, out=part)
    assert (out == 5).all()
