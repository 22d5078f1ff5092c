"""What layer_statistics says, against formulas and the lecture's figures."""

import re
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from plain import MLPClassifier as Plain
from plain import MLPRegressor
from scipy import sparse
from scipy.stats import norm
from sklearn.base import BaseEstimator, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_iris
from sklearn.ensemble import BaggingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sknn6 import MLPClassifier, Standardizer
from sknn6.inspection import layer_statistics, sanity_check
from sknn6.inspection.probe import Probe
from sknn6.inspection.statistics import effective_rank, update_ratios

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((1000, 500)), RNG.integers(0, 2, 1000)
pytestmark = pytest.mark.filterwarnings("ignore:.*hasn't converged yet", "ignore:.*starts all units")


def deep_tanh(scale, init="normal"):
    """The network of the lecture's slides on weight initialisation."""
    return Plain(500, "tanh", depth=10, init=init, init_scale=scale, random_state=0)


def test_small_weights_shrink_the_signal_by_their_size():
    """tanh is linear near 0, and a layer of n inputs multiplies the std by std(w) sqrt(n)."""
    std = layer_statistics(deep_tanh(0.01), X, Y).std[:10]
    np.testing.assert_allclose(std[1:] / std[:-1], 0.01 * np.sqrt(500), rtol=0.02)


def test_large_weights_saturate_tanh():
    """z ~ N(0, n E[a^2]); flat is |z| > artanh(sqrt(0.95))."""
    statistics = layer_statistics(deep_tanh(1.0), X, Y)
    sigma = np.sqrt(500 * (statistics.std[:9] ** 2 + statistics.mean[:9] ** 2))
    expected = 2 * norm.sf(np.arctanh(np.sqrt(0.95)) / sigma)
    np.testing.assert_allclose(statistics.saturated[1:10], expected, atol=0.01)
    assert np.isnan(statistics.saturated[10])


def test_xavier_keeps_the_signal():
    """The lecture: 0.63 after the first layer, 0.23 after the tenth."""
    std = layer_statistics(deep_tanh(1.0, "xavier_normal"), X, Y).std
    np.testing.assert_allclose(std[[0, 9]], [0.63, 0.23], atol=0.01)


def linear_problem(**params):
    rng = np.random.default_rng(1)
    X = rng.standard_normal((300, 7))
    y = (X[:, 0] + rng.standard_normal(300) > 0).astype(int)
    return Plain((), alpha=2.0, dtype="float64", random_state=0, **params), X, y


def test_gradient_of_a_linear_model():
    """X^T (P - y) / n + alpha W / n."""
    model, X, y = linear_problem(max_iter=3)
    model.fit(X, y)
    W = model.coefs_[0]
    gradient = X.T @ (model.predict_proba(X)[:, 1:] - y[:, None]) / 300 + 2.0 * W / 300
    statistics = layer_statistics(model, X, y)
    np.testing.assert_allclose(statistics.gradient_norm, np.linalg.norm(gradient), rtol=1e-9)
    np.testing.assert_allclose(statistics.weight_norm, np.linalg.norm(W), rtol=1e-12)


def test_update_ratio_of_sgd_and_of_adams_first_step():
    """rate |grad| / |W|; Adam's first step is the rate times the sign of each component, but for epsilon."""
    model, X, y = linear_problem(solver="sgd", momentum=0.0, nesterovs_momentum=False, learning_rate_init=0.3)
    found = layer_statistics(model, X, y)
    np.testing.assert_allclose(found.update_ratio, 0.3 * found.gradient_norm / found.weight_norm, rtol=1e-9)
    model, X, y = linear_problem(solver="adam", learning_rate_init=0.3, epsilon=1e-30)
    found = layer_statistics(model, X, y)
    np.testing.assert_allclose(found.update_ratio, 0.3 * np.sqrt(7) / found.weight_norm, rtol=1e-9)
    assert np.isnan(layer_statistics(model.set_params(solver="lbfgs"), X, y).update_ratio).all()


