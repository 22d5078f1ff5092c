"""The compiled kernels against NumPy's, and the choice between them."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.special import ndtr
from sklearn.datasets import load_iris

from sknn6 import MLPClassifier
from sknn6.nn import activations, kernels, losses, optimizers
from sknn6.nn.activations import normal_cdf

# beta_1, beta_2, rate, epsilon, l2, shrink, n
ADAM = 0.9, 0.99, 0.01, 1e-8, 0.3, 0.9, 30
# Of the gradient, NumPy's makes the penalised one.
SCRATCH = {"adam": [1, 4], "batch_gradient": [6], "centre": [4], "cross_entropy": [0], "times_slope": [2, 3]}


def normal(seed, dtype, shape=(2, 10, 6)):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def vectors_per_member(dtype, count):
    return [normal(seed, dtype, (2, 1, 6)) for seed in range(count)]


def arguments(dtype):
    """Arguments of every kernel."""
    vectors = [normal(seed, dtype, 50) for seed in range(3)]
    p, work = np.full(10, 0.1, dtype), np.empty((2, 10, 6), dtype)
    special = normal(1, dtype)
    special[0, 0, :3] = np.nan, -np.inf, -0.0
    return {
        "rectify": (special,),
        "rectify_backward": (normal(2, dtype), special),
        "approximate_normal_cdf": (3 * normal(3, dtype),),
        "times_slope": tuple(normal(seed, dtype) for seed in range(4)),
        "drop": (
            normal(4, dtype, (2, 7, 3)),
            np.uint64(2**63),
            20000,
            dtype(1.5),
            *np.empty((2, 2, 7, 3), dtype),
        ),
        "encode_positions": (
            special[0],
            np.array([0, 0, 2, 5]),
            *normal(7, dtype, (2, 4)),
            *np.array([[-1, -1, -0.5, 0], [1, 0, 0.5, 0]], dtype),
            np.empty((10, 4), dtype),
        ),
        "scale_and_shift": (normal(0, dtype), *vectors_per_member(dtype, 2), np.empty((2, 10, 6), dtype)),
        "centre": (normal(0, dtype), *vectors_per_member(dtype, 1), p, np.empty((2, 1, 6), dtype), work),
        "batch_gradient": (normal(0, dtype), normal(1, dtype), *vectors_per_member(dtype, 3), p, work),
        "adam": (*vectors, np.abs(normal(3, dtype, 50)), np.empty(50, dtype), *ADAM),
        "cross_entropy": (
            5 * normal(5, dtype, (20, 6)),
            np.arange(20) % 6,
            np.abs(normal(6, dtype, 20)),
            0.1,
        ),
    }


def test_every_kernel_is_compared():
    assert set(arguments(np.float32)) == set(kernels.NUMPY)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", kernels.NUMPY)
def test_the_compiled_twin_agrees(name, dtype):
    """In what it returns, and in what it writes to its arguments, except for scratch space."""
    compiled = pytest.importorskip("sknn6.nn.compiled")
    scratch = SCRATCH.get(name, [])
    ours, theirs = arguments(dtype)[name], arguments(dtype)[name]
    with np.errstate(invalid="ignore"):
        results = kernels.NUMPY[name](*ours), getattr(compiled, name)(*theirs)
    tolerance = {"rtol": 20 * np.finfo(dtype).eps, "atol": 20 * np.finfo(dtype).eps}
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        if i not in scratch:
            np.testing.assert_allclose(a, b, **tolerance)
    if results[0] is not None:
        for a, b in zip(*[r if isinstance(r, tuple) else (r,) for r in results], strict=True):
            np.testing.assert_allclose(a, b, **tolerance)


@pytest.fixture
def both_ways():
    """Return the names of the libraries; afterwards the one that was chosen is chosen again."""
    pytest.importorskip("numba")
    kernels.load()
    before = dict(kernels.CHOSEN)
    yield ["numpy", "numba"]
    kernels.CHOSEN.update(before)


@pytest.mark.parametrize("params", [{}, {"activation": "gelu", "ensemble_size": 1}])
def test_a_fit_is_the_same_to_rounding(both_ways, params):
    """The roundings of ten updates of Adam, in float64, have led to differences of 1e-9 of a probability."""
    X, y = load_iris(return_X_y=True)
    probabilities = []
    for library in both_ways:
        kernels.use(library)
        model = MLPClassifier(max_iter=5, learning_rate="constant", dtype="float64", random_state=0, **params)
        with pytest.warns(match="max_iter"):
            probabilities.append(model.fit(X, y).predict_proba(X))
    np.testing.assert_allclose(*probabilities, rtol=1e-6)


def test_the_normal_distribution_in_float32():
    """Against SciPy's, in float64."""
    z = np.linspace(-40, 40, 200_001)
    P = normal_cdf(z.astype(np.float32))
    assert np.abs(P - ndtr(z.astype(np.float32).astype(float))).max() < 2e-7
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(normal_cdf(np.array([-1e30, 1e30], np.float32)), [0, 1])


