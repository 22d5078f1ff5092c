"""The classifier with nothing set but the seed: on small, wide, rare, noisy and unscaled data.

Every fit of it here ends without a warning, or pytest makes it an error.
"""

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss, recall_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier as SklearnMLP
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknn6 import MLPClassifier, MLPRegressor
from sknn6.estimators.fitted import architecture_of
from sknn6.estimators.preparation import settings_and_state
from sknn6.estimators.recipes import (
    ALL_EPOCHS,
    MANY_ROWS,
    MODERN,
    MODERN_REGRESSION,
    PLAIN,
    RECIPES,
    WITH_MANY_ROWS,
    recipe_for,
)
from sknn6.estimators.settings import settings_of
from sknn6.nn.optimizers import OPTIMIZERS
from sknn6.nn.piecewise import MOST_BINS

SPLITS = 3


def scikit_learns(seed):
    """Return scikit-learn's classifier with its defaults, on standardised data, which it needs."""
    return make_pipeline(StandardScaler(), SklearnMLP(random_state=seed))


def ours(seed):
    return MLPClassifier(random_state=seed)


def held_out(X, y, n_train, model=ours):
    """Return accuracy, log-loss in entropies of the classes, and AUC for two classes, on rows held out."""
    found = []
    for seed in range(SPLITS):
        parts = train_test_split(X, y, train_size=n_train, stratify=y, random_state=seed)
        found.append(scores(model(seed), *parts))
    return np.mean(found, axis=0)


def scores(model, X_train, X_test, y_train, y_test):
    with warnings.catch_warnings():
        if not isinstance(model, MLPClassifier):
            warnings.simplefilter("ignore", ConvergenceWarning)
        P = model.fit(X_train, y_train).predict_proba(X_test)
    share = np.bincount(y_train) / len(y_train)
    loss = log_loss(y_test, P, labels=model.classes_) / -(share @ np.log(share))
    return model.score(X_test, y_test), loss, roc_auc_score(y_test, P[:, 1]) if len(share) == 2 else np.nan


def noise(*shape):
    return np.random.default_rng(0).normal(size=shape)


SMALL = {"iris": (load_iris, 100), "wine": (load_wine, 60), "breast cancer": (load_breast_cancer, 100)}


@pytest.mark.parametrize("name", SMALL)
def test_few_rows(name):
    load, n_train = SMALL[name]
    X, y = load(return_X_y=True)
    accuracy, loss, _ = held_out(X, y, n_train)
    theirs, *_ = held_out(X, y, n_train, scikit_learns)
    assert accuracy >= theirs - 0.05
    assert loss < 0.3


def test_a_hundred_classes():
    """Clusters that a linear model tells apart, ten rows of each."""
    centres = noise(100, 20)
    y = np.repeat(np.arange(100), 20)
    accuracy, loss, _ = held_out(centres[y] + 0.5 * noise(2000, 20), y, 1000)
    assert accuracy > 0.99
    assert loss < 0.03


def test_one_row_in_fifty():
    """They lie 5 standard deviations to either side of the rest; the densities have an AUC of 0.998.

    With 12 seeds the loss is 0.3 at most, the AUC 0.99 at least and 0.006 above scikit-learn's in the mean.
    """
    rng = np.random.default_rng(0)
    y = (np.arange(3000) % 51 == 0).astype(int)
    X = rng.standard_normal((3000, 10)) + 5 / np.sqrt(10) * (y * rng.choice([-1, 1], 3000))[:, None]
    _, loss, auc = held_out(X, y, 1500)
    theirs = held_out(X, y, 1500, scikit_learns)
    assert loss < 0.4
    assert auc > max(0.97, theirs[2] - 0.005)


RARE = make_classification(3000, 10, n_informative=5, weights=[50 / 51], flip_y=0, random_state=0)


def test_balanced_weights_find_more_of_a_rare_class():
    found = {None: [], "balanced": []}
    for seed in range(SPLITS):
        X_train, X_test, y_train, y_test = train_test_split(*RARE, stratify=RARE[1], random_state=seed)
        for weight, recalls in found.items():
            model = MLPClassifier(class_weight=weight, random_state=0).fit(X_train, y_train)
            recalls.append(recall_score(y_test, model.predict(X_test)))
    assert np.mean(found["balanced"]) > np.mean(found[None]) + 0.1


def test_more_features_than_rows():
    """Five of 500 features tell something, to 100 rows."""
    X, y = make_classification(
        400, 500, n_informative=5, n_redundant=0, n_clusters_per_class=1, class_sep=2, random_state=0
    )
    _, loss, auc = held_out(X, y, 100)
    assert loss < 0.95
    assert auc > held_out(X, y, 100, scikit_learns)[2] + 0.05


def test_features_of_noise_beside_the_others():
    X, y = load_digits(return_X_y=True)
    accuracy, loss, _ = held_out(np.hstack([X, noise(len(X), 100)]), y, 900)
    theirs = held_out(np.hstack([X, noise(len(X), 100)]), y, 900, scikit_learns)
    assert accuracy > theirs[0] + 0.02
    assert loss < 0.9 * theirs[1]


