"""The compiled epoch: it computes what the layers compute, whatever parts of the table the network has."""

import math
import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from networks import perceptron
from plain import MLPRegressor
from scipy.sparse import csr_array
from scipy.special import expit, ndtr
from sklearn.datasets import load_iris

from sknn6.nn import activations, assembler, kernels, losses, operations, optimizers, parallel, program
from sknn6.nn.activations import ACTIVATIONS, Activation
from sknn6.nn.batches import Batches
from sknn6.nn.categories import OneHot
from sknn6.nn.dense import Dense
from sknn6.nn.descent import GradientDescent
from sknn6.nn.layers import Activate, Dropout, Residual
from sknn6.nn.network import Network
from sknn6.nn.optimizers import SGD, Adam
from sknn6.nn.piecewise import find_knots
from sknn6.nn.program import Program
from sknn6.nn.random_words import random_words
from sknn6.nn.update import Update
from sknn6.training import minibatch

pytest.importorskip("numba")
pytestmark = pytest.mark.usefixtures("compiled_kernels")

ROWS, FEATURES, OUTPUTS, BATCH = 103, 5, 3, 16
X = np.random.default_rng(0).standard_normal((ROWS, FEATURES))
WEIGHT = np.random.default_rng(1).random(ROWS)
WEIGHT[::3] = 0
OF_MEMBERS = np.random.default_rng(4).random((ROWS, 3)) < 0.7  # a batch may have no row for a member
OF_MEMBERS[:BATCH] = False
CODES = np.arange(ROWS)[:, None] % 3


def targets_of(loss):
    rng = np.random.default_rng(2)
    if loss is losses.softmax_cross_entropy:
        return rng.integers(0, OUTPUTS, ROWS)
    return rng.integers(0, 2, (ROWS, OUTPUTS)) + 0.5 * (loss is not losses.sigmoid_cross_entropy)


class Training:
    """A training that begins the same each time."""

    def __init__(
        self, activation="relu", *, loss=losses.softmax_cross_entropy, given=None, optimizer=Adam,
        members=3, hidden=(7, 6), dtype=np.float64, weight=None, alpha=0.1, X=X, embedded=False, network=None,
        accumulation=1, **update,
    ):  # fmt: skip
        rng = np.random.default_rng(3)
        knots = find_knots(X) if embedded else None
        bins = None if knots is None else (np.sum(~np.isnan(knots), axis=0) - 1).tolist()
        self.network = perceptron(
            FEATURES,
            list(hidden),
            OUTPUTS,
            activation,
            members=members,
            bins=bins,
            rng=rng,
            **network or {},
        ).allocate(dtype)
        self.network.initialize(rng)
        if embedded:
            self.network.layers[0].place(knots, X, None)
        self.loss = partial(loss, **given) if given else loss
        self.batches = Batches(X, targets_of(loss), weight, BATCH, dtype, rng)
        self.update = Update(self.network, optimizer(self.network.theta), **update)
        self.descent = GradientDescent(
            self.network, self.loss, self.update, self.batches, alpha, accumulation
        )

    def program(self):
        return Program.of(self.descent)

    def run_compiled(self, **params):
        program = self.program()
        assert program is not None
        return self.run(program, **params)

    def run(self, program=None, rate=0.01, epochs=2):
        """Train, and return the losses of the epochs."""
        descent = program or self.descent
        return [descent.run_epoch(lambda part: rate * (1 - part / 2))["loss"] for _ in range(epochs)]


def assert_agree(tolerance=1e-9, **params):
    by_layers, compiled = Training(**params), Training(**params)
    losses_of = by_layers.run(), compiled.run_compiled()
    np.testing.assert_allclose(*losses_of, rtol=tolerance)
    states = [
        [training.network.theta, training.network.statistics, *training.update.optimizer.state.values()]
        for training in (by_layers, compiled)
    ]
    for ours, theirs in zip(*states, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance * np.abs(ours).max(initial=0))
    assert by_layers.update.optimizer.t == compiled.update.optimizer.t
    if by_layers.update.average is not None:
        np.testing.assert_allclose(by_layers.update.average, compiled.update.average, rtol=tolerance)


