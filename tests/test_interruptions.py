"""Ctrl-C at any moment of a training leaves the model of the last whole update."""

import re
import signal
import warnings
from contextlib import nullcontext

import numpy as np
import pytest
from blas import blas_threads
from ctrl_c import CtrlC, default_handler, in_a_cell  # noqa: F401
from plain import MLPClassifier
from sklearn.datasets import load_digits
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline

from sknn6 import MLPRegressor, Standardizer
from sknn6.estimators import base, preparation
from sknn6.estimators.fitted import arrays_of
from sknn6.nn import kernels, program
from sknn6.nn.batches import Batches
from sknn6.nn.network import Network
from sknn6.nn.program import Program
from sknn6.nn.update import Update
from sknn6.training import minibatch

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.usefixtures("default_handler"),
]

X, y = load_digits(return_X_y=True)
X, y = X[:300] / 16, y[:300]
PARAMS = {"hidden_layer_sizes": (12, 8), "batch_size": 60, "max_iter": 4, "random_state": 0}
MOMENTS = [1, 2, 7, 19, 40, 92, 173, 260, 431, 570]
WHOLE_UPDATE = r"interrupted by user after \d epochs; the model has the weights of the last whole update"


def model(cls=MLPClassifier, **params):
    return cls(**PARAMS | params)


COMPILED = Program.of


@pytest.fixture(autouse=True)
def layers(monkeypatch):
    """The moments are counted in calls of Python, of which a compiled epoch has few."""
    monkeypatch.setattr(Program, "of", lambda descent: None)


@pytest.fixture
def compiled_updates(monkeypatch, layers):
    """What the network holds after each update of compiled trainings, which look at interrupts after each."""
    pytest.importorskip("numba")
    kernels.load()
    if not kernels.are_compiled():
        pytest.skip("the kernels are NumPy's")
    monkeypatch.setattr(Program, "of", COMPILED)
    monkeypatch.setattr(program, "SLICE_NUMBERS", 0)
    kept, run = [], Program._train

    def recorded(self, *args):
        result = run(self, *args)
        kept.append({name: array.copy() for name, array in self.network.arrays().items()})
        return result

    monkeypatch.setattr(Program, "load", lambda self: None)
    monkeypatch.setattr(Program, "_train", recorded)
    return kept


@pytest.fixture
def states(monkeypatch):
    """What the network holds after each update."""
    kept = []
    update = Update.__call__

    def recorded(self, *args):
        result = update(self, *args)
        kept.append({name: array.copy() for name, array in self.network.arrays().items()})
        return result

    monkeypatch.setattr(Update, "__call__", recorded)
    return kept


def assert_holds(fitted, state):
    arrays = arrays_of(fitted)
    for name, expected in state.items():
        np.testing.assert_array_equal(arrays[name], expected, err_msg=name)


@pytest.mark.parametrize("n", MOMENTS)
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"batchnorm": True, "dtype": "float64", "dropout": 0.2},
        {"ensemble_size": 2, "solver": "sgd"},
        {"gradient_accumulation_steps": 2, "input_scaling": "learned", "clip_norm": 1.0},
        {"cls": MLPRegressor},
    ],
    ids=str,
)
def test_the_model_is_that_of_the_last_whole_update(n, params, states):
    assert_whole_update(n, params, states)


@pytest.mark.parametrize("n", [1, 2, 7, 19, 40, 92, 113])
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"dtype": "float64", "dropout": 0.2, "ensemble_size": 3},
        {"ensemble_size": 2, "solver": "sgd"},
        {"input_scaling": "learned", "clip_norm": 1.0},
        {"cls": MLPRegressor},
    ],
    ids=str,
)
def test_a_compiled_training_ends_with_its_last_whole_update(n, params, compiled_updates):
    assert_whole_update(n, params, compiled_updates)


def assert_whole_update(n, params, states):
    interrupted = model(**params)
    with pytest.warns(UserWarning, match=WHOLE_UPDATE), CtrlC(n):
        in_a_cell(interrupted.fit, X.astype(interrupted.dtype), y.astype(float))
    n_updates = len(states)
    if states:
        assert_holds(interrupted, states[-1])
    assert np.isfinite(interrupted.predict(X)).all()
    model(**params).fit(X, y.astype(float))
    assert n_updates < len(states) - n_updates  # the interrupted training was a part


