"""Saving and loading: what is loaded predicts and learns the same, and needs no trust in private types."""

import io
import pickle
import warnings
from copy import deepcopy
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.exceptions import InconsistentVersionWarning as OfScikitLearn
from sklearn.pipeline import make_pipeline
from skopt.space import Categorical, Real

import sknn6
from sknn6 import BayesSearchCV, MLPClassifier, MLPRegressor, Standardizer, Whitener
from sknn6.nn.activations import ACTIVATIONS
from sknn6.nn.normalization import NORMALIZATIONS
from sknn6.nn.optimizers import OPTIMIZERS
from sknn6.preprocessing import standardizer, whitener
from sknn6.versions import InconsistentVersionWarning
from sknn6.warn import warn_user

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

PUBLIC = [MLPClassifier, MLPRegressor, Standardizer, Whitener]
TRUSTED = [f"{cls.__module__}.{cls.__qualname__}" for cls in PUBLIC]
SAVED = sorted((Path(__file__).parent / "data").glob("model_*"))


def by_pickle(model):
    return pickle.loads(pickle.dumps(model))


def by_joblib(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


def by_skops(model):
    skops = pytest.importorskip("skops.io")
    saved = skops.dumps(model)
    assert set(skops.get_untrusted_types(data=saved)) <= set(TRUSTED)
    return skops.loads(saved, trusted=TRUSTED)


WAYS = [by_pickle, by_joblib, by_skops]


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4)) @ rng.normal(size=(4, 4))
    return X, (X[:, 0] + rng.normal(size=60) > 0).astype(int)


def draw(seed):
    """Draw a network."""
    rng = np.random.default_rng(seed)
    params = {
        "hidden_layer_sizes": [(7,), "6-5", 8][rng.integers(3)],
        "activation": str(rng.choice(sorted(ACTIVATIONS))),
        "batchnorm": [False, True, *NORMALIZATIONS][rng.integers(2 + len(NORMALIZATIONS))],
        "layernorm": bool(rng.integers(2)),
        "residual": bool(rng.integers(2)),
        "ensemble_size": int(rng.integers(1, 3)),
        "input_scaling": [False, True, "learned"][rng.integers(3)],
        "ema_decay": float(rng.choice([0, 0.9])),
        "solver": str(rng.choice(list(OPTIMIZERS))),
        "dtype": str(rng.choice(["float32", "float64"])),
        "track": [None, "layers"][rng.integers(2)],
        "random_state": [seed, np.random.RandomState(seed)][rng.integers(2)],
    }
    return [MLPClassifier, MLPRegressor][rng.integers(2)](**params, batch_size=20, max_iter=3)


def without_seconds(history):
    return [{**record, "seconds": None} for record in history]


def assert_same_network(one, other, X):
    predict = "predict_proba" if isinstance(one, MLPClassifier) else "predict"
    np.testing.assert_array_equal(getattr(one, predict)(X), getattr(other, predict)(X))
    assert vars(one).keys() == vars(other).keys()
    assert without_seconds(one.history_) == without_seconds(other.history_)
    assert getattr(one, "loss_curve_", None) == getattr(other, "loss_curve_", None)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("seed", range(12))
def test_a_loaded_network_predicts_the_same_and_learns_the_same(seed, way, data):
    X, y = data
    model = draw(seed).fit(X, y)
    loaded = way(model)
    assert_same_network(model, loaded, X)
    for _ in range(2):
        model.partial_fit(X, y)
        loaded.partial_fit(X, y)
        assert_same_network(model, loaded, X)
    assert_same_network(model, way(loaded), X)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "params", [{"solver": "lbfgs"}, {"early_stopping": True, "scoring": "f1_macro"}, {"max_iter": 1}]
)
def test_fits_that_go_on_go_on_the_same(params, way, data):
    X, y = data
    model = MLPClassifier(5, warm_start=True, random_state=0).set_params(max_iter=4).set_params(**params)
    loaded = way(model.fit(X, np.array(["no", "yes"])[y]))
    for one in (model, loaded):
        one.fit(X, np.array(["no", "yes"])[y])
    assert_same_network(model, loaded, X)
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "model",
    [
        *[Standardizer(method, clip=clip) for method in standardizer.METHODS for clip in (None, 3)],
        *[Whitener(method) for method in whitener.METHODS],
        Whitener(shrinkage="ledoit_wolf"),
        Whitener(shrinkage="oas"),
    ],
    ids=str,
)
def test_a_loaded_transformer_transforms_and_learns_the_same(model, way, data):
    X = data[0]
    for rows in (3, 60):
        loaded = way(model.fit(X[:rows]))
        Z = model.transform(X)
        np.testing.assert_array_equal(loaded.transform(X), Z)
        np.testing.assert_array_equal(loaded.inverse_transform(Z), model.inverse_transform(Z))
        if hasattr(model, "partial_fit"):
            expected = model.partial_fit(X + 1).transform(X)
            np.testing.assert_array_equal(loaded.partial_fit(X + 1).transform(X), expected)