COVERED = {
    name: act
    for name, act in ACTIVATIONS.items()
    if (act.forward, act.backward) in operations.ACTIVATION_CODES
}


@pytest.mark.parametrize("activation", COVERED)
def test_activations(activation):
    assert_agree(activation=activation)


@pytest.mark.parametrize("weight", [None, WEIGHT, OF_MEMBERS], ids=["unweighted", "weighted", "of members"])
@pytest.mark.parametrize("loss", operations.LOSS_CODES, ids=lambda loss: loss.__name__)
def test_losses(loss, weight):
    assert_agree(activation="silu", loss=loss, weight=weight)


@pytest.mark.parametrize(
    ("loss", "given"),
    [
        (losses.softmax_cross_entropy, {"smoothing": 0.1}),
        (losses.sigmoid_cross_entropy, {"smoothing": 0.1}),
        (losses.huber, {"delta": 0.1}),
    ],
    ids=["softmax", "sigmoid", "huber"],
)
def test_what_a_loss_takes_besides(loss, given):
    assert_agree(loss=loss, given=given)


@pytest.mark.parametrize(
    "params",
    [
        {"members": 1},
        {"members": 1, "hidden": ()},
        {"network": {"dropout": 0.3}},
        {"network": {"batchnorm": "batch"}},
        {"network": {"batchnorm": "batch"}, "weight": WEIGHT},
        {"network": {"batchnorm": "batch"}, "weight": OF_MEMBERS * WEIGHT[:, None]},
        {"network": {"batchnorm": "batch", "batchnorm_momentum": 1.0}, "activation": "prelu"},
        {"network": {"layernorm": True}},
        {"network": {"batchnorm": "batch", "layernorm": True, "dropout": 0.3}, "activation": "maxout"},
        {"network": {"learned_scale": True}},
        {"network": {"learned_scale": True}, "embedded": True},
        {"alpha": 0.0},
        {"weight_decay": 0.3},
        {"weight_decay": np.array([0.1, 0.3, 0.9])},
        {"clip_norm": 0.1},
        {"clip_norm": 1e9, "alpha": 1.0},
        {"ema_decay": 0.9},
        {"network": {"residual": True}, "hidden": (7, 6, 6)},
        {"network": {"residual": True}, "hidden": (7, 6, 5), "activation": "silu", "members": 1},
        {
            "network": {"residual": True, "batchnorm": "batch", "layernorm": True, "dropout": 0.3},
            "hidden": (7, 7, 7, 6, 6),
            "activation": "maxout",
        },
        {"accumulation": 3},
        {"accumulation": 100, "weight": WEIGHT},
        {"accumulation": 2, "weight": OF_MEMBERS, "network": {"batchnorm": "batch", "dropout": 0.3}},
        {"accumulation": 3, "clip_norm": 0.1, "ema_decay": 0.9},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "optimizer", [Adam, SGD, partial(SGD, nesterovs_momentum=False)], ids=["adam", "sgd", "momentum"]
)
def test_parts_of_a_training(params, optimizer):
    assert_agree(**{"activation": "tanh"} | params, optimizer=optimizer)


class OfCategories(Training):
    """A training on three numbers and two columns of three categories, as columns or vectors."""

    def __init__(self, layers, **params):
        codes = np.hstack([CODES, (CODES + np.arange(ROWS)[:, None] // 7) % 3])
        network = {layer: [3] * n for layer, n in layers.items()} | {"learned_scale": True}
        super().__init__(X=np.hstack([X[:, 2:], codes]), network=network, **params)
        for layer in self.network.layers[: len(layers)]:
            if isinstance(layer, OneHot):
                layer.place(codes, None, scale=False)
            else:
                layer.place(codes[:, -len(layer.sizes) :], None)


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize(
    "layers",
    [{"one_hot": 2}, {"embedded": 2}, {"one_hot": 1, "embedded": 1}],
    ids=["columns", "vectors", "both"],
)
def test_categories(layers, members):
    by_layers, compiled = (OfCategories(layers, members=members) for _ in range(2))
    np.testing.assert_allclose(by_layers.run(), compiled.run_compiled(), rtol=1e-9)
    np.testing.assert_allclose(by_layers.network.theta, compiled.network.theta, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "params", [{"alpha": 1}, {"weight_decay": 0}, {"clip_norm": 2}, {"ema_decay": 0}, {"rate": 1}]
)
def test_whole_numbers_compile_nothing_anew(params):
    """A number that is given as an int would be another type, for which Numba would compile all once more."""

    def versions(**params):
        rate = params.pop("rate", 0.1)
        training = Training(optimizer=SGD, **params)
        made = training.program()
        made.run_epoch(lambda _: rate)
        return set(made.interpreter.train.signatures)

    assert versions(**{name: float(value) for name, value in params.items()}) == versions(**params)


def test_compiled_code_belongs_to_the_source_of_all_modules(tmp_path):
    """By itself, Numba's cache would go on with the old code of functions in other modules.

    Its key has the values of the variables that a function has from the function around it: see "Caching" in
    Numba's notes for developers.
    """
    from sknn6.nn.interpreter.cache import hash_of, train

    folder = Path(program.__file__).parent
    (own,) = train.py_func.__closure__
    assert own.cell_contents == hash_of(folder)
    copied = shutil.copytree(folder, tmp_path / "nn", ignore=shutil.ignore_patterns("__pycache__"))
    assert copied / "interpreter" / "dense.py" in copied.rglob("*.py")
    for path in copied.rglob("*.py"):
        before = hash_of(copied)
        path.write_text(path.read_text() + "\n")
        assert hash_of(copied) != before, path.name


@pytest.mark.parametrize("batchnorm", ["batch", None])
def test_a_batch_with_one_row_of_weight(batchnorm):
    """It has no variance, as a batch of one row."""
    weight = np.zeros(ROWS)
    weight[::BATCH] = 2.0
    weight[1] = 1.0
    assert_agree(network={"batchnorm": batchnorm}, weight=weight)


@pytest.mark.parametrize(("accumulation", "updates"), [(1, 4), (2, 3), (4, 2)])
def test_a_batch_without_weight_makes_no_update(accumulation, updates):
    """Of seven batches three have none: of the updates of two batches, the first; of four, no update."""
    weight = np.ones(ROWS)
    weight[: 3 * BATCH] = 0
    params = {"weight": weight, "network": {"dropout": 0.3}, "accumulation": accumulation}
    by_layers, compiled = Training(**params), Training(**params)
    for training in (by_layers, compiled):
        training.batches.rng = None
    assert by_layers.run() == pytest.approx(compiled.run_compiled(), rel=1e-9)
    assert compiled.update.optimizer.t == by_layers.update.optimizer.t == 2 * updates
    np.testing.assert_allclose(by_layers.network.theta, compiled.network.theta, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("activation", ["relu", "silu", "tanh"])
def test_float32(activation):
    """14 updates, each with the rounding of sums of at most 16 terms in three layers: 14 * 16 * 3 eps < 1e-4.

    With SGD: Adam divides by the gradient's size, so that the rounding of a gradient of 0 makes a whole step.
    """
    assert_agree(1e-4, activation=activation, optimizer=SGD, dtype=np.float32, network={"dropout": 0.2})


def test_the_tables_name_parts_of_the_package():
    pairs = {(act.forward, act.backward) for act in ACTIVATIONS.values()}
    known = {entry.loss for table in (losses.LOSSES, losses.REGRESSION_LOSSES) for entry in table.values()}
    assert pairs >= set(operations.ACTIVATION_CODES)
    assert known >= set(operations.LOSS_CODES)
    assert (
        set(optimizers.OPTIMIZERS.values())
        == set(operations.OPTIMIZER_CODES)
        == set(program.OPTIMIZER_FIELDS)
    )
    assert set(assembler.WRITERS) == set(operations.LAYER_CODES)
    for table in (
        operations.LAYER_CODES,
        operations.ACTIVATION_CODES,
        operations.LOSS_CODES,
        operations.OPTIMIZER_CODES,
    ):
        assert set(table.values()) == set(range(max(table.values()) + 1))


@pytest.mark.parametrize(
    "params",
    [
        {"network": {"batchnorm": "whiten"}},
        {"network": {"batchnorm": "switchable"}},
        {"network": {"residual": True, "batchnorm": "whiten"}, "hidden": (7, 6, 6)},
        {"activation": Activation(activations.relu, lambda dA, A: dA)},
        {"loss": lambda Z, y, weight: losses.softmax_cross_entropy(Z, y, weight)},
        {"optimizer": type("Own", (Adam,), {})},
        {"X": csr_array(X)},
    ],
    ids=[
        "whiten",
        "switchable",
        "whitened blocks",
        "own backward",
        "own loss",
        "own optimizer",
        "CSR",
    ],
)
def test_the_layers_do_what_is_not_in_the_tables(params):
    assert Training(**params).program() is None


@pytest.mark.parametrize(
    ("params", "with_rare"),
    [
        ({}, None),
        ({"activation": "tanh", "network": {"dropout": 0.3, "learned_scale": True}, "ema_decay": 0.9}, None),
        ({"loss": losses.huber, "weight_decay": 0.3}, None),
        ({"activation": "mish"}, 1),
        ({"network": {"batchnorm": "batch"}}, 1),
        ({"clip_norm": 1.0}, 1),
        ({"optimizer": SGD}, 1),
        ({"network": {"residual": True}}, 1),
        ({"accumulation": 2}, 1),
    ],
    ids=["relu", "tanh", "regression", "mish", "batchnorm", "clipping", "sgd", "residual", "accumulation"],
)
def test_most_trainings_need_the_smaller_version(params, with_rare):
    assert Training(**params).program().with_rare == with_rare


def test_products_that_several_threads_compute_are_left_to_the_layers(monkeypatch):
    monkeypatch.setattr(program, "WORTH_THREADS", 1)
    assert Training().program() is None


@pytest.mark.parametrize("accumulation", [3, 1000])
@pytest.mark.parametrize("embedded", [False, True])
def test_updates_of_several_batches_must_not_need_much_memory(monkeypatch, embedded, accumulation):
    """A compiled update has the inputs of the first linear map for all rows of its batches at once."""
    training = Training(accumulation=accumulation, embedded=embedded)
    width = training.network.dense()[0].fan_in
    assert (width > FEATURES) is embedded
    numbers = width * BATCH * min(accumulation, len(training.batches))
    monkeypatch.setattr(program, "UPDATE_NUMBERS", numbers)
    assert training.program() is not None
    monkeypatch.setattr(program, "UPDATE_NUMBERS", numbers - 1)
    assert training.program() is None
    assert Training(embedded=embedded).program() is not None


def test_blocks_within_blocks():
    def network():
        def act():
            return Activate(ACTIVATIONS["tanh"], 6)

        inner = Residual([act(), Dense(6, 6)])
        outer = Residual([act(), Dense(6, 6), inner, act(), Dense(6, 6)])
        made = Network([Dense(FEATURES, 6), outer, act(), Dense(6, OUTPUTS)]).allocate(np.float64)
        made.initialize(np.random.default_rng(0))
        return made

    by_layers, compiled = Training(), Training()
    for training in (by_layers, compiled):
        training.network = network()
        training.update = Update(training.network, Adam(training.network.theta))
    np.testing.assert_allclose(by_layers.run(), compiled.run_compiled(), rtol=1e-9)
    np.testing.assert_allclose(by_layers.network.theta, compiled.network.theta, rtol=1e-9, atol=1e-12)


def test_numpy_is_numpy():
    kernels.use("numpy")
    assert Training().program() is None


@pytest.mark.parametrize(
    ("method", "params", "asked"),
    [
        ("fit", {}, True),
        ("fit", {"max_iter": 1, "batch_size": 150}, True),
        ("fit", {"gradient_accumulation_steps": 2}, True),
        ("partial_fit", {}, True),
    ],
    ids=["a fit", "a short fit", "accumulated gradients", "an update"],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_which_trainings_have_a_program(monkeypatch, method, params, asked):
    calls = []
    monkeypatch.setattr(minibatch.Program, "of", lambda *args: calls.append(args))
    getattr(MLPRegressor(**{"max_iter": 2, "random_state": 0} | params), method)(*load_iris(return_X_y=True))
    assert bool(calls) is asked


@pytest.mark.parametrize("n_helpers", [0, 1, 2, 5])
def test_the_bits_are_the_same_for_any_number_of_threads(n_helpers):
    params = {"members": 4, "network": {"dropout": 0.3, "learned_scale": True}, "dtype": np.float32}
    alone, helped = Training(**params), Training(**params)
    alone.run_compiled()
    with ThreadPoolExecutor(max(1, n_helpers)) as pool:
        pool.n_helpers = n_helpers
        with parallel.several_threads(pool):
            helped.run_compiled()
    np.testing.assert_array_equal(alone.network.theta, helped.network.theta)


@pytest.mark.parametrize("accumulation", [1, 3])
@pytest.mark.parametrize("numbers", [0, 200, 2**19])
def test_the_bits_are_the_same_for_slices_of_any_size(monkeypatch, numbers, accumulation):
    params = {"network": {"dropout": 0.3}, "accumulation": accumulation}
    whole, sliced = Training(**params), Training(**params)
    whole.run_compiled()
    monkeypatch.setattr(program, "SLICE_NUMBERS", numbers)
    sliced.run_compiled()
    np.testing.assert_array_equal(whole.network.theta, sliced.network.theta)


def test_interrupts_are_looked_at_before_each_slice(monkeypatch):
    monkeypatch.setattr(program, "SLICE_MULTIPLICATIONS", 0)
    training, checks = Training(), []
    made = training.program()
    for _ in range(2):
        made.run_epoch(lambda part: 0.01, lambda: checks.append(training.update.optimizer.t))
    assert checks == list(range(2 * len(training.batches)))


def test_an_epoch_ends_at_a_loss_that_is_not_finite():
    training = Training(loss=losses.squared_error, optimizer=SGD, activation="identity")
    with np.errstate(all="ignore"):
        assert not math.isfinite(training.run_compiled(rate=1e200, epochs=1)[0])


def test_tiny_numbers_are_flushed():
    training = Training(alpha=0.0)
    made = training.program()
    training.network.theta[:] = 1e-320
    training.run(made, epochs=-(-100 // len(training.batches)), rate=0.0)
    assert training.update.optimizer.t >= 100
    assert not training.network.theta.any()


def test_what_numba_cannot_load_the_layers_compute(monkeypatch):
    """With one warning."""

    def damaged(self):
        raise EOFError("Ran out of input")

    monkeypatch.setattr(Program, "load", damaged)
    monkeypatch.setattr(program, "LOADED", set())
    with pytest.warns(RuntimeWarning, match="EOFError"):
        assert Training().program() is None
    assert not kernels.are_compiled()


def test_an_error_that_is_not_numbas_is_raised(monkeypatch):
    """It is not taken for a damaged cache, which would end all compiled trainings."""

    def full(*_):
        raise MemoryError("Unable to allocate")

    monkeypatch.setattr(program, "operations_of", full)
    with pytest.raises(MemoryError):
        Training().program()
    assert kernels.are_compiled()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_exponential(dtype):
    """Within two units in the last place of NumPy's, in twice the digits, and finite everywhere."""
    from numba import njit

    from sknn6.nn.exponentials import exponential

    @njit
    def exponentials(x, out):
        for i in range(x.size):
            out[i] = exponential(x[i])

    x = np.concatenate([np.linspace(-80, 80, 100_001), np.linspace(-1, 1, 100_001)]).astype(dtype)
    x = np.concatenate([x, np.array([-np.inf, np.inf, np.nan, 0.0], dtype)])
    out = np.empty_like(x)
    exponentials(x, out)
    np.testing.assert_allclose(out[:-4], np.exp(x[:-4].astype(np.longdouble)), rtol=2 * np.finfo(dtype).eps)
    assert 0 < out[-4] < 2 * np.finfo(dtype).tiny
    assert np.finfo(dtype).max / 4 < out[-3] < np.inf
    assert np.isnan(out[-2])
    assert out[-1] == 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_compiled_slope_of_silu(dtype):
    """It is computed from f(z) / z, which has lost all digits where both are subnormal in float32."""
    from sknn6.nn.interpreter.activations import activate, activate_backward

    sizes = np.concatenate([[0], np.logspace(-45, 1, 2000)])
    Z = np.concatenate([-sizes, sizes]).astype(dtype)
    A, dA = np.empty_like(Z), np.ones_like(Z)
    run_both(activate, activate_backward)(operations.SILU, Z, A, dA)
    logistic = expit(Z.astype(np.float64))
    tolerance = 4 * np.finfo(dtype).eps
    np.testing.assert_allclose(A, Z * logistic, rtol=tolerance, atol=np.finfo(np.float32).tiny)
    np.testing.assert_allclose(dA, logistic * (1 + Z * (1 - logistic)), rtol=0, atol=4 * tolerance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["tanh", "elu", "selu", "softplus"])
def test_compiled_activations_are_accurate_near_zero(name, dtype):
    """Relative to f(z), where 1 - e^z would have lost all digits, as that of softplus's slope."""
    from sknn6.nn.interpreter.activations import (
        activate,
        activate_backward,
        activate_rare,
        activate_rare_backward,
    )

    act, rare = ACTIVATIONS[name], name != "tanh"
    code = operations.ACTIVATION_CODES[act.forward, act.backward]
    sizes = np.logspace(-30, 1, 2000)
    Z = np.concatenate([-sizes, sizes]).astype(dtype)
    A, dA = np.empty_like(Z), np.ones_like(Z)
    run_both(activate_rare if rare else activate, activate_rare_backward if rare else activate_backward)(
        code, Z, A, dA
    )
    exact, saved = act.forward(Z.astype(np.float64))
    tolerance = 8 * np.finfo(dtype).eps
    np.testing.assert_allclose(A, exact, rtol=tolerance)
    slope = act.backward(np.ones(len(Z)), saved)
    np.testing.assert_allclose(dA, slope, rtol=tolerance, atol=0 if name == "softplus" else tolerance)


def run_both(forward, backward):
    """Return a compiled function that calls the two; they have no wrappers for Python."""
    from numba import njit

    @njit
    def both(code, Z, A, dA):
        forward(code, Z, A)
        backward(code, dA, Z, A)

    return both


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1.5e-7), (np.float64, 1e-15)])
def test_the_normal_distribution_function(dtype, tolerance):
    """The same compiled and not, to the 1e-7 of the polynomial in float32."""
    from numba import njit

    from sknn6.nn.exponentials import normal_cdf

    @njit
    def compiled(Z, out):
        normal_cdf(Z, out)

    Z = np.linspace(-12, 12, 100_001).astype(dtype)
    by_scipy, by_numba = np.empty_like(Z), np.empty_like(Z)
    normal_cdf(Z, by_scipy)
    compiled(Z, by_numba)
    np.testing.assert_allclose(by_scipy, ndtr(Z.astype(np.float64)), rtol=0, atol=tolerance)
    np.testing.assert_allclose(by_numba, ndtr(Z.astype(np.float64)), rtol=0, atol=tolerance)


def test_a_member_draws_its_own_masks():
    """The next integers of one sequence, from a whole word on; a member of another size draws others."""
    layer = Dropout(0.5, np.random.default_rng(0))
    X = np.ones((3, 2, 5))
    A = layer.forward(X)
    seed = np.random.default_rng(0).integers(2**64, dtype=np.uint64)
    words = random_words(seed, 9).reshape(3, 3)
    expected = [
        [(int(word) >> 16 * k) % 2**16 >= 2**15 for word in row for k in range(4)][:10] for row in words
    ]
    np.testing.assert_array_equal(A.reshape(3, 10) > 0, expected)
