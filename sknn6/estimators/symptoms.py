"""What a training looks like when something is wrong with it, and what to change: the warnings of `fit`."""

import numpy as np
from scipy.sparse import issparse
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning

from sknn6.estimators.warn import warn_user
from sknn6.nn.observe import flat, observed

__all__ = ["SAMPLE", "SYMPTOMS", "warn_of_symptoms"]

# Rows that are looked at, so many at a time.
SAMPLE, BLOCK = 64, 32

# Share of dead units in a layer beyond which it is warned of: where the data are simple, the defaults leave
# two thirds without work, and predict none the worse. Layers of few units are left alone.
DEAD, FEWEST_UNITS = 0.8, 8

# The last loss of a training that went wrong is so many times the first.
RISEN = 1.1

# Of fewer validation rows the loss says little.
FEWEST_ROWS = 30

# Share of the mean square of the input that varies, below which the rest swamps it.
VARYING = 0.01


def swamped(monitor):
    """Columns that are nearly constant beside their size are most of the input."""
    X = monitor.sample
    if issparse(X):
        return None
    with np.errstate(all="ignore"):
        varying, square = np.var(X, axis=0, dtype=float).sum(), np.square(X, dtype=float).mean(axis=0).sum()
    if not 0 < varying < VARYING * square:
        return None
    return (
        f"Only {varying / square:.1g} of the mean square of X varies from row to row: its columns are nearly "
        "constant beside their size, which hides what varies. Put a Standardizer before the network, or set "
        "input_scaling=True."
    )


def unchanged(monitor):
    """No update of the first epoch has changed a weight; biases, which start at 0, move by however little."""
    if not monitor.unchanged:
        return None
    return (
        "No update changed any weight: the gradients are zero, or learning_rate_init (it is "
        f"{monitor.estimator._value('learning_rate_init')}) is too small beside the weights."
    )


def rising(monitor):
    """The loss is higher at the end than after the first epoch."""
    first, last = monitor.records[0]["loss"], monitor.records[-1]["loss"]
    if not 0 < RISEN * first < last:
        return None
    return (
        f"The loss rose from {first:.3g} in the first epoch to {last:.3g} in the last. Lower "
        f"learning_rate_init (it is {monitor.estimator._value('learning_rate_init')})."
    )


def dead(monitor):
    """Most units of a hidden layer let no gradient pass."""
    shares = dead_shares(monitor.network, monitor.sample)
    worst = max(range(len(shares)), key=shares.__getitem__, default=None)
    if worst is None or shares[worst] <= DEAD:
        return None
    return (
        f"{shares[worst]:.0%} of the units of hidden layer {worst + 1} are dead: they pass no gradient for "
        f"any row. Lower learning_rate_init (it is {monitor.estimator._value('learning_rate_init')}), or use "
        "activation='leaky_relu' or batchnorm=True."
    )


def dead_shares(network, X):
    """Give the share of dead units in each hidden layer, 0 for small ones."""
    twin, (*records, _) = observed(network)
    dead = [True] * len(records)
    for start in range(0, X.shape[0], BLOCK):
        twin.predict(X[start : start + BLOCK])
        for i, (layer, record) in enumerate((record.layer, record) for record in records):
            dead[i] &= flat(layer.activation, record.X, layer.learned_values()).all(axis=-2)
    return [float(units.mean()) if units.shape[-1] >= FEWEST_UNITS else 0.0 for units in dead]


def worse_than_chance(monitor):
    """The validation data are predicted worse than by guessing."""
    if monitor.validation is None or monitor.validation.n_rows < FEWEST_ROWS:
        return None
    y, weight = monitor.validation.y, monitor.validation.weight
    best = min(record["validation_loss"] for record in monitor.records)
    guess = monitor.estimator._loss()(np.zeros((len(y), monitor.estimator.n_outputs_)), y, weight)[0]
    if not is_classifier(monitor.estimator) or best < guess:
        return None
    return (
        f"The loss on the validation data was never below {best:.3g}, worse than the {guess:.3g} of "
        "guessing. See whether X_val and y_val belong together and are prepared as X is; or raise alpha."
    )


SYMPTOMS = [swamped, unchanged, rising, dead, worse_than_chance]


def warn_of_symptoms(monitor):
    """Warn, once each, of what is wrong with a training that has ended."""
    for symptom in SYMPTOMS:
        message = symptom(monitor)
        if message is not None:
            warn_user(message, ConvergenceWarning)