def test_the_next_update_is_measured_from_where_it_starts_and_undone():
    """With averaged weights, a training goes on from weights that are ahead of their average."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((300, 7)), rng.integers(0, 2, 300)
    model = Plain(8, "prelu", ema_decay=0.99, max_iter=5, random_state=0).fit(X, y)
    probe = Probe(model, X, y, deterministic=True)
    probe.differentiate(probe.subsample(300))
    theta, ratios = probe.network.theta.copy(), update_ratios(probe)
    np.testing.assert_array_equal(probe.network.theta, theta)
    update = probe.make_update()
    ahead = [layer.W.copy() for layer in probe.network.dense()]
    assert not np.array_equal(ahead[0], model.coefs_[0])
    update(probe.rate)
    moved = [
        np.linalg.norm(layer.W - W) / np.linalg.norm(W)
        for layer, W in zip(probe.network.dense(), ahead, strict=True)
    ]
    np.testing.assert_allclose(ratios, moved, rtol=1e-6)


def test_dead_units_are_named():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((200, 5)), rng.integers(0, 3, 200)
    model = Plain(20, max_iter=2, random_state=0).fit(X, y)
    model.intercepts_[0][[3, 11]] = -1e3
    model.intercepts_[0][4] = 1e3
    statistics = layer_statistics(model, X, y)
    assert np.flatnonzero(statistics.dead_units[0]).tolist() == [3, 11]
    assert statistics.dead[0] == 0.1


def test_units_of_leaky_relu_are_saturated_but_not_dead():
    """Below 0 their slope is 0.01: little, but they go on learning."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((200, 5)), rng.integers(0, 3, 200)
    model = Plain(20, "leaky_relu", max_iter=2, track="layers", random_state=0).fit(X, y)
    model.intercepts_[0][:] = -1e3
    statistics = layer_statistics(model, X, y)
    assert (statistics.saturated[0], statistics.dead[0]) == (1, 0)
    assert sanity_check(model, X, y).findings["dead units"].ok
    assert model.partial_fit(X, y).history_[-1]["dead_1"] == 0


def test_projections_of_shortcuts_are_no_layers():
    """Layers of other widths have one; each figure is that of the layer of its name."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((60, 4)), rng.integers(0, 3, 60)
    model = Plain((8, 6), residual=True, max_iter=2, track="layers", random_state=0).fit(X, y)
    assert len(model.layer_state_["projection_0.W"]) == 8
    found = layer_statistics(model, X, y)
    assert found.to_frame().shape[0] == 3
    np.testing.assert_allclose(found.weight_norm, [np.linalg.norm(W) for W in model.coefs_], rtol=1e-6)
    assert len(found.update_ratio) == len(found.gradient_norm) == 3
    np.testing.assert_allclose(model.history_[-1]["weight_norm_3"], found.weight_norm[2], rtol=1e-6)


def test_without_y_a_frame_is_not_warned_of():
    frame, y = load_iris(return_X_y=True, as_frame=True)
    model = MLPClassifier(max_iter=2, random_state=0).fit(frame, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer_statistics(model, frame)


def test_effective_rank_of_known_matrices():
    """k equal singular values have rank k; (3, 1) has exp(H(3/4, 1/4))."""
    assert effective_rank(np.eye(9)[:, :4]) == pytest.approx(4)
    assert effective_rank(np.ones((9, 4))) == pytest.approx(1)
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    assert effective_rank(np.diag([3.0, 1.0])) == pytest.approx(np.exp(entropy))


def test_several_networks_are_averaged():
    model = MLPClassifier(8, ensemble_size=3, input_scaling=False, max_iter=2, random_state=0).fit(X, Y)
    found, parts = layer_statistics(model, X, Y), []
    for k in range(3):
        one = Plain(8, max_iter=1, random_state=0, warm_start=True).fit(X, Y)
        one.coefs_, one.intercepts_ = [W[k] for W in model.coefs_], [b[k] for b in model.intercepts_]
        parts.append(layer_statistics(one, X))
    for name in ("mean", "saturated", "dead", "weight_norm", "effective_rank"):
        each = [getattr(part, name) for part in parts]
        np.testing.assert_allclose(getattr(found, name), np.mean(each, axis=0), rtol=1e-4, err_msg=name)


@pytest.mark.parametrize("params", [{}, {"batchnorm": True}, {"layernorm": True, "residual": True}], ids=str)
def test_fitted_outputs_are_those_of_prediction(params):
    """The output layer's mean and std are those of the logits that the probabilities come from."""
    model = Plain(10, depth=2, dropout=0.3, max_iter=2, random_state=0, dtype="float64", **params).fit(X, Y)
    P = model.predict_proba(X)[:, 1]
    logits = np.log(P / (1 - P))
    statistics = layer_statistics(model, X)
    np.testing.assert_allclose(statistics.outputs[-1][:, 0], logits, rtol=1e-6, atol=1e-9)
    assert statistics.std[-1] == pytest.approx(logits.std(), rel=1e-6)
    assert np.isnan(statistics.gradient_norm).all()


@pytest.mark.parametrize("fitted", [False, True])
def test_a_pipeline_or_a_search_is_looked_at_behind_its_steps(fitted):
    pipeline = make_pipeline(Standardizer(), Plain(6, max_iter=2, random_state=0))
    search = GridSearchCV(pipeline, {"mlpclassifier__alpha": [0.01]}, cv=2)
    alone = pipeline[-1].set_params(alpha=0.01)
    scaled = Standardizer().fit_transform(X)
    if fitted:
        search.fit(X, Y)
        alone.fit(scaled, Y)
    found, expected = layer_statistics(search, X, Y), layer_statistics(alone, scaled, Y)
    searched = pipeline if not fitted else search.best_estimator_
    assert searched[-1].alpha == 0.01
    for name, figures in expected.figures.items():
        np.testing.assert_array_equal(found.figures[name], figures, err_msg=name)