def test_every_tenth_moment(states):
    """Wherever an update is interrupted, it is finished first, and no other one is begun."""
    counts = []
    for n in range(1, 600, 10):
        states.clear()
        interrupted = model()
        with pytest.warns(UserWarning, match=WHOLE_UPDATE), CtrlC(n):
            in_a_cell(interrupted.fit, X.astype(np.float32), y)
        if states:
            assert_holds(interrupted, states[-1])
        counts.append(len(states))
    assert sorted(set(counts)) == list(range(counts[-1] + 1))
    assert counts[-1] > 5


@pytest.mark.parametrize("params", [{"ema_decay": 0.9}, {"ema_decay": 0.9, "batchnorm": "whiten"}], ids=str)
def test_the_average_is_what_is_left(params):
    """With a training that ends by itself after as many updates."""
    one_epoch = model(**params | {"max_iter": 1}).fit(X, y)
    interrupted = model(**params)
    fire = Fire()
    with pytest.warns(UserWarning, match="has the weights of the average over the updates so far"):
        in_a_cell(interrupted.set_params(scoring=fire).fit, X, y, X_val=X[:9], y_val=y[:9])
    for W, expected in zip(interrupted.coefs_, one_epoch.coefs_, strict=True):
        np.testing.assert_array_equal(W, expected)


class Fire:
    """A scorer during which Ctrl-C is pressed."""

    def __call__(self, estimator, X, y):
        signal.raise_signal(signal.SIGINT)
        return 0.0


def test_a_training_goes_on_from_there(states):
    """partial_fit, interrupted, keeps the optimizer's state of the same update."""
    interrupted, whole = model(), model(shuffle=False)
    interrupted.set_params(shuffle=False)
    with pytest.warns(UserWarning, match=WHOLE_UPDATE), CtrlC(100):
        in_a_cell(interrupted.partial_fit, X, y, classes=np.arange(10))
    done = 60 * len(states)
    assert 0 < done < 300
    interrupted.partial_fit(X[done:], y[done:])
    whole.partial_fit(X[:done], y[:done], classes=np.arange(10)).partial_fit(X[done:], y[done:])
    for W, expected in zip(interrupted.coefs_, whole.coefs_, strict=True):
        np.testing.assert_array_equal(W, expected)


def test_a_second_one_does_not_wait():
    """It leaves the end of the last epoch, and an optimizer that begins anew."""
    interrupted, two_epochs = model(), model(max_iter=2).fit(X, y)
    per_epoch = calls_of_an_epoch()
    with (
        pytest.warns(UserWarning, match="after 2 epochs; .* of the last whole epoch"),
        CtrlC(2 * per_epoch + 60, 2),
    ):
        in_a_cell(interrupted.fit, X, y)
    for W, expected in zip(interrupted.coefs_, two_epochs.coefs_, strict=True):
        np.testing.assert_array_equal(W, expected)
    assert interrupted._optimizer_state is None


def twice():
    """Press Ctrl-C twice; the second one does not wait, except where it would leave something half done."""
    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGINT)


def assert_whole(fitted, epochs, **params):
    """Weights, statistics, counts and curves must all be those after so many epochs."""
    expected = model(**params, max_iter=epochs).fit(X, y)
    assert fitted.n_iter_ == len(fitted.history_) == len(fitted.loss_curve_) == epochs
    assert fitted.t_ == expected.t_
    for name, array in arrays_of(expected).items():
        np.testing.assert_array_equal(arrays_of(fitted)[name], array, err_msg=name)


def test_a_second_one_leaves_weights_and_statistics_of_one_epoch(monkeypatch):
    """It comes when half of them have been copied, at the end of the third epoch."""
    copies = []

    def copied(self, into=None):
        if into is None:
            return whole(self)
        into[0][:] = self.theta
        copies.append(self)
        if len(copies) == 3:
            twice()
        into[1][:] = self.statistics
        return into

    whole = Network.snapshot
    monkeypatch.setattr(Network, "snapshot", copied)
    with pytest.warns(UserWarning, match="after 3 epochs"):
        in_a_cell((interrupted := model(batchnorm=True)).fit, X, y)
    monkeypatch.undo()
    monkeypatch.setattr(Program, "of", lambda descent: None)
    assert_whole(interrupted, 3, batchnorm=True)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_second_one_ends_a_slow_scorer_and_leaves_whole_records(solver):
    scored = []

    def score(estimator, X, y):
        scored.append(1)
        if len(scored) == 3:
            twice()
        return 0.5

    params = {"early_stopping": True, "scoring": score, "solver": solver}
    interrupted = model(**params)
    with pytest.warns(UserWarning, match=r"after 2 epochs; .* of the best (epoch|iteration) so far"):
        in_a_cell(interrupted.fit, X, y, X_val=X, y_val=y)
    assert interrupted.n_iter_ == len(interrupted.history_) == len(interrupted.validation_scores_) == 2
    assert solver == "lbfgs" or len(interrupted.loss_curve_) == 2


