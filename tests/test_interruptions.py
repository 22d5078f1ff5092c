"""Ctrl-C at any moment of a training leaves the model of the last whole update."""

import signal
import sys

import numpy as np
import pytest
from plain import MLPClassifier
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError

from sknn6 import MLPRegressor
from sknn6.nn.training import Update

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, y = load_digits(return_X_y=True)
X, y = X[:300] / 16, y[:300]
PARAMS = {"hidden_layer_sizes": (12, 8), "batch_size": 60, "max_iter": 4, "random_state": 0}
MOMENTS = [1, 2, 7, 19, 40, 92, 173, 260, 431, 570]
WHOLE_UPDATE = r"interrupted by user after \d epochs; the model has the weights of the last whole update"


def model(cls=MLPClassifier, **params):
    return cls(**PARAMS | params)


@pytest.fixture(autouse=True)
def default_handler():
    """As in a terminal; what a shell starts in the background ignores the signal."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class CtrlC:
    """Sends the signal of Ctrl-C, once or more often, from the n-th call of a function of `train` on."""

    def __init__(self, n, times=1):
        self.n, self.times, self.training = n, times, False

    def __call__(self, frame, event, arg):
        if event != "call" or "sknn6" not in frame.f_code.co_filename:
            return
        self.training |= frame.f_code.co_name == "train"
        self.n -= self.training
        if -self.times < self.n <= 0:
            signal.raise_signal(signal.SIGINT)

    def __enter__(self):
        sys.setprofile(self)
        return self

    def __exit__(self, *_):
        sys.setprofile(None)


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
    arrays = fitted._arrays()
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
    interrupted = model(**params)
    with pytest.warns(UserWarning, match=WHOLE_UPDATE), CtrlC(n):
        interrupted.fit(X.astype(interrupted.dtype), y.astype(float))
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
            interrupted.fit(X.astype(np.float32), y)
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
    with pytest.warns(UserWarning, match=WHOLE_UPDATE):
        interrupted.set_params(scoring=fire).fit(X, y, X_val=X[:9], y_val=y[:9])
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
        interrupted.partial_fit(X, y, classes=np.arange(10))
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
        interrupted.fit(X, y)
    for W, expected in zip(interrupted.coefs_, two_epochs.coefs_, strict=True):
        np.testing.assert_array_equal(W, expected)
    assert interrupted._optimizer_state is None


def calls_of_an_epoch():
    def calls(max_iter):
        with CtrlC(10**9) as counted:
            model(max_iter=max_iter).fit(X, y)
        return 10**9 - counted.n

    return calls(2) - calls(1)


def test_before_the_training_nothing_has_changed(monkeypatch):
    monkeypatch.setattr(MLPClassifier, "_make_batches", lambda *_: signal.raise_signal(signal.SIGINT))
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
    with pytest.warns(UserWarning, match=WHOLE_UPDATE), CtrlC(2 * calls_of_an_epoch()):
        interrupted.fit(X, y)
    shorter = model(early_stopping=True, max_iter=interrupted.n_iter_).fit(X, y)
    assert 0 < interrupted.n_iter_ < 4
    np.testing.assert_array_equal(interrupted.coefs_[0], shorter.coefs_[0])
    assert interrupted.best_validation_score_ == shorter.best_validation_score_


def test_lbfgs_keeps_its_last_iterate():
    interrupted = model(solver="lbfgs", max_iter=30)
    fire = Fire()
    with pytest.warns(UserWarning, match="interrupted by the user"):
        interrupted.set_params(scoring=fire).fit(X, y, X_val=X[:9], y_val=y[:9])
    assert np.isfinite(interrupted.predict_proba(X)).all()
