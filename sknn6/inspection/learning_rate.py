"""The learning rate range test."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, repeat

import numpy as np
from numpy.typing import ArrayLike
from scipy.signal import lfilter
from sklearn.base import BaseEstimator

from sknn6.annotations import Matrix
from sknn6.inspection.probe import Probe
from sknn6.inspection.progress import progress
from sknn6.inspection.wrappers import perceptron_and_input
from sknn6.nn.annotations import Array
from sknn6.nn.optimizers import OPTIMIZERS
from sknn6.threads import products_share_cores

__all__ = ["LearningRateRange", "learning_rate_range_test", "rising_rates", "try_rates"]

# The test makes as many updates as two epochs have, within these bounds.
FEWEST, MOST = 100, 300

# Decay rate of the exponential running mean of the loss.
SMOOTHING = 0.9

# The test ends when the running mean exceeds this many times its minimum.
RISEN = 4.0

# The suggested rate is the first at which this share of the total decrease of the running mean is reached.
FALLEN = 0.75


@dataclass(frozen=True, repr=False)
class LearningRateRange:
    """The loss along a training whose learning rate rises.

    Returned by `learning_rate_range_test`.

    Attributes
    ----------
    rates : ndarray of shape (n_updates,)
        The rate of each update, evenly spaced on a log scale, up to the highest or until the loss diverged.
    losses : ndarray of shape (n_updates,)
        The loss of each batch before its update, penalty included.
    smoothed : ndarray of shape (n_updates,)
        The exponential running mean of the losses, m = 0.9 m + 0.1 loss, divided by 1 - 0.9^t to correct for
        its start at 0.
    """

    rates: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray

    @property
    def suggestion(self) -> float:
        """The suggested rate: the lowest at which the running mean has made 75 % of its total decrease.

        NaN if the running mean never decreased.
        """
        start, least = self.smoothed[0], self.smoothed.min()
        if not least < start:
            return np.nan
        fallen = self.smoothed <= start - FALLEN * (start - least)
        return float(self.rates[fallen.argmax()])

    @property
    def bounds(self) -> tuple[float, float]:
        """The range of rates to search, (lowest, highest).

        It goes from a hundredth of the suggestion to the rate at which the running mean is smallest.
        """
        return self.suggestion / 100, float(self.rates[self.smoothed.argmin()])

    def __repr__(self) -> str:
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
    """Train for some updates with a rising learning rate, and record at which rates the loss falls [1]_.

    The number of updates is that of two epochs, but at least 100 and at most 300, and smaller if the loss
    diverges. The training starts from initial weights and makes one update per batch; all else but the
    schedule is as in `fit`.

    Parameters
    ----------
    estimator : MLPClassifier, MLPRegressor, or an estimator that trains one such network
        Its solver must be stochastic. It is not changed. A `ProgressBar` set on it shows the updates.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the samples.
    low, high : float, default=1e-5, 10.0
        The rates of the first update and of the last one, which is not reached if the loss diverges before.

    Returns
    -------
    LearningRateRange

    Raises
    ------
    TypeError
        If there is no multi-layer perceptron in the estimator, or there are several.
    ValueError
        If its solver is "lbfgs", low and high are not 0 < low < high, or the first loss is not finite.

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
    rates = rising_rates(probe, low, high)
    with progress(estimator, "learning_rate_range_test", len(rates)) as done:
        found = try_rates(probe, rates, done)
    if found is None:
        raise ValueError(
            "The estimator needs a finite loss with its initial weights, got infinity or NaN: standardise X, "
            f"or lower init_scale (it is {mlp.init_scale})."
        )
    return found


def rising_rates(probe: Probe, low: float = 1e-5, high: float = 10.0) -> Array:
    """Return the rates of the range test, one for each update."""
    return np.geomspace(low, high, int(np.clip(2 * len(probe.batches), FEWEST, MOST)))


def try_rates(
    probe: Probe, rates: Array, done: Callable[[], None] = lambda: None
) -> LearningRateRange | None:
    """Train with rising rates and return the LearningRateRange, or None if the first loss is not finite.

    `done` is called after each update.
    """
    losses = []
    with np.errstate(all="ignore"):
        for loss in rising(probe, rates):
            losses.append(loss)
            done()
    if not losses:
        return None
    return LearningRateRange(rates[: len(losses)], np.array(losses), running_mean(losses))


def rising(probe: Probe, rates: Array) -> Iterator[float]:
    """Train with the given rates in turn; yield the losses until one is not finite or they diverge."""
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


def running_mean(losses: list[float]) -> Array:
    """Return the exponential running mean of the losses, corrected for its start at 0."""
    t = np.arange(1, len(losses) + 1)
    return lfilter([1 - SMOOTHING], [1, -SMOOTHING], losses) / (1 - SMOOTHING**t)
