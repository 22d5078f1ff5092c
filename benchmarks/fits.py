"""Time whole fits at the defaults on one thread and on all cores, beside gradient boosting.

    python benchmarks/fits.py
    python benchmarks/fits.py --only "20000 x 50" --rounds 9

The data are those of make_classification with five classes. BLAS and OpenMP have their default number of
threads; OMP_NUM_THREADS and similar variables must not be set. "One thread" is a fit while threadpoolctl
limits both to one. The fits take turns. A line has medians over the rounds: the seconds of `MLPClassifier` on
all cores, how many times as long it takes on one thread, how many times as long
HistGradientBoostingClassifier takes on all cores, and the errors of both models on as many other rows.
"""

import warnings
from contextlib import nullcontext
from time import perf_counter

import numpy as np
from command_line import parser_of
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits
from threads import refuse_limits

from sknn6 import MLPClassifier

SIZES = {"2000 x 20": (2000, 20), "20000 x 50": (20_000, 50), "100000 x 100": (100_000, 100)}
COLUMNS = ("seconds", "one thread", "HistGradientB.", "error", "its error")


def fit(cls, X, y, threads=None):
    """Return the seconds of a fit on the first half of the rows, and the error on the others."""
    n = len(X) // 2
    with nullcontext() if threads is None else threadpool_limits(threads):
        started = perf_counter()
        model = cls(random_state=0).fit(X[:n], y[:n])
        seconds = perf_counter() - started
    return seconds, 1 - model.score(X[n:], y[n:])


def measure(rows, features):
    """Return the columns of one round for data of so many rows and features."""
    X, y = make_classification(2 * rows, features, n_informative=features // 2, n_classes=5, random_state=0)
    ours, error = fit(MLPClassifier, X, y)
    alone, _ = fit(MLPClassifier, X, y, threads=1)
    trees, error_of_trees = fit(HistGradientBoostingClassifier, X, y)
    return ours, alone / ours, trees / ours, error, error_of_trees


def main():
    """Print a line for each size."""
    parser = parser_of(__doc__)
    parser.add_argument("--only", default="", help="part of the names of the sizes to measure")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    refuse_limits(parser)
    warnings.simplefilter("ignore")
    print(" " * 14 + "".join(f"{column:>16s}" for column in COLUMNS))
    for name, size in SIZES.items():
        if args.only in name:
            measure(200, 20)  # what is compiled or loaded at the first fit
            medians = np.median([measure(*size) for _ in range(args.rounds)], axis=0)
            print(f"{name:14s}" + "".join(f"{median:16.3f}" for median in medians), flush=True)


if __name__ == "__main__":
    main()