def loaded(tmp_path, *, environment=None, numba=None):
    """Tell, in a new process, whose kernels the first network takes; `numba` is the source of a false one."""
    if numba is not None:
        (tmp_path / "numba.py").write_text(numba)
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from sknn6.nn import kernels\n"
        "kernels.load()\n"
        "print(kernels.CHOSEN['rectify'] is kernels.NUMPY['rectify'])"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False
    )
    return run.stdout.strip() or run.stderr


def test_numpy_is_chosen_by_the_environment(tmp_path):
    assert loaded(tmp_path, environment={"SKNN6_KERNELS": "numpy"}) == "True"


def test_numba_is_chosen_where_it_is(tmp_path):
    pytest.importorskip("numba")
    assert loaded(tmp_path, environment={}) == "False"


def test_a_numba_that_does_not_import_is_done_without(tmp_path):
    assert loaded(tmp_path, environment={}, numba="raise ImportError('not for this NumPy')") == "True"


def test_an_unknown_library_is_refused(tmp_path):
    message = "The library of the kernels must be 'numpy' or 'numba', got 'fortran'"
    assert message in loaded(tmp_path, environment={"SKNN6_KERNELS": "fortran"})


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), EOFError("Ran out of input")])
@pytest.mark.parametrize("name", ["rectify", "adam", "cross_entropy"])
def test_numpy_computes_what_numba_cannot_load(name, error):
    """With one warning, that names the cause; later calls go to NumPy's at once."""
    before = dict(kernels.CHOSEN)

    def damaged(*args):
        raise error

    function = {
        "rectify": activations.rectify,
        "adam": optimizers.adam,
        "cross_entropy": losses.cross_entropy,
    }
    given, expected = arguments(np.float32)[name], arguments(np.float32)[name]
    with np.errstate(invalid="ignore"):
        kernels.NUMPY[name](*expected)
        kernels.CHOSEN.update(dict.fromkeys(kernels.NUMPY, damaged))
        try:
            with pytest.warns(RuntimeWarning, match=type(error).__name__) as caught:
                function[name](*given)
            function[name](*arguments(np.float32)[name])
            assert kernels.CHOSEN == kernels.NUMPY
        finally:
            kernels.CHOSEN.update(before)
    assert len(caught) == 1
    for i, (a, b) in enumerate(zip(given, expected, strict=True)):
        if i not in SCRATCH.get(name, []):
            np.testing.assert_array_equal(a, b)


def test_two_threads_that_cannot_load_a_function_both_compute(monkeypatch):
    """The one chooses NumPy's functions while the other, here this thread, is in Numba's."""

    def damaged(*args):
        kernels.use("numpy")
        raise OSError(28, "No space left on device")

    before = dict(kernels.CHOSEN)
    kernels.CHOSEN.update(dict.fromkeys(kernels.NUMPY, damaged))
    A = np.array([-1.0, 2.0], np.float32)
    try:
        with pytest.warns(RuntimeWarning, match="No space left"):
            activations.rectify(A)
    finally:
        kernels.CHOSEN.update(before)
    np.testing.assert_array_equal(A, [0, 2])


def test_an_error_of_numpys_own_stays():
    before = dict(kernels.CHOSEN)
    kernels.use("numpy")
    try:
        with pytest.raises(TypeError):
            activations.rectify_backward(None, None)
    finally:
        kernels.CHOSEN.update(before)
