"""sanity_check names what is wrong, on real data, and nothing where nothing is."""

import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from plain import MLPClassifier as Plain
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_wine,
    make_friedman1,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from sknn6 import MLPClassifier, MLPRegressor, Standardizer
from sknn6.inspection import learning_rate_range_test, sanity_check
from sknn6.inspection.checks import CHECKS, Finding, Subject, check_initial_loss
from sknn6.inspection.sanity import SanityReport
from sknn6.nn.activations import Activation


def between(load, *classes):
    X, y = load(return_X_y=True)
    rows = np.isin(y, classes)
    return X[rows], y[rows]


def diabetes_above_median():
    X, y = load_diabetes(return_X_y=True)
    return X, y > np.median(y)


def even_or_odd():
    X, y = load_digits(return_X_y=True)
    return X, y % 2


DATA = {
    "iris": lambda: load_iris(return_X_y=True),
    "iris, two kinds": lambda: between(load_iris, 1, 2),
    "wine": lambda: load_wine(return_X_y=True),
    "wine, two kinds": lambda: between(load_wine, 0, 1),
    "breast cancer": lambda: load_breast_cancer(return_X_y=True),
    "breast cancer, means": lambda: (load_breast_cancer().data[:, :10], load_breast_cancer().target),
    "digits": lambda: load_digits(return_X_y=True),
    "digits, even or odd": even_or_odd,
    "digits, 3 or 8": lambda: between(load_digits, 3, 8),
    "diabetes, above the median": diabetes_above_median,
}
HEALTHY = {
    "defaults": MLPClassifier(random_state=0),
    "scikit-learn's defaults": Plain(100, random_state=0),
    "deep": Plain(64, "gelu", depth=6, layernorm=True, residual=True, random_state=0),
    "tanh": MLPClassifier(50, "tanh", batchnorm=True, ensemble_size=1, random_state=0),
    "sgd": Plain(100, solver="sgd", learning_rate_init=0.05, random_state=0),
    "lbfgs": Plain(50, "logistic", solver="lbfgs", random_state=0),
}


def check(model, X, y):
    return sanity_check(make_pipeline(Standardizer(), model), X, y)


@pytest.mark.parametrize("data", DATA)
def test_the_defaults_are_healthy_on_real_data(data):
    report = check(HEALTHY["defaults"], *DATA[data]())
    assert report.failed == [], report


@pytest.mark.parametrize("name", list(HEALTHY)[1:])
def test_other_networks_are_healthy(name):
    report = check(HEALTHY[name], *DATA["digits"]())
    assert report.failed == [], report
    report = check(HEALTHY[name], *DATA["wine"]())
    assert report.failed == [], report


def test_a_regression():
    X, y = load_diabetes(return_X_y=True)
    model = MLPRegressor(random_state=0)
    assert check(model, X, scale(y)).failed == []
    assert check(model, X, np.column_stack([scale(y), scale(y**2)])).failed == []
    assert check(model, X, 1000 + y).failed == []
    assert "targets" in check(model.set_params(target_scaling=False), X, 1000 + y).failed


@pytest.mark.parametrize("size", [1e-6, 1e5, 1e6, 1e9])
def test_targets_of_any_size_are_the_only_thing_that_is_named(size):
    X, y = load_diabetes(return_X_y=True)
    y = size * scale(y)
    model = make_pipeline(Standardizer(), MLPRegressor(random_state=0, target_scaling=False))
    report = sanity_check(model, X, y)
    assert report.failed == ["targets"], report
    assert sanity_check(MLPRegressor(random_state=0), X, y).failed == []
    assert report.findings["targets"].measured == pytest.approx(size)
    advised = TransformedTargetRegressor(model, transformer=StandardScaler())
    assert sanity_check(advised, X, y).failed == []


