"""What a training looks like when something is wrong with it, and what to change: the warnings of `fit`."""

import warnings

import numpy as np
from scipy.sparse import issparse
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import check_scoring

from sknn6._sklearn_compat import takes_weights
from sknn6.nn.observe import flat, observed
from sknn6.warn import warn_user

__all__ = ["SYMPTOMS", "warn_of_symptoms"]

# Rows that are looked at together.
BLOCK = 32

# A unit is dead where its slope is below this share of the steepest for every row. Leaky ReLU's 0.01 is above
# it: its units go on learning.
NO_SLOPE = 1e-3

# Share of dead units in a layer beyond which it is warned of. With fewer, a network may predict as well as
# any: benchmarks/symptoms.py tells what the changes do by this share. Layers of few units are left alone.
DEAD, FEWEST_UNITS = 0.95, 8

# The last loss of a training that went wrong is so many times the first.
RISEN = 1.1

# Of fewer validation rows the loss says little.
FEWEST_ROWS = 30

# Share of the mean square of the input that varies, below which the rest swamps it.
VARYING = 0.01


def swamped(training):
    """Columns that are nearly constant beside their size are most of the input."""
    X = training.sample
    if issparse(X):
        return None
    with np.errstate(all="ignore"):
        varying, square = np.var(X, axis=0, dtype=float).sum(), np.square(X, dtype=float).mean(axis=0).sum()
    if not 0 < varying < VARYING * square:
        return None
    change = "Put a Standardizer before the network, or set input_scaling=True."
    if training.settings.input_scaling:
        change = "The scaling of the input was learned from other data: fit anew with warm_start=False."
    return (
        f"Only {varying / square:.1g} of the mean square of X varies from row to row: its columns are nearly "
        f"constant beside their size, which hides what varies. {change}"
    )


def unchanged(training):
    """No update of the first epoch has changed a weight; biases, which start at 0, move by however little."""
    if not training.state.unchanged:
        return None
    return (
        "No update changed any weight: the gradients are zero, or learning_rate_init (it is "
        f"{training.settings.learning_rate_init}) is too small beside the weights."
    )


def rising(training):
    """The loss is higher at the end than after the first epoch."""
    first, last = training.state.records[0]["loss"], training.state.records[-1]["loss"]
    if not 0 < RISEN * first < last:
        return None
    return (
        f"The loss rose from {first:.3g} in the first epoch to {last:.3g} in the last. Lower "
        f"learning_rate_init (it is {training.settings.learning_rate_init})."
    )


def dead(training):
    """Most units of a hidden layer let no gradient pass."""
    shares = dead_shares(training.network, training.sample)
    worst = max(range(len(shares)), key=shares.__getitem__, default=None)
    if worst is None or shares[worst] <= DEAD:
        return None
    return (
        f"{shares[worst]:.0%} of the units of hidden layer {worst + 1} are dead: they pass no gradient for "
        f"any row. {lower_rate(training.settings)}use activation='leaky_relu' or batchnorm=True."
    )


def lower_rate(settings):
    """Return the advice to lower the rate, where the solver has one."""
    if not settings.stochastic:
        return "Scale X with a Standardizer, or "
    return f"Lower learning_rate_init (it is {settings.learning_rate_init}), or "


def dead_shares(network, X):
    """Return the share of dead units in each hidden layer, 0 for small ones."""
    twin, (*records, _) = observed(network)
    dead = [True] * len(records)
    for start in range(0, X.shape[0], BLOCK):
        twin.predict(X[start : start + BLOCK])
        for i, (layer, record) in enumerate((record.layer, record) for record in records):
            dead[i] &= flat(layer.activation, record.X, layer.learned_values(), NO_SLOPE).all(axis=-2)
    return [float(units.mean()) if units.shape[-1] >= FEWEST_UNITS else 0.0 for units in dead]


def worse_than_chance(training):
    """The validation data are predicted worse than by guessing."""
    validation, targets = training.validation, training.targets
    if targets.are_numbers or validation is None or validation.n_rows < FEWEST_ROWS:
        return None
    best = min(record["validation_loss"] for record in training.state.records)
    logits = np.zeros((len(validation.y), targets.n_outputs))
    guess = targets.loss(logits, validation.y, validation.weight)[0]
    if best < guess:
        return None
    return (
        f"The loss on the validation data was never below {best:.3g}, worse than the {guess:.3g} of "
        "guessing. See whether X_val and y_val belong together and are prepared as X is, or set "
        "input_scaling=True."
    )


def worse_than_mean(training):
    """A regressor predicts the training data worse than their mean does."""
    targets, y, weight = training.targets, training.batches.y, training.batches.weight
    if not targets.are_numbers or targets.out_activation != "identity":
        return None
    mean = np.average(y, axis=0, weights=weight)
    loss = min(record["loss"] for record in training.state.records)
    of_mean = targets.loss(np.broadcast_to(mean, y.shape).copy(), y, weight)[0] * targets.unit_of_loss
    if not 0 < RISEN * of_mean < loss:
        return None
    return (
        f"The loss was never below {loss:.3g}, where predicting the mean of y for every row has "
        f"{of_mean:.3g}. y has means up to {np.abs(mean).max():.3g} and deviations up to "
        f"{np.std(y, axis=0).max():.3g}, where about 1 is learned well. Scale it with "
        "TransformedTargetRegressor(regressor, transformer=StandardScaler()) of scikit-learn."
    )


def no_better_than_constant(training):
    """Early stopping kept weights that a constant prediction scores as high as."""
    state, scoring, validation = training.state, training.settings.scoring, training.validation
    if not training.watches_validation or validation.n_rows < FEWEST_ROWS or callable(scoring):
        return None
    labels, weight = validation.labels, validation.weight
    if state.best is None or np.ndim(labels) > 1:
        return None
    numbers = training.targets.are_numbers
    constant = score_of(DummyRegressor() if numbers else DummyClassifier(), scoring, labels, weight)
    if not state.best_validation_score <= constant:
        return None
    change = "try scoring='neg_log_loss' or 'average_precision', or class_weight='balanced'"
    if numbers:
        change = "scale y with TransformedTargetRegressor of scikit-learn"
    return (
        f"The best validation score is {state.best_validation_score:.3g}, and one and the same "
        f"prediction for every row has {constant:.3g}: the weights that early stopping kept may have learned "
        f"nothing. If that is not all there is to learn, {change}."
    )


def score_of(dummy, scoring, labels, weight):
    """Return the score of a model that does not look at X."""
    X = np.zeros((len(labels), 1))
    scorer = check_scoring(dummy, scoring)
    takes = weight is not None and (scoring is None or takes_weights(scorer))
    weights = {"sample_weight": weight} if takes else {}
    with warnings.catch_warnings():  # that no row is predicted to be of a class, for one
        warnings.simplefilter("ignore")
        return float(scorer(dummy.fit(X, labels, **weights), X, labels, **weights))


SYMPTOMS = [
    swamped, unchanged, rising, dead, worse_than_chance, worse_than_mean, no_better_than_constant
]  # fmt: skip


def warn_of_symptoms(training):
    """Warn, once each, of what is wrong with a training that has ended."""
    for symptom in SYMPTOMS:
        message = symptom(training)
        if message is not None:
            warn_user(message, ConvergenceWarning)
