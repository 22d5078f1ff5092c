"""Threads of a fit: one for BLAS, all that the user allows for large products, and all back afterwards."""

import math
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest
from plain import MLPClassifier
from sklearn.datasets import load_iris
from threadpoolctl import threadpool_info, threadpool_limits

from sknn6.estimators import threads
from sknn6.estimators.threads import products_share_cores
from sknn6.nn import parallel
from sknn6.nn.activations import ACTIVATIONS, Activation
from sknn6.nn.layers import product

X, y = load_iris(return_X_y=True)
pytestmark = pytest.mark.filterwarnings("ignore:.*the training hasn't converged yet")


def blas_threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


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
def in_parts(number, n_threads=1):
    with ThreadPoolExecutor(n_threads) as executor, parallel.several_threads(executor, number):
        yield executor


def seeing(look):
    """Give ReLU, calling a function in each forward pass."""
    relu = ACTIVATIONS["relu"]

    def forward(Z):
        look()
        return relu.forward(Z)

    return Activation(forward, relu.backward, gain=relu.gain)


def fit(look=lambda: None, **params):
    params = {"max_iter": 30, "tol": 0, "random_state": 0, "n_iter_no_change": 100} | params
    return MLPClassifier((8, 8), seeing(look), **params)


# Products in parts


@pytest.mark.parametrize("number", [1, 2, 3, 20])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("A_shape", "B_shape"),
    [((7, 3), (3, 5)), ((5, 3), (3, 7)), ((7, 3), (2, 3, 5)), ((2, 5, 3), (2, 3, 9)), ((1, 4), (4, 1))],
)
def test_the_parts_make_the_product(every_product_large, number, dtype, A_shape, B_shape):
    rng = np.random.default_rng(0)
    A, B = rng.standard_normal(A_shape).astype(dtype), rng.standard_normal(B_shape).astype(dtype)
    for left, right in ((A, B), (np.asfortranarray(A), np.asfortranarray(B))):
        expected = left @ right
        with in_parts(number):
            out = np.full_like(expected, np.nan)
            assert parallel.multiply(left, right, out=out) is out
        np.testing.assert_allclose(out, expected, rtol=10 * np.finfo(dtype).eps, atol=np.finfo(dtype).eps)


def test_parts_are_computed_by_other_threads_too(every_product_large, monkeypatch):
    """Each of three parts waits until three threads are at work."""
    all_at_work, idents = threading.Barrier(3, timeout=30), set()

    def part(A, B, out):
        all_at_work.wait()
        idents.add(threading.get_ident())

    monkeypatch.setattr(parallel, "multiply_part", part)
    with in_parts(3, n_threads=2):
        parallel.multiply(np.ones((6, 2)), np.ones((2, 4)), out=np.empty((6, 4)))
    assert len(idents) == 3


def test_parts_that_no_thread_begins_are_not_waited_for(every_product_large):
    """The only helper is busy until the product is there."""
    done = threading.Event()
    with in_parts(4) as executor:
        busy = executor.submit(done.wait, timeout=30)
        out = parallel.multiply(np.ones((6, 2)), np.ones((2, 4)), out=np.empty((6, 4)))
        assert not busy.done()
        done.set()
    np.testing.assert_array_equal(out, 2)


def test_overflow_in_a_part_is_as_silent_as_the_caller_wants_it(every_product_large):
    """A warning would be an error here."""
    huge = np.full((4, 4), 1e300)
    with in_parts(4), np.errstate(all="ignore"):
        out = parallel.multiply(huge, huge, out=np.empty((4, 4)))
    assert np.isinf(out).all()


def test_only_large_products_are_cut(monkeypatch):
    cut = []
    parts = parallel.parts
    monkeypatch.setattr(parallel, "parts", lambda *args: cut.append(args[2].shape) or parts(*args))
    with in_parts(2):
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


@pytest.mark.parametrize(("limit", "n_parts"), [(1, 1), (2, 4)])
def test_large_products_use_as_many_threads_as_the_user_allows(two_threads, limit, n_parts):
    with threadpool_limits(limit, user_api="blas"):
        with products_share_cores():
            executor, number = parallel.helpers.get()
            assert number == n_parts
            assert executor._max_workers == 1  # and the fit's own thread
        assert set(blas_threads()) == {limit}
    assert parallel.helpers.get() == (None, 1)


def test_a_quota_of_cores_is_heeded(two_threads, monkeypatch):
    monkeypatch.setattr(threads, "cores", lambda: 1)
    with products_share_cores():
        assert parallel.helpers.get()[1] == 1


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
        assert parallel.helpers.get()[1] == 4
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
    monkeypatch.setattr(parallel, "parts", lambda *args: cut.append(args[-1]) or parts(*args))
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((1024, 256), np.float32), np.arange(1024) % 3
    MLPClassifier((2048, 2048), batch_size=1024, max_iter=1).fit(X, y)
    assert cut == [4] * 5  # forwards 2, weights 2, input of the second 1


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
    pieces = parallel.parts(A, B, out, 4)
    assert {part.shape for _, _, part in pieces} == {(2, 4) if rows > columns else (4, 2)}
    for left, right, part in pieces:
        np.matmul(left, right, out=part)
    assert (out == 5).all()
