"""Compare the time that searches take in addition to the fits: sknn6's BayesSearchCV and scikit-optimize's.

    python benchmarks/search.py
    python benchmarks/search.py --n-iter 30,200

The estimator does nothing, so only the search takes time: models of the scores, the choice of the next point,
and scikit-learn's bookkeeping. There are eight mixed dimensions and one thread, and the searches take turns;
a figure is the median over the rounds of the ratio within a round. With 200 evaluations a round takes long,
almost all of it for scikit-optimize.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import warnings
from time import perf_counter

import numpy as np
import skopt
from command_line import parser_of
from sklearn.base import BaseEstimator, ClassifierMixin

from sknn6 import BayesSearchCV, MLPClassifier, search_space

NAMES = [
    "learning_rate_init",
    "hidden_layer_sizes",
    "depth",
    "activation",
    "alpha",
    "batch_size",
    "dropout",
    "batchnorm",
]


class Nothing(ClassifierMixin, BaseEstimator):
    """An estimator that takes no time, whose score depends on its parameters."""

    def __init__(
        self,
        learning_rate_init=1e-3,
        hidden_layer_sizes=100,
        depth=1,
        activation="relu",
        alpha=1e-4,
        batch_size=200,
        dropout=0.0,
        batchnorm=False,
    ):
        self.learning_rate_init, self.hidden_layer_sizes, self.depth = (
            learning_rate_init,
            hidden_layer_sizes,
            depth,
        )
        self.activation, self.alpha, self.batch_size = activation, alpha, batch_size
        self.dropout, self.batchnorm = dropout, batchnorm

    def fit(self, X, y):
        """Do nothing."""
        self.classes_ = np.unique(y)
        return self

    def score(self, X, y):
        """Return a smooth function of some parameters, higher for some activations."""
        return (
            -((np.log10(self.learning_rate_init) + 2.5) ** 2) / 10
            - (np.log2(self.hidden_layer_sizes) - 7) ** 2 / 50
            - self.dropout**2
            + 0.05 * (self.activation in ("elu", "gelu"))
        )


def seconds(kind, n_iter, seed):
    """Time a search."""
    available = search_space(MLPClassifier())
    space = {name: available[name] for name in NAMES}
    X, y = np.zeros((6, 1)), np.arange(6) % 2
    started = perf_counter()
    kind(Nothing(), space, n_iter=n_iter, cv=2, random_state=seed).fit(X, y)
    return perf_counter() - started


def main():
    """Measure each of the given numbers of evaluations and print a line for it."""
    parser = parser_of(__doc__)
    parser.add_argument("--n-iter", default="30", help="comma-separated numbers of evaluations")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    for n_iter in map(int, args.n_iter.split(",")):
        times = np.array(
            [
                [seconds(kind, n_iter, seed) for kind in (BayesSearchCV, skopt.BayesSearchCV)]
                for seed in range(args.rounds)
            ]
        )
        ours, stock = np.median(times, axis=0)
        ratio = np.median(times[:, 0] / times[:, 1])
        print(f"{n_iter:4d} evaluations: {ours:7.1f} s against {stock:7.1f} s, ratio {ratio:.2f}", flush=True)


if __name__ == "__main__":
    main()