def calls_of_an_epoch():
    return calls(max_iter=2) - calls(max_iter=1)


def calls(within="run_epoch", **params):
    with CtrlC(10**9, within=within) as counted:
        model(**params).fit(X, y)
    return 10**9 - counted.n


def test_before_the_training_nothing_has_changed(monkeypatch):
    monkeypatch.setattr(preparation, "make_batches", lambda *_: signal.raise_signal(signal.SIGINT))
    new = model()
    with pytest.raises(KeyboardInterrupt):
        new.fit(X, y)
    with pytest.raises(NotFittedError):
        new.predict(X)


@pytest.mark.parametrize("handler", [signal.SIG_IGN, lambda *_: None])
def test_a_handler_of_the_program_is_left_alone(handler):
    before = signal.signal(signal.SIGINT, handler)
    try:
        with CtrlC(50):
            fitted = model().fit(X, y)
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert fitted.n_iter_ == 4


def test_the_handler_is_back_after_a_fit():
    model().fit(X, y)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_early_stopping_keeps_the_best_so_far():
    interrupted = model(early_stopping=True)
    with pytest.warns(UserWarning, match="of the best epoch so far"), CtrlC(2 * calls_of_an_epoch()):
        in_a_cell(interrupted.fit, X, y)
    shorter = model(early_stopping=True, max_iter=interrupted.n_iter_).fit(X, y)
    assert 0 < interrupted.n_iter_ < 4
    np.testing.assert_array_equal(interrupted.coefs_[0], shorter.coefs_[0])
    assert interrupted.best_validation_score_ == shorter.best_validation_score_


def test_lbfgs_keeps_its_last_iterate():
    interrupted = model(solver="lbfgs", max_iter=30)
    fire = Fire()
    with pytest.warns(UserWarning, match="by user after 1 epochs; .* of the last whole iteration"):
        in_a_cell(interrupted.set_params(scoring=fire).fit, X, y, X_val=X[:9], y_val=y[:9])
    assert np.isfinite(interrupted.predict_proba(X)).all()


def test_lbfgs_before_its_first_iterate_has_nothing_to_keep(monkeypatch):
    """It does not say that it diverged."""
    before = model(solver="lbfgs", max_iter=5, warm_start=True).fit(X, y)
    weights = [W.copy() for W in before.coefs_]
    monkeypatch.setattr(Batches, "__iter__", interrupt_then(Batches.__iter__))
    with pytest.raises(KeyboardInterrupt):
        in_a_cell(before.fit, X, y)
    assert all(map(np.array_equal, before.coefs_, weights))


def interrupt_then(function):
    def interrupting(*args):
        signal.raise_signal(signal.SIGINT)
        return function(*args)

    return interrupting