def test_features_of_very_different_scale():
    """Columns of 1e6 beside 1e-3, as they come: as good as scikit-learn's on standardised ones."""
    X, y = load_breast_cancer(return_X_y=True)
    X = X / X.std(axis=0) * np.logspace(-3, 6, X.shape[1])
    accuracy, loss, auc = held_out(X, y, 300)
    theirs = held_out(X, y, 300, scikit_learns)
    assert accuracy > theirs[0] - 0.01
    assert loss < 1.1 * theirs[1]
    assert auc > 0.985


@pytest.mark.parametrize("n_classes", [2, 5])
def test_labels_of_noise(n_classes):
    """What cannot be learned is not learned: the log-loss is little more than that of the classes' shares."""
    y = np.random.default_rng(1).integers(0, n_classes, 2000)
    _, loss, _ = held_out(noise(2000, 10), y, 1000)
    assert loss < 1.15


@pytest.mark.parametrize("label", [0, "a"])
def test_one_class(label):
    """It is learned, as in scikit-learn; its probability is 1."""
    X, y = noise(30, 3), np.full(30, label)
    model = MLPClassifier(random_state=0).fit(X, y)
    assert model.classes_.tolist() == [label]
    np.testing.assert_array_equal(model.predict(X), y)
    np.testing.assert_array_equal(model.predict_proba(X), np.ones((30, 1)))


def test_missing_values_are_taken_whether_or_not_fit_had_some():
    X, y = load_iris(return_X_y=True)
    model = MLPClassifier(random_state=0).fit(X, y)
    X[7, 2] = np.nan
    assert model.score(X, y) > 0.9
    assert MLPClassifier(random_state=0).fit(X, y).score(X, y) > 0.9


def test_fewer_epochs_than_the_recipe_has_end_as_planned():
    """The rate falls to 0 along max_iter, whatever it is, and nothing is warned of; a constant rate is."""
    X, y = load_iris(return_X_y=True)
    for max_iter in (MODERN["max_iter"], MODERN["max_iter"] - 1, 5):
        MLPClassifier(max_iter=max_iter, random_state=0).fit(X, y)
    with pytest.warns(ConvergenceWarning, match="max_iter=5 epochs were run"):
        MLPClassifier(max_iter=5, learning_rate="constant", random_state=0).fit(X, y)


WITH_ADAM = [(MLPClassifier, MODERN), (MLPRegressor, MODERN_REGRESSION)]


def own(recipe, cls):
    """Return the part of a recipe that an estimator has parameters for."""
    return {name: value for name, value in recipe.items() if name in cls().get_params()}


@pytest.mark.parametrize(("cls", "modern"), WITH_ADAM)
def test_the_recipes_are_of_the_same_valid_parameters(cls, modern):
    """Each value can be given as the parameter, and then is what "auto" was."""
    X, y = load_digits(return_X_y=True)
    for solver in ("lbfgs", *OPTIMIZERS):
        recipe = own(modern if solver == "adam" else PLAIN, cls)
        params = {"solver": solver, "random_state": 0}
        left, given = cls(**params), cls(**params, **recipe)
        given._validate_params()
        for estimator in (left, given):
            settings = settings_of(estimator)
            assert {name: getattr(settings, name) for name in recipe} == recipe
    alike = [cls(**params, random_state=0).fit(X[:300], y[:300]) for params in ({}, own(modern, cls))]
    np.testing.assert_array_equal(*(model.predict(X[300:]) for model in alike))


MANY = np.random.default_rng(0).normal(size=(MANY_ROWS, 4))
ONE_EPOCH = {"max_iter": 1, "ensemble_size": 2, "random_state": 0}


def test_many_rows_have_a_recipe_of_their_own():
    """In a fit from fresh weights; what is given stays, and a chunk of a stream is taken as few rows."""
    y = MANY[:, 0] > 0.5
    many = MLPClassifier(**ONE_EPOCH).fit(MANY, y)
    few = MLPClassifier(**ONE_EPOCH).fit(MANY[1:], y[1:])
    given = MLPClassifier(**ONE_EPOCH, hidden_layer_sizes=8, numeric_embedding=None).fit(MANY, y)
    part = MLPClassifier(**ONE_EPOCH).partial_fit(MANY, y, classes=[False, True])
    assert few.coefs_[0].shape == part.coefs_[0].shape == (2, 4, 128)
    assert many.coefs_[0].shape[-2:] == (4 * (MOST_BINS + 1), 160)
    assert given.coefs_[0].shape[-2:] == (4, 8)
    assert few.ensemble_members_ is None
    assert set(many.ensemble_members_) <= {0, 1}
    assert activations_of(few) == activations_of(part) == {"relu"}
    assert activations_of(many) == {"silu"}


