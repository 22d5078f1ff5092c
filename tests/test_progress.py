"""Long inspections show the progress bar that is set on the estimator, and nothing else of its callbacks."""

import numpy as np
import pytest
from plain import MLPClassifier
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline

from sknn6 import Standardizer
from sknn6.inspection import learning_rate_range_test, sanity_check

callback = pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")
pytest.importorskip("rich")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, y = load_digits(return_X_y=True)
X, y = X[:300] / 16, y[:300]
INSPECTIONS = {"sanity_check": sanity_check, "learning_rate_range_test": learning_rate_range_test}


class Fits:
    """Counts the fits that it is told of."""

    def __init__(self):
        self.begun = 0

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        self.begun += 1

    def on_fit_task_end(self, estimator, context):
        return False


def model(*callbacks):
    return MLPClassifier(16, max_iter=3, random_state=0).set_callbacks(*callbacks)


@pytest.mark.parametrize("name", INSPECTIONS)
@pytest.mark.parametrize("wrap", [lambda mlp: mlp, lambda mlp: make_pipeline(Standardizer(), mlp)])
def test_one_bar_an_inspection_that_ends_full(name, wrap, capsys):
    INSPECTIONS[name](wrap(model(callback.ProgressBar())), X, y)
    out = capsys.readouterr().out
    assert out.count(f"MLPClassifier - {name}") == 1
    assert "fit" not in out
    assert "100%" in out


def test_a_bar_on_the_pipeline(capsys):
    pipeline = make_pipeline(Standardizer(), model()).set_callbacks(callback.ProgressBar())
    sanity_check(pipeline, X, y)
    assert "MLPClassifier - sanity_check" in capsys.readouterr().out


@pytest.mark.parametrize("name", INSPECTIONS)
def test_the_result_is_that_without_a_bar(name):
    shown, plain = (INSPECTIONS[name](model(*bar), X, y) for bar in ([callback.ProgressBar()], []))
    assert repr(shown) == repr(plain)


@pytest.mark.parametrize("name", INSPECTIONS)
def test_no_other_callback_is_told_and_all_stay(name):
    fits = Fits()
    mlp = model(fits)
    INSPECTIONS[name](mlp, X, y)
    assert fits.begun == 0
    mlp.fit(X, y)
    assert fits.begun == 4  # the fit and three epochs


def test_a_bar_is_closed_where_an_inspection_fails(capsys):
    mlp = model(callback.ProgressBar())
    with pytest.raises(ValueError, match="NaN"):
        learning_rate_range_test(mlp, np.full_like(X, np.nan), y)
    sanity_check(mlp, X, y)
    assert "MLPClassifier - sanity_check" in capsys.readouterr().out