# Python swallows what is raised while it throws a generator away.
@pytest.mark.filterwarnings("ignore:Exception ignored in. <generator object Batches")
@pytest.mark.parametrize("times", [1, 2, 3])
@pytest.mark.parametrize("params", [{}, {"solver": "lbfgs"}], ids=str)
def test_at_any_moment_of_a_fit_all_or_nothing_is_kept(params, times):
    """Threads and handlers are as before; the model is whole, or as it was and the press raised."""
    n_calls = calls("_fit", **params)
    n_kept, threads = 0, blas_threads()
    for n in range(1, n_calls, n_calls // 40):
        interrupted, raised = model(**params), False
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                with CtrlC(n, times, within="_fit"):
                    in_a_cell(interrupted.fit, X, y)
            except KeyboardInterrupt:  # after the last call, that of a model that is whole as well
                raised = True
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        assert blas_threads() == threads
        if hasattr(interrupted, "coefs_"):
            assert np.isfinite(interrupted.predict_proba(X)).all()
            assert raised or any(re.search(r"by user after \d epochs", str(each.message)) for each in told)
            n_kept += 1
        else:
            assert raised
    assert 20 < n_kept < 41


def test_a_press_after_the_last_update_is_told_and_loses_nothing(monkeypatch):
    whole, interrupted = model().fit(X, y), model()
    monkeypatch.setattr(minibatch, "warn_of_symptoms", lambda _: signal.raise_signal(signal.SIGINT))
    with pytest.warns(UserWarning, match="after 4 epochs; .* of the last whole update"):
        in_a_cell(interrupted.fit, X, y)
    assert all(map(np.array_equal, interrupted.coefs_, whole.coefs_))


# Fits in loops


FOR = """
for alpha in (1, 2, 3):
    fit(alpha)
"""
WHILE = """
while True:
    if fit(1).n_iter_ == 99:
        break
"""
COMPREHENSION = "[fit(alpha) for alpha in (1, 2, 3)]"
GENERATOR = "max(fit(alpha).n_iter_ for alpha in (1, 2, 3))"
FUNCTION = """
def search():
    for alpha in (1, 2, 3):
        fit(alpha)
search()
"""
LOOPS = [FOR, WHILE, COMPREHENSION, GENERATOR, FUNCTION]
NO_LOOP = """
for alpha in (1, 2, 3):
    pass
with context():
    try:
        fit(alpha)
    finally:
        [0 for _ in range(3)]
"""
A_FUNCTION = """
def train():
    with context():
        count = len([0 for _ in range(3)])
    while count:
        count -= 1
    try:
        model = fit(1)
    except ValueError:
        raise
    return model
train()
"""
LAST_ROUND = """
for alpha in (1, 2, 3):
    if alpha == 3:
        fit(alpha)
        break
"""


def run(code):
    """Run a cell, with Ctrl-C in its first training; give the models that were trained."""
    models = []

    def fit(alpha):
        models.append(model(alpha=alpha))
        return models[-1].fit(X, y)

    with CtrlC(90):
        exec(compile(code, "<cell>", "exec"), {"fit": fit, "context": nullcontext})
    return models


@pytest.mark.parametrize("code", LOOPS)
def test_a_loop_is_ended_and_the_model_kept(code, monkeypatch):
    kept = []
    monkeypatch.setattr(base, "prepare", recorder(kept))
    with pytest.raises(KeyboardInterrupt, match=WHOLE_UPDATE):
        run(code)
    (interrupted,) = kept
    assert interrupted.n_iter_ < 4
    assert np.isfinite(interrupted.predict_proba(X)).all()


def recorder(kept):
    """Return a stand-in for `prepare` that keeps the estimators."""

    def recorded(estimator, *args, **params):
        kept.append(estimator)
        return preparation.prepare(estimator, *args, **params)

    return recorded


@pytest.mark.parametrize("code", [NO_LOOP, A_FUNCTION, LAST_ROUND])
def test_without_a_loop_the_model_is_returned(code):
    with pytest.warns(UserWarning, match=WHOLE_UPDATE):
        (interrupted,) = run(code)
    assert np.isfinite(interrupted.predict_proba(X)).all()


@pytest.mark.parametrize(
    "call",
    [
        lambda mlp: GridSearchCV(mlp, {"alpha": [1, 2, 3]}, cv=2).fit(X, y),
        lambda mlp: cross_val_score(mlp, X, y, cv=2),
        lambda mlp: BaggingClassifier(mlp, 2).fit(X, y),
        lambda mlp: OneVsRestClassifier(mlp).fit(X, y),
        lambda mlp: cross_val_score(make_pipeline(Standardizer(), mlp), X, y, cv=2),
    ],
)
def test_what_fits_again_and_again_is_ended(call, monkeypatch):
    kept = []
    monkeypatch.setattr(base, "prepare", recorder(kept))
    with pytest.raises(KeyboardInterrupt, match=WHOLE_UPDATE), CtrlC(90):
        in_a_cell(call, model())
    assert len(kept) == 1


def test_a_pipeline_keeps_what_its_network_has_learned():
    pipeline = make_pipeline(Standardizer(), model())
    with pytest.warns(UserWarning, match=WHOLE_UPDATE), CtrlC(90):
        in_a_cell(pipeline.fit, X, y)
    assert np.isfinite(pipeline.predict_proba(X)).all()