def test_the_estimator_stays_as_it_is():
    model = MLPClassifier(8, batchnorm=True, max_iter=2, random_state=0).fit(X, Y)
    for estimator in (model, clone(model)):
        before = joblib.hash(vars(estimator))
        layer_statistics(estimator, X, Y)
        assert joblib.hash(vars(estimator)) == before


def test_sparse_rows_weights_and_regression():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((50, 4)), rng.standard_normal((50, 2))
    regressor = MLPRegressor(hidden_layer_sizes=5, random_state=0, dtype="float64")
    dense = layer_statistics(regressor, X, y).figures
    for name, figures in layer_statistics(regressor, sparse.csr_array(X), y).figures.items():
        np.testing.assert_allclose(figures, dense[name], rtol=1e-9, err_msg=name)
    twice = layer_statistics(regressor, np.vstack([X, X[:10]]), np.vstack([y, y[:10]]))
    weight = np.where(np.arange(50) < 10, 2.0, 1.0)
    once = layer_statistics(regressor, X, y, sample_weight=weight)
    np.testing.assert_allclose(once.gradient_norm, twice.gradient_norm, rtol=1e-9)


def test_frame_and_text_have_a_row_a_layer():
    statistics = layer_statistics(Plain((8, 4), random_state=0), X, Y)
    frame = statistics.to_frame()
    assert frame.index.tolist() == statistics.names == ["hidden 1", "hidden 2", "output"]
    assert frame["std"].tolist() == statistics.std.tolist()
    lines = repr(statistics).splitlines()
    assert [line[:10].strip() for line in lines] == ["", *statistics.names]
    assert float(lines[1].split()[3]) == pytest.approx(statistics.std[0], rel=0.01)


def test_what_cannot_be_looked_at():
    with pytest.raises(TypeError, match=r"estimator must be an MLPClassifier.*got LogisticRegression"):
        layer_statistics(LogisticRegression(), X, Y)
    with pytest.raises(ValueError, match="y must be given for an estimator that is not fitted"):
        layer_statistics(MLPClassifier(), X)
    with pytest.raises(ValueError, match="The 'alpha' parameter"):
        layer_statistics(MLPClassifier(alpha=-1), X, Y)


def small_problem():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((120, 5))
    return X, (X[:, 0] + 0.5 * rng.standard_normal(120) > 0).astype(int)


def small(**params):
    return Plain(6, max_iter=4, random_state=0, **params)


def assert_same_statistics(found, expected):
    for name, figures in expected.figures.items():
        np.testing.assert_array_equal(found.figures[name], figures, err_msg=name)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda mlp: FixedThresholdClassifier(mlp, threshold=0.3),
        lambda mlp: TunedThresholdClassifierCV(mlp, cv=2),
        lambda mlp: FixedThresholdClassifier(make_pipeline(Standardizer(), mlp)),
        lambda mlp: make_pipeline(Standardizer(), TunedThresholdClassifierCV(mlp, cv=2)),
        lambda mlp: GridSearchCV(FixedThresholdClassifier(mlp), {"estimator__alpha": [1.0]}, cv=2),
        lambda mlp: CalibratedClassifierCV(mlp, cv=2, ensemble=False),
    ],
)
def test_a_wrapper_is_followed_to_the_network_that_it_fitted(wrap):
    """Its weights, which are not those of the template that it got."""
    X, y = small_problem()
    fitted = wrap(small()).fit(X, y)
    found = layer_statistics(fitted, X, y)
    assert found.weight_norm.tolist() != layer_statistics(wrap(small()), X, y).weight_norm.tolist()
    network = fitted
    for name in ("best_estimator_", "estimator_", "calibrated_classifiers_", "steps", "estimator_", "steps"):
        network = getattr(network, name, network)
        if name == "calibrated_classifiers_" and isinstance(network, list):
            network = network[0].estimator
        network = network[-1][1] if isinstance(network, list) else network
    norms = [np.linalg.norm(W) for W in network.coefs_]
    np.testing.assert_allclose(found.weight_norm, norms, rtol=1e-6)