def activations_of(model):
    return set(architecture_of(model).activation)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_training_that_goes_on_keeps_the_recipe_it_began_with():
    y = MANY[:, 0] > 0.5
    model = MLPClassifier(**ONE_EPOCH, warm_start=True).fit(MANY, y)
    shape = model.coefs_[0].shape
    for call in (model.fit, model.partial_fit, model.set_params(recipe="plain", learning_rate_init=1e-3).fit):
        assert call(MANY[:50], y[:50]).coefs_[0].shape[-2:] == shape[-2:]
        assert activations_of(model) == {"silu"}
    model = MLPClassifier(**ONE_EPOCH, warm_start=True).fit(MANY[:50], y[:50])
    assert model.fit(MANY, y).coefs_[0].shape == (2, 4, 128)


@pytest.mark.parametrize(
    ("n_rows", "epochs"), [(MANY_ROWS, 30), (ALL_EPOCHS, 30), (4 * ALL_EPOCHS, 15), (10**8, 3)]
)
def test_the_epochs_fall_as_the_root_of_the_rows(n_rows, epochs):
    assert recipe_for("modern", n_rows)["max_iter"] == epochs


@pytest.mark.parametrize(
    ("n_rows", "held_out"), [(MANY_ROWS, 500), (4 * MANY_ROWS, 1000), (100 * MANY_ROWS, 5000)]
)
def test_the_rows_held_out_grow_as_the_root_of_the_rows(n_rows, held_out):
    assert n_rows * recipe_for("modern", n_rows)["validation_fraction"] == pytest.approx(held_out)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("n_rows", "fraction"), [(100, 0.1), (4 * MANY_ROWS, 0.05)])
def test_a_warm_start_holds_out_a_fraction_of_its_own_rows(n_rows, fraction):
    """However many the first fit had: a fraction that suits a million rows leaves nothing of a hundred."""
    model = MLPClassifier(**ONE_EPOCH, warm_start=True).fit(MANY, MANY[:, 0] > 0.5)
    model._n_rows = 10**6
    settings, _ = settings_and_state(model, n_rows, continues=True, incremental=False)
    assert settings.validation_fraction == fraction


@pytest.mark.parametrize(
    ("members", "decays"), [(4, [0.1, 0.4, 1.6, 6.4]), (1, 0.8), (2, [0.1, 6.4]), (3, [0.1, 0.8, 6.4])]
)
def test_the_decays_are_spread_over_the_networks(members, decays):
    settings = settings_of(MLPClassifier(ensemble_size=members), MANY_ROWS)
    np.testing.assert_allclose(settings.decays, decays, rtol=1e-12)


def test_a_decay_is_chosen_that_suits_the_noise():
    """Labels that are drawn anew in 40 % of the rows need a strong decay, clean ones a weak one."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(6000, 20))
    clean = X[:, 0] + np.sin(3 * X[:, 1]) > 0
    noisy = np.where(rng.random(6000) < 0.4, rng.random(6000) < 0.5, X[:, 0] > 0)
    kept = [MLPClassifier(random_state=0).fit(X, y).ensemble_members_ for y in (clean, noisy)]
    assert 3 in kept[1]
    assert np.mean(kept[0]) < np.mean(kept[1])


def test_what_may_be_auto_is_in_the_recipes():
    """And in no place else: there is no "auto" without a value."""
    auto = {name for cls, _ in WITH_ADAM for name, value in cls().get_params().items() if value == "auto"}
    for recipe in (*RECIPES.values(), *WITH_MANY_ROWS.values()):
        assert auto - {"recipe"} == recipe.keys()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("change", [{"solver": "lbfgs"}, {"solver": "sgd"}, {"recipe": "plain"}], ids=str)
def test_a_warm_start_may_change_what_auto_depends_on(change):
    """As in scikit-learn: what is "auto" and describes the network is what the network has."""
    X, y = load_iris(return_X_y=True)
    model = MLPClassifier(warm_start=True, max_iter=3, random_state=0).fit(X, y)
    before = log_loss(y, model.predict_proba(X))
    model.set_params(**change, learning_rate_init=1e-4).fit(X, y)
    assert [W.shape[0] for W in model.coefs_] == [4] * 3
    assert log_loss(y, model.predict_proba(X)) < 1.01 * before


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("before", "after"), [(None, 3), (2, 1), (2, None)])
def test_a_warm_start_with_another_depth_is_refused(before, after):
    X, y = load_iris(return_X_y=True)
    model = MLPClassifier(depth=before, warm_start=True, max_iter=2).fit(X, y).set_params(depth=after)
    with pytest.raises(ValueError, match="hidden_layer_sizes and depth"):
        model.fit(X, y)


def test_a_subclass_may_have_a_constructor_of_its_own():
    class Small(MLPClassifier):
        def __init__(self, units=5, alpha=1e-3):
            super().__init__(units, alpha=alpha, max_iter=5)
            self.units = units

    assert clone(Small(units=6)).fit(*load_iris(return_X_y=True)).coefs_[0].shape[-1] == 6
