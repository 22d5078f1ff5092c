"""The workloads of the benchmarks of speed, and functions that time calls and epochs."""

from time import perf_counter
from typing import NamedTuple

import numpy as np

from sknn6 import MLPClassifier


class Workload(NamedTuple):
    """A data set's size and the network for it."""

    n_samples: int
    n_features: int
    hidden: tuple
    batch: int
    n_classes: int
    epochs: int

    def sizes(self):
        """Return the units of all layers, including input and output."""
        return [self.n_features, *self.hidden, self.n_classes]

    def data(self, seed=0):
        """Draw X, in float64, and y."""
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((self.n_samples, self.n_features))
        return X, rng.integers(0, self.n_classes, self.n_samples)


WORKLOADS = {
    "W1": Workload(1797, 64, (100,), 200, 10, epochs=60),
    "W2": Workload(20000, 50, (256, 256), 256, 10, epochs=2),
    "W3": Workload(20000, 784, (512, 256), 256, 10, epochs=1),
    "W4": Workload(5000, 20, (64, 64), 32, 3, epochs=12),
    "W5": Workload(20000, 20, (100,), 200, 3, epochs=12),
}


def plain(hidden, **params):
    """Return an MLPClassifier with the plain recipe, which has scikit-learn's values."""
    return MLPClassifier(hidden, **{"recipe": "plain"} | params)


def mean_seconds(function, X, calls):
    """Return the mean seconds of several calls ``function(X)``."""
    started = perf_counter()
    for _ in range(calls):
        function(X)
    return (perf_counter() - started) / calls


def estimator_epoch(cls, work, X, y, **params):
    """Return the seconds of an epoch of an estimator."""

    def fit(epochs):
        model = cls(work.hidden, batch_size=work.batch, max_iter=epochs, tol=0, n_iter_no_change=10**6,
                    random_state=0, **params)  # fmt: skip
        started = perf_counter()
        model.fit(X, y)
        return perf_counter() - started

    return (fit(work.epochs + 1) - fit(1)) / work.epochs