@pytest.mark.parametrize(
    ("several", "where"),
    [
        (BaggingClassifier(small(), n_estimators=2, random_state=0), "estimators_[0]"),
        (OneVsRestClassifier(small()), "estimators_[0]"),
        (CalibratedClassifierCV(small(), cv=2), "calibrated_classifiers_[0].estimator"),
    ],
)
def test_several_networks_are_refused(several, where):
    X, y = small_problem()
    fitted = several.fit(X, y + (X[:, 1] > 1))
    with pytest.raises(TypeError, match=re.escape(where)):
        layer_statistics(fitted, X, y)


def test_a_fitted_search_without_its_network_is_refused():
    X, y = small_problem()
    search = GridSearchCV(small(), {"alpha": [1.0, 2.0]}, cv=2, refit=False).fit(X, y)
    with pytest.raises(TypeError, match=r"got GridSearchCV, which is fitted and has none.*refit=True"):
        layer_statistics(search, X, y)


@pytest.mark.filterwarnings("ignore:The loss was never below")  # after three epochs
@pytest.mark.parametrize("fit", [False, True])
def test_targets_are_transformed_as_in_a_fit(fit):
    X, _ = small_problem()
    y = 4e5 + 1e5 * X[:, 0]
    regressor = MLPRegressor(hidden_layer_sizes=6, max_iter=3, random_state=0, dtype="float64")
    inner, wrapped = clone(regressor), TransformedTargetRegressor(regressor, transformer=StandardScaler())
    scaled = StandardScaler().fit_transform(y[:, None])[:, 0]
    if fit:
        inner.fit(X, scaled)
        wrapped.fit(X, y)
    expected = layer_statistics(inner, X, scaled)
    assert_same_statistics(layer_statistics(wrapped, X, y), expected)
    logged = TransformedTargetRegressor(clone(regressor), func=np.log, inverse_func=np.exp)
    logged = logged.fit(X, np.exp(scaled)) if fit else logged
    found = layer_statistics(logged, X, np.exp(scaled))
    np.testing.assert_allclose(found.gradient_norm, expected.gradient_norm, rtol=1e-6)
    if fit:
        assert_same_statistics(layer_statistics(wrapped, X), layer_statistics(inner, X))


class Twice(BaseEstimator):
    """A step of imbalanced-learn's kind, which has no transform: each row twice."""

    def fit_resample(self, X, y):
        return np.concatenate([X, X]), np.concatenate([y, y])


class ResamplingPipeline(Pipeline):
    """As imbalanced-learn's: steps with fit_resample work in a fit, and are skipped in prediction."""

    def _validate_steps(self):
        pass

    def fit(self, X, y):
        for _, step in self.steps[:-1]:
            if hasattr(step, "fit_resample"):
                X, y = step.fit_resample(X, y)
            else:
                X = step.fit_transform(X, y)
        self.steps[-1][1].fit(X, y)
        return self


def test_steps_that_resample():
    """Left out for fitted weights, as in a prediction; done where a training is prepared."""
    X, y = small_problem()
    resampling = ResamplingPipeline([("twice", Twice()), ("scale", StandardScaler()), ("mlp", small())])
    plain = make_pipeline(StandardScaler(), small())
    start, expected = layer_statistics(resampling, X, y), layer_statistics(plain, X, y)
    assert len(start.outputs[0]) == 2 * len(X)
    np.testing.assert_allclose(
        start.gradient_norm, expected.gradient_norm, rtol=0.05
    )  # the penalty counts half
    resampling.fit(X, y)
    fitted = layer_statistics(resampling, X, y)
    assert len(fitted.outputs[0]) == len(X)
    Z = resampling.steps[1][1].transform(X)
    assert_same_statistics(fitted, layer_statistics(resampling.steps[-1][1], Z, y))


def test_a_network_that_was_fitted_on_a_frame():
    X, y = small_problem()
    frame = pd.DataFrame(X, columns=list("abcde"))
    network = small().fit(frame, y)
    expected = layer_statistics(network, frame, y)
    assert_same_statistics(layer_statistics(network, X, y), expected)
    with pytest.raises(ValueError, match="feature names should match"):
        layer_statistics(network, frame[list("edcba")], y)


def test_quantiles_and_warm_starts_can_be_looked_at_without_targets():
    """Predictions stand in for y: several columns of one target, or rows of a single class."""
    params = {"hidden_layer_sizes": 8, "max_iter": 2, "random_state": 0}
    X = np.random.default_rng(0).standard_normal((60, 3))
    band = MLPRegressor(loss="quantile", quantile=[0.1, 0.5, 0.9], **params).fit(X, X[:, 0])
    assert len(layer_statistics(band, X).std) == 2
    y = X[:, 0] > 0
    going_on = Plain(warm_start=True, **params).fit(X, y)
    np.testing.assert_array_equal(
        layer_statistics(going_on, X[y], y[y]).std, layer_statistics(going_on, X[y]).std
    )
    assert going_on.warm_start
