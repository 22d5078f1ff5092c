"""Symptoms of a training that went wrong: `fit` warns of them and says what to change.

Each symptom is a function of a Training that returns the text of a warning, or None.
"""

import warnings
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import check_scoring

from sknn6._sklearn_compat import takes_weights
from sknn6.nn.annotations import Array, Rows
from sknn6.nn.network import Network
from sknn6.nn.observe import NO_SLOPE, observed
from sknn6.nn.sample_weights import per_sample
from sknn6.training.settings import Settings
from sknn6.training.training import Training
from sknn6.warn import warn_user

__all__ = ["SYMPTOMS", "warn_of_symptoms"]

# Number of rows whose activations are examined together.
BLOCK = 32

# Share of dead units in a layer that leads to a warning. With a smaller share, a network may predict as well
# as any, see benchmarks/symptoms.py. Layers of fewer than FEWEST_UNITS units are not examined.
DEAD, FEWEST_UNITS = 0.95, 8

# The loss rose if the last one is more than this many times the first.
RISEN = 1.1

# With fewer validation rows, the loss is too uncertain for a warning.
FEWEST_ROWS = 30

# Targets are large, so that the network learns them slowly, if their mean or their deviation is above this.
LARGE = 10.0

# The input is nearly constant if its variance is below this share of its mean square.
VARYING = 0.01


def nearly_constant_input(training: Training) -> str | None:
    """Return a warning if the variance of the input is tiny compared with its mean square."""
    X = training.subsample
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
        f"Only {varying / square:.1g} of the mean square of X varies from row to row: its columns vary "
        f"little compared with their means, so the network hardly sees how rows differ. {change}"
    )


def weights_unchanged(training: Training) -> str | None:
    """Return a warning if no weight changed in the first epoch.

    Biases do not count: they start at 0, where even the smallest update changes them.
    """
    if not training.state.unchanged:
        return None
    return (
        "No update changed any weight: the gradients are zero, or learning_rate_init (it is "
        f"{training.settings.learning_rate_init}) is too small beside the weights."
    )


def loss_rose(training: Training) -> str | None:
    """Return a warning if the last loss is higher than that of the first epoch."""
    first, last = training.state.records[0]["loss"], training.state.records[-1]["loss"]
    if not 0 < RISEN * first < last:
        return None
    return (
        f"The loss rose from {first:.3g} in the first epoch to {last:.3g} in the last. Lower "
        f"learning_rate_init (it is {training.settings.learning_rate_init})."
    )


def dead_units(training: Training) -> str | None:
    """Return a warning if nearly all units of a hidden layer are dead."""
    shares = dead_shares(training.network, training.subsample)
    worst = max(range(len(shares)), key=shares.__getitem__, default=None)
    if worst is None or shares[worst] <= DEAD:
        return None
    change = advice(training.settings, "use activation='leaky_relu'", "batchnorm=True")
    return (
        f"{shares[worst]:.0%} of the units of hidden layer {worst + 1} are dead: they pass no gradient for "
        f"any row. {change}"
    )


def advice(settings: Settings, *others: str) -> str:
    """Return the advice to scale X, if it is not scaled, to lower the rate, if there is one, or others."""
    scale = [] if settings.input_scaling else ["set input_scaling=True"]
    rate = [f"lower learning_rate_init (it is {settings.learning_rate_init})"] if settings.stochastic else []
    text = ", or ".join([*scale, *rate, *others])
    return f"{text[0].upper()}{text[1:]}."


def dead_shares(network: Network, X: Rows) -> list[float]:
    """Return the share of dead units in each hidden layer, 0 for layers of few units."""
    observer, (*records, _) = observed(network)
    steepest: list[Array] = [np.zeros(())] * len(records)
    for start in range(0, X.shape[0], BLOCK):
        observer.predict(X[start : start + BLOCK])
        steepest = [
            np.maximum(slope, record.slopes().max(axis=-2))
            for slope, record in zip(steepest, records, strict=True)
        ]
    return [float((s < NO_SLOPE).mean()) if s.shape[-1] >= FEWEST_UNITS else 0.0 for s in steepest]


def worse_than_chance(training: Training) -> str | None:
    """Return a warning if the validation loss of a classifier was never below that of uniform guessing."""
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
        f"guessing. {advice(training.settings, 'lower init_scale')} If you gave X_val and y_val, see whether "
        "they belong together and are prepared as X is."
    )


def worse_than_mean(training: Training) -> str | None:
    """Return a warning if a regressor fits the training data worse than their mean does."""
    targets, batches = training.targets, training.batches
    if not targets.link.is_identity:
        return None
    rows = slice(None) if batches.rows is None else batches.rows
    y, weight = batches.y[rows], None if batches.weight is None else per_sample(batches.weight[rows])
    mean = np.average(y, axis=0, weights=weight)
    loss = min(record["loss"] for record in training.state.records)
    of_mean = targets.loss(np.broadcast_to(mean, y.shape).copy(), y, weight)[0] * targets.unit_of_loss
    if not 0 < RISEN * of_mean < loss:
        return None
    told = (
        f"The loss was never below {loss:.3g}, where predicting the mean of y for every row has "
        f"{of_mean:.3g}. "
    )
    if targets.scaling is not None:
        return told + advice(training.settings, "raise max_iter", "lower alpha and weight_decay")
    deviation = np.std(y, axis=0).max()
    if max(np.abs(mean).max(), deviation) < LARGE:
        return told + advice(training.settings, "raise max_iter")
    return told + (
        f"y has means up to {np.abs(mean).max():.3g} and deviations up to {deviation:.3g}, "
        "where about 1 is learned well. Set target_scaling=True."
    )


def no_better_than_constant(training: Training) -> str | None:
    """Return a warning if a constant prediction reaches the best validation score of early stopping."""
    state, scoring, validation = training.state, training.settings.scoring, training.validation
    if validation is None or validation.n_rows < FEWEST_ROWS or callable(scoring):
        return None
    y, weight, best = validation.given_y, validation.sample_weight, state.best_validation_score
    if not training.watches_validation or state.best is None or best is None or np.ndim(y) > 1:
        return None
    numbers = training.targets.are_numbers
    constant = score_of(DummyRegressor() if numbers else DummyClassifier(), scoring, y, weight)
    if not best <= constant:
        return None
    change = "try scoring='neg_log_loss' or 'average_precision', or class_weight='balanced'"
    if numbers:
        change = "set target_scaling=True, if it is False"
    return (
        f"The best validation score is {best:.3g}, and one and the same "
        f"prediction for every row has {constant:.3g}: the weights that early stopping kept may have learned "
        f"nothing. Unless y cannot be predicted from X, {change}."
    )


def score_of(dummy: Any, scoring: str | None, y: Array, weight: Array | None) -> float:
    """Return the score of a dummy model, which ignores X."""
    X = np.zeros((len(y), 1))
    scorer = check_scoring(dummy, scoring)
    takes = weight is not None and (scoring is None or takes_weights(scorer))
    weights = {"sample_weight": weight} if takes else {}
    with warnings.catch_warnings():  # for example, of classes that are never predicted
        warnings.simplefilter("ignore")
        return float(scorer(dummy.fit(X, y, **weights), X, y, **weights))


SYMPTOMS = [
    nearly_constant_input, weights_unchanged, loss_rose, dead_units, worse_than_chance, worse_than_mean,
    no_better_than_constant,
]  # fmt: skip


def warn_of_symptoms(training: Training) -> None:
    """Warn of each symptom that a finished training has."""
    for symptom in SYMPTOMS:
        message = symptom(training)
        if message is not None:
            warn_user(message, ConvergenceWarning)
