"""The learning rate range test."""

from dataclasses import dataclass
from itertools import chain, repeat

import numpy as np
from numpy.typing import ArrayLike
from scipy.signal import lfilter
from sklearn.base import BaseEstimator

from sknn6.annotations import Matrix
from sknn6.inspection.probe import Probe, perceptron_and_input
from sknn6.inspection.progress import progress
from sknn6.nn.optimizers import OPTIMIZERS
from sknn6.threads import products_share_cores

__all__ = ["LearningRateRange", "learning_rate_range_test"]

# Updates in two epochs, but not fewer or more than this.
FEWEST, MOST = 100, 300

# Weight of what was before in the running mean of the loss.
SMOOTHING = 0.9

# The test ends where the running mean has risen to so many times its smallest.
RISEN = 4.0

# The suggested rate is where the running mean has come down by this part of its way.
FALLEN = 0.75


@dataclass(frozen=True, repr=False)
class LearningRateRange:
    """The loss along a training whose learning rate rises.

    Made by `learning_rate_range_test`.

    Attributes
    ----------
    rates : ndarray of shape (n_updates,)
        Evenly spaced on a log scale, up to the highest or to where the loss ran away.
    losses : ndarray of shape (n_updates,)
        The penalised loss of each batch before its update.
    smoothed : ndarray of shape (n_updates,)
        The running mean of the losses, m = 0.9 m + 0.1 loss, divided by 1 - 0.9^t as it starts at 0.
    """

    rates: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray

    @property
    def suggestion(self) -> float:
        """The rate to take: the lowest at which the running mean has come down three quarters of its way.

        NaN if it has not come down.
        """
        start, least = self.smoothed[0], self.smoothed.min()
        if not least < start:
            return np.nan
        fallen = self.smoothed <= start - FALLEN * (start - least)
        return float(self.rates[fallen.argmax()])

    @property
    def bounds(self) -> tuple[float, float]:
        """The rates to search among, (lowest, highest).

        From a hundredth of the suggestion to the rate at which the running mean is smallest.
        """
        return self.suggestion / 100, float(self.rates[self.smoothed.argmin()])

    def __repr__(self):
        low, high = self.bounds
        return (
            f"suggested learning_rate_init {self.suggestion:.2g}, to be searched from {low:.1g} to {high:.1g}"
        )


@products_share_cores()
def learning_rate_range_test(
    estimator: BaseEstimator,
    X: Matrix,
    y: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    low: float = 1e-5,
    high: float = 10.0,
) -> LearningRateRange:
    """Train for two epochs while the learning rate rises, and see at which rates the loss comes down [1]_.

    Two epochs, or 100 updates where these are fewer, or 300 where they are more. The weights are fresh, and
    everything but the schedule is as in `fit`, with an update a batch.

    Parameters
    ----------
    estimator : MLPClassifier, MLPRegressor, or an estimator that trains one such network
        Its solver must be stochastic. It stays as it is. A `ProgressBar` that is set on it shows the updates.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the samples.
    low, high : float, default=1e-5, 10.0
        The rates of the first and, unless the loss runs away before, of the last update.

    Returns
    -------
    LearningRateRange

    Raises
    ------
    TypeError
        If there is no multi-layer perceptron in the estimator, or there are several.
    ValueError
        If its solver is "lbfgs", or low and high are not 0 < low < high.

    References
    ----------
    .. [1] Smith (2017), Cyclical Learning Rates for Training Neural Networks, arXiv:1506.01186, section 3.3.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sknn6 import MLPClassifier
    >>> from sknn6.inspection import learning_rate_range_test
    >>> X, y = load_digits(return_X_y=True)
    >>> found = learning_rate_range_test(MLPClassifier(random_state=0), X, y)
    >>> 0.005 < found.suggestion < 0.1
    True
    """
    if not 0 < low < high < np.inf:
        raise ValueError(f"low and high must be rates with 0 < low < high, got {low} and {high}.")
    mlp, X, y = perceptron_and_input(estimator, X, y, fresh=True)
    if mlp.solver not in OPTIMIZERS:
        raise ValueError(f"The solver must be one of {list(OPTIMIZERS)} to have a rate, got {mlp.solver!r}.")
    probe = Probe(mlp, X, y, sample_weight, fresh=True)
    rates = np.geomspace(low, high, int(np.clip(2 * len(probe.batches), FEWEST, MOST)))
    losses = []
    with np.errstate(all="ignore"), progress(estimator, "learning_rate_range_test", len(rates)) as done:
        for loss in rising(probe, rates):
            losses.append(loss)
            done()
    if not losses:
        raise ValueError("The loss is not a finite number at the start: standardise X, or lower init_scale.")
    return LearningRateRange(rates[: len(losses)], np.array(losses), running_mean(losses))


def rising(probe, rates):
    """Train with one rate after the other; yield the losses until one is not finite or they run away."""
    batches = chain.from_iterable(repeat(probe.batches))
    update, losses, least = probe.make_update(), [], np.inf
    for rate in rates:
        loss = probe.differentiate(next(batches))
        losses.append(loss)
        mean = running_mean(losses)[-1]
        least = min(least, mean)
        if not (np.isfinite(mean) and mean <= RISEN * least):
            return
        yield loss
        update(rate)


def running_mean(losses):
    """Return the running mean of losses, corrected for its start at 0."""
    t = np.arange(1, len(losses) + 1)
    return lfilter([1 - SMOOTHING], [1, -SMOOTHING], losses) / (1 - SMOOTHING**t)