@pytest.mark.parametrize("way", WAYS)
def test_a_loaded_pipeline_predicts_the_same(way, data):
    X, y = data
    model = make_pipeline(Standardizer("robust"), Whitener("pca"), MLPClassifier(max_iter=3, random_state=0))
    np.testing.assert_array_equal(way(model.fit(X, y)).predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "model", [MLPClassifier(3), MLPRegressor("huber"), Standardizer(), Whitener()], ids=str
)
def test_what_is_not_fitted_yet_can_be_fitted_once_loaded(model, way, data):
    loaded = way(model)
    assert loaded.get_params() == model.get_params()
    if hasattr(model, "max_iter"):
        loaded.set_params(max_iter=2)
    assert loaded.fit(*data).n_features_in_ == 4


@pytest.mark.parametrize("way", [by_pickle, by_joblib])
def test_a_loaded_search_predicts_the_same(way, data):
    space = {"alpha": Real(1e-4, 1e-2), "hidden_layer_sizes": Categorical([3, (4, 3)])}
    search = BayesSearchCV(MLPClassifier(max_iter=2, random_state=0), space, n_iter=3, cv=2, random_state=0)
    loaded = way(search.fit(*data))
    np.testing.assert_array_equal(loaded.predict_proba(data[0]), search.predict_proba(data[0]))
    assert loaded.cv_results_["params"] == search.cv_results_["params"]
    assert loaded.fit(*data).best_params_ == search.best_params_


def load(path):
    """Load what `tests/data/saved_models.py` saved."""
    with warnings.catch_warnings():
        # scikit-learn's version and the package's may well differ from those that saved it.
        warnings.simplefilter("ignore", OfScikitLearn)
        warnings.simplefilter("ignore", InconsistentVersionWarning)
        if path.suffix == ".pkl":
            return pickle.loads(path.read_bytes())
        return pytest.importorskip("skops.io").load(path, trusted=TRUSTED)


def test_each_way_of_saving_has_a_file():
    assert {path.name for path in SAVED} >= {"model_0_1_0.pkl", "model_0_1_0.skops"}


@pytest.mark.parametrize("path", SAVED, ids=lambda path: path.name)
def test_a_model_of_another_version_predicts_what_it_did(path):
    saved = load(path)
    model, X = saved["model"], saved["X"]
    np.testing.assert_allclose(model.predict_proba(X), saved["probabilities"], rtol=1e-6)
    mlp = model[-1]
    before, epochs = deepcopy(mlp.coefs_), len(mlp.history_)
    mlp.partial_fit(model[:-1].transform(X), model.predict(X))
    assert len(mlp.history_) == epochs + 1
    assert not np.array_equal(before[0], mlp.coefs_[0])


@pytest.mark.parametrize("version", ["0.0.9", "99.0", "unknown"])
@pytest.mark.parametrize(
    "model", [MLPClassifier(max_iter=2), MLPRegressor(max_iter=2), Standardizer(), Whitener()]
)
def test_another_version_is_warned_of_with_both_named(model, version, data, monkeypatch):
    saved = pickle.dumps(model.fit(*data))
    monkeypatch.setattr("sknn6.versions.__version__", version)
    by_other = pickle.dumps(model)
    monkeypatch.undo()
    if version == "unknown":  # saved before there was one
        by_other = saved.replace(b"_sknn6_version", b"_other_version")
    message = f"{type(model).__name__} was saved by sknn6 {version} and is loaded by {sknn6.__version__}"
    with pytest.warns(InconsistentVersionWarning, match=message) as caught:
        loaded = pickle.loads(by_other)
    assert [warning.filename for warning in caught] == [__file__]
    method = "predict" if hasattr(model, "predict") else "transform"
    np.testing.assert_array_equal(getattr(loaded, method)(data[0]), getattr(model, method)(data[0]))


@pytest.mark.parametrize("model", [MLPClassifier(), BayesSearchCV(MLPClassifier(), {"alpha": Real(0.1, 1)})])
def test_the_version_is_part_of_the_state_only(model):
    assert model.__getstate__()["_sknn6_version"] == sknn6.__version__
    assert "_sknn6_version" not in vars(by_pickle(model))


def test_a_warning_points_to_a_file_beside_the_package():
    """Whose path begins as that of the package's folder does."""
    beside = str(Path(sknn6.__file__).parent) + "_project.py"
    with pytest.warns(UserWarning, match="look here") as caught:
        exec(compile("warn_user('look here')", beside, "exec"), {"warn_user": warn_user})
    assert [warning.filename for warning in caught] == [beside]