@pytest.mark.parametrize(
    "params",
    [
        {"loss": "absolute_error"},
        {"loss": "huber"},
        {"loss": "gamma", "init_scale": 0.5},  # or exp(z) of initial logits is far off for some, as below
        *({"loss": "quantile", "quantile": q} for q in (0.1, 0.9, [0.1, 0.5, 0.9])),
    ],
    ids=str,
)
def test_a_healthy_regressor_of_any_loss_passes(params):
    """Of one output or several, and a rate is suggested that is near the recipe's 0.02."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 4))
    y = np.exp(X[:, 0] / 2 + X[:, 1] / 3 + 0.3 * rng.standard_normal(300))
    model = MLPRegressor(**params, random_state=0)
    report = sanity_check(model, X, y)
    assert report.failed == [], report
    assert 1e-3 < learning_rate_range_test(model, X, y).suggestion < 0.1


def test_targets_of_a_poisson_loss_stay_counts():
    """With small weights, or exp(z) of logits of standard deviation 1 to 2 is named for some, rightly."""
    X, y = load_diabetes(return_X_y=True)
    report = check(MLPRegressor("poisson", init_scale=0.5, random_state=0), X, np.round(1e4 * y))
    assert report.failed == [], report
    assert report.to_frame().loc["targets", "verdict"] == "skipped"


def test_a_wrong_backward_is_named_with_large_targets_too():
    X, y = load_diabetes(return_X_y=True)
    model = MLPRegressor(activation=half_a_relu(), target_scaling=False, random_state=0)
    report = check(model, X, 1e6 * scale(y))
    assert {"targets", "gradient"} <= set(report.failed), report


def test_a_network_that_was_fitted_on_a_frame():
    X, y = DATA["wine"]()
    frame = pd.DataFrame(X).add_prefix("column ")
    model = MLPClassifier(random_state=0).fit(frame, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sanity_check(model, frame, y).failed == []


def half_a_relu():
    """An activation whose backward belongs to another forward."""
    return Activation(lambda Z: (np.maximum(Z, 0), Z), lambda dA, Z: 0.5 * dA * (Z > 0))


FAULTS = {
    "unscaled input": ("input", {"input_scaling": False}),
    "rate of 100": ("learning rate", {"learning_rate_init": 100.0}),
    "rate of 1e-6": ("learning rate", {"learning_rate_init": 1e-6}),
    "zeros": ("signal", {"init": "zeros"}),
    "zeros, penalty": ("penalty", {"init": "zeros"}),
    "large weights": ("initial loss", {"init_scale": 10.0}),
    "large weights, tanh": ("saturated units", {"init_scale": 10.0, "activation": "tanh"}),
    "small weights, deep": ("signal", {"init": "normal", "init_scale": 0.01, "depth": 5}),
    "too narrow to learn": ("overfit", {"hidden_layer_sizes": 1, "depth": 8}),
    "wrong backward": ("gradient", {"activation": half_a_relu()}),
}


@pytest.mark.parametrize("data", ["wine", "digits", "breast cancer"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named(fault, data):
    row, params = FAULTS[fault]
    model = MLPClassifier(ensemble_size=2, random_state=0).set_params(**params)
    report = sanity_check(model, *DATA[data]())
    assert row in report.failed, report
    assert "labels" not in report.failed, report


@pytest.mark.parametrize("data", ["wine", "digits", "breast cancer", "iris"])
@pytest.mark.parametrize("seed", range(3))
def test_shuffled_labels_are_named_and_nothing_else(data, seed):
    X, y = DATA[data]()
    y = np.random.default_rng(seed).permutation(y)
    assert check(MLPClassifier(random_state=0), X, y).failed == ["labels"]


@pytest.mark.parametrize("loss", ["poisson", "gamma"])
def test_healthy_initial_weights_of_a_log_link_are_not_named(loss):
    """The loss grows as e^z: that of healthy weights is 3 to 50 times that of logits of 0."""
    X, y = load_diabetes(return_X_y=True)
    for seed in range(4):
        assert "initial loss" not in sanity_check(MLPRegressor(loss, random_state=seed), X, y).failed
    large = MLPRegressor(loss, init_scale=2, random_state=0)  # in each of three layers
    assert "initial loss" in sanity_check(large, X, y).failed


def test_few_rows_of_each_class_are_checked_all_the_same():
    """Fewer than there are folds, or a single row."""
    noise = np.random.default_rng(0).normal(size=(40, 5))
    assert sanity_check(MLPClassifier(random_state=0), noise, np.repeat(np.arange(20), 2)).failed == [
        "labels"
    ]
    verdict = sanity_check(MLPRegressor(random_state=0), noise[:1], [1.0]).findings["labels"]
    assert verdict.ok is None


def test_dead_units_are_those_of_the_fitted_weights():
    X, y = DATA["digits"]()
    model = Plain(20, max_iter=3, random_state=0)
    with pytest.warns(match="converged"):
        model.fit(X / 16, y)
    assert "dead units" not in sanity_check(model, X / 16, y).failed
    model.intercepts_[0][:11] = -1e3
    report = sanity_check(model, X / 16, y)
    assert report.findings["dead units"].measured == 11 / 20
    assert report.failed == ["dead units"]
    assert "hidden layer 1" in report.findings["dead units"].advice


def test_what_is_measured_is_what_is_said():
    """log 10, the classes of digits; alpha = n adds half the sum of the squared weights."""
    X, y = DATA["digits"]()
    model = Plain(20, random_state=0)
    findings = sanity_check(model, X / 16, y).findings
    assert findings["initial loss"].expected.startswith(f"about {np.log(10):.3g}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = clone(model).set_params(max_iter=1, learning_rate_init=1e-300).fit(X / 16, y)
    weights = sum((W.astype(float) ** 2).sum() for W in start.coefs_)
    assert findings["penalty"].measured == pytest.approx(weights / 2, rel=1e-4)
    assert findings["initial loss"].measured == pytest.approx(start.loss_, rel=1e-4)
    assert findings["input"].measured == pytest.approx(np.sqrt((X / 16) ** 2).mean(0).max(), rel=0.2)


def test_an_unbalanced_rare_class_and_strings():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((3000, 5))
    y = np.where(X[:, 0] + 0.3 * rng.standard_normal(3000) > 2.2, "rare", "common")
    y[0] = "once"
    assert check(MLPClassifier(random_state=0), X, y).failed == []


def test_indicators_of_labels():
    X, y = DATA["digits"]()
    report = check(MLPClassifier(random_state=0), X, np.column_stack([y % 2, y > 4]))
    assert report.failed == []


def test_frames_and_sparse_rows():
    X, y = DATA["digits"]()
    model = MLPClassifier(random_state=0)
    dense = sanity_check(model, X, y)
    framed = sanity_check(model, pd.DataFrame(X), pd.Series(y))
    assert framed.failed == dense.failed == []
    for name, finding in dense.findings.items():
        assert framed.findings[name].measured == pytest.approx(
            finding.measured, rel=1e-3, abs=1e-6, nan_ok=True
        )
    assert sanity_check(model, sparse.csr_array(X), y).failed == []


@pytest.mark.filterwarnings("ignore::scipy.sparse.SparseEfficiencyWarning")
@pytest.mark.parametrize("kind", [sparse.coo_matrix, sparse.dia_array, sparse.bsr_array, sparse.lil_matrix])
def test_any_sparse_format(kind):
    X, y = DATA["digits"]()
    expected = sanity_check(MLPClassifier(8, random_state=0), sparse.csr_array(X), y)
    assert repr(sanity_check(MLPClassifier(8, random_state=0), kind(X), y)) == repr(expected)


def test_healthy_initial_weights_of_a_regression_are_not_named():
    """The mean of their losses is 1.3, that of outputs of 0 is 0.5, and some have 3."""
    X, y = make_friedman1(500, random_state=0)
    for seed in range(12):
        subject = Subject(MLPRegressor(random_state=seed), X, (y - y.mean()) / y.std())
        assert check_initial_loss(subject).ok
    large = Subject(MLPRegressor(random_state=0, init_scale=2), X, (y - y.mean()) / y.std())
    assert not check_initial_loss(large).ok


def test_no_hidden_layer():
    report = check(Plain((), learning_rate_init=0.01, random_state=0), *DATA["wine"]())
    assert report.failed == []
    verdicts = {row["check"]: row["verdict"] for row in report.rows}
    assert verdicts["signal"] == verdicts["dead units"] == "skipped"


def test_the_estimator_stays_as_it_is_and_nothing_is_warned_of():
    X, y = DATA["wine"]()
    model = MLPClassifier(8, max_iter=2, random_state=0)
    for estimator in (model, clone(model).fit(X, y)):
        before = joblib.hash(estimator)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            sanity_check(estimator, X, y)
        assert joblib.hash(estimator) == before


def test_report():
    X, y = DATA["wine"]()
    report = sanity_check(MLPClassifier(input_scaling=False, random_state=0), X, y)
    assert not report.ok
    assert [row["check"] for row in report.rows] == list(CHECKS)
    frame = report.to_frame()
    assert frame.loc["input", "verdict"] == "fails"
    assert "Standardizer" in frame.loc["input", "advice"]
    assert frame.loc["gradient", "verdict"] == "ok"
    assert frame.loc["gradient", "advice"] == ""
    assert frame.loc["targets", "verdict"] == "skipped"
    lines = repr(report).splitlines()
    assert len(lines) == 1 + len(CHECKS)
    assert lines[1].split()[:2] == ["fails", "input"]
    assert report._repr_html_().count("<tr>") == 1 + len(CHECKS)
    assert "&lt;" not in report._repr_html_()


def test_indicators_of_labels_may_be_sparse():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((100, 4))
    Y = (X[:, :3] > 0).astype(int)
    reports = [
        sanity_check(MLPClassifier((16,), random_state=0), X, kind(Y))
        for kind in (np.array, sparse.csr_array)
    ]
    assert reports[0].failed == reports[1].failed


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_targets_of_any_kind_that_fit_takes(kind):
    X = np.random.default_rng(0).standard_normal((60, 2))
    y = (X[:, 0] > 0).astype(int)
    others = [y[:, None], [*y], *([y.astype(object)] if kind is MLPRegressor else [])]
    expected = sanity_check(kind(hidden_layer_sizes=8, random_state=0), X, y)
    for other in others:
        assert (
            sanity_check(kind(hidden_layer_sizes=8, random_state=0), X, other).findings == expected.findings
        )


def test_dates_are_refused_as_targets_too():
    with pytest.raises(TypeError, match="dates, times or durations in y"):
        sanity_check(MLPRegressor(), np.ones((20, 2)), np.array(["2026-01-01"] * 20, "datetime64[D]"))


def test_dates_are_refused_as_fit_does():
    table = pd.DataFrame({"when": pd.to_datetime(["2026-01-01"] * 20)})
    with pytest.raises(TypeError, match=r"dates, times or durations in the columns .'when'"):
        sanity_check(MLPClassifier(), table, [0, 1] * 10)


def test_a_loss_that_is_not_finite_is_reported():
    """The checks that need a finite loss are skipped, and the initial loss is named."""
    X, y = load_iris(return_X_y=True)
    model = MLPClassifier(8, input_scaling=False, init_scale=1e30, random_state=0)
    report = sanity_check(model, X, y)
    assert {"initial loss", "signal"} <= set(report.failed)
    assert report.findings["learning rate"].ok is None
    with pytest.raises(ValueError, match=r"finite loss .* lower init_scale \(it is 1e\+30\)"):
        learning_rate_range_test(model, X, y)


def test_the_penalty_beside_a_huge_loss():
    """The penalty of weights that are not 0 is above 0, even if the loss is so large that a sum hides it."""
    X, y = load_iris(return_X_y=True)
    report = sanity_check(Plain(8, random_state=0), X * 1e20, y)
    assert report.findings["penalty"].ok
    assert "penalty" not in report.failed
    assert "gradient" not in report.failed


def test_the_columns_of_a_report_are_apart():
    """The text of every expectation is followed by two spaces."""
    expected = "score of 20 training samples above 0.9"
    report = SanityReport({"overfit": Finding(False, 0.5, expected, "raise the width")})
    assert f"{expected}  raise the width" in repr(report)
