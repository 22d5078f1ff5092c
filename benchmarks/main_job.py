"""Compare the time of README's main job, a whole search, with that of scikit-learn and scikit-optimize.

    python benchmarks/main_job.py
    python benchmarks/main_job.py --variants plain --exclude "" --rounds 9 --json main_job.json
    python benchmarks/main_job.py --variants "one network" --processes

The data are handwritten digits. Standardizer, Whitener and MLPClassifier in sknn6.BayesSearchCV are compared
with StandardScaler, PCA(whiten=True) and scikit-learn's MLPClassifier in skopt.BayesSearchCV. The two take
turns, and each round has its own seed. Data, folds, number of evaluations, refit, `n_jobs` and dimensions are
the same; BLAS has one thread in each fit. A figure is the median over the rounds: of the ratio of seconds
within a round, and of the accuracy on held-out digits.

The dimensions are those of `search_space` that scikit-learn's estimator also has: alpha, learning_rate_init
and activation (logistic, tanh or relu); with `--exclude ""` also batch_size and hidden_layer_sizes, which
README leaves out. README's space also has batchnorm, dropout and parameters of the preprocessing. Unless they
are searched, the hidden layers are 128-128 on both sides. The other parameters are:

- plain: sknn6 has scikit-learn's values, so that both train the same network, for at most 200 epochs in
  batches of 200, with the same stopping criterion;
- one network: sknn6 has `ensemble_size=1`, as in README, and its own defaults, which are 30 epochs of batches
  of 100; scikit-learn has its own, those of "plain";
- 30 epochs: the same, but scikit-learn has as many epochs at most and as large batches as sknn6;
- defaults: sknn6 has its own, which are four networks; scikit-learn has its own.

With `--processes`, sknn6's search is compared with itself: in threads, which it uses for this job if Numba is
installed; in new processes of joblib, as in a script with one search; and in processes that an earlier search
has started. All three find the same candidates and scores.

If a fit fails, scikit-optimize's search uses the score 0, because it cannot continue with NaN.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
os.environ["PYTHONWARNINGS"] = "ignore"  # in the processes of the fits

import json
import pathlib
import warnings
from contextlib import nullcontext
from time import perf_counter
from typing import NamedTuple

import numpy as np
import skopt
from command_line import parser_of
from joblib import parallel_config
from joblib.externals.loky import get_reusable_executor
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier as SklearnMLP
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from skopt.space import Categorical

from sknn6 import BayesSearchCV, MLPClassifier, Standardizer, Whitener, search_space
from sknn6.estimators.recipes import MODERN

SHARED = "activation", "alpha", "batch_size", "hidden_layer_sizes", "learning_rate_init"
ACTIVATIONS = "logistic", "tanh", "relu"


class Variant(NamedTuple):
    """The parameters of the two networks that are not searched."""

    ours: dict
    theirs: dict


VARIANTS = {
    "plain": Variant({"recipe": "plain"}, {}),
    "one network": Variant({"ensemble_size": 1}, {}),
    "30 epochs": Variant({"ensemble_size": 1}, {name: MODERN[name] for name in ("max_iter", "batch_size")}),
    "defaults": Variant({}, {}),
}


def ours(params, **search):
    """Return sknn6's search."""
    mlp = MLPClassifier((128, 128), random_state=0, **params)
    pipeline = Pipeline([("standardize", Standardizer()), ("whiten", Whitener()), ("mlp", mlp)])
    return BayesSearchCV(pipeline, **search)


def theirs(params, **search):
    """Return scikit-optimize's search with scikit-learn's estimators."""
    mlp = SklearnMLP((128, 128), random_state=0, **params)
    pipeline = Pipeline([("standardize", StandardScaler()), ("whiten", PCA(whiten=True)), ("mlp", mlp)])
    return skopt.BayesSearchCV(pipeline, error_score=0.0, **search)


def space(exclude):
    """Return new dimensions of the parameters that both networks have."""
    dimensions = search_space(MLPClassifier(), activation=Categorical(ACTIVATIONS))
    return {f"mlp__{name}": dimensions[name] for name in SHARED if name not in exclude}


def run(search, data):
    """Run a search; return the seconds and the accuracy on held-out rows."""
    X_train, X_test, y_train, y_test = data
    started = perf_counter()
    search.fit(X_train, y_train)
    return perf_counter() - started, search.score(X_test, y_test)


def digits():
    """Return digits to search on, and held-out ones."""
    X, y = load_digits(return_X_y=True)
    return train_test_split(X, y, stratify=y, random_state=0)


def measure_workers(variant, exclude, rounds, **settings):
    """Run sknn6's search in threads, new processes and these processes; give the seconds, (rounds, 3)."""
    data, seconds = digits(), []

    def one(seed, processes=False):
        search = ours(variant.ours, search_spaces=space(exclude), **settings, random_state=seed)
        with parallel_config("loky") if processes else nullcontext():
            taken, _ = run(search, data)
        return taken, search.cv_results_["mean_test_score"]

    one(0)  # loads what the process needs
    for seed in range(rounds):
        get_reusable_executor().shutdown(wait=True)
        times, scores = zip(one(seed), one(seed, processes=True), one(seed, processes=True), strict=True)
        assert all(np.array_equal(scores[0], other) for other in scores)
        seconds.append(times)
    return np.array(seconds)


def report_workers(args, settings):
    """Measure the variants asked for with each kind of workers, and print a line each."""
    results = {}
    for name in args.variants.split(","):
        seconds = measure_workers(VARIANTS[name], args.exclude.split(","), args.rounds, **settings)
        threads, new, old = np.median(seconds, axis=0)
        of_new, of_old = np.median(seconds[:, 1:] / seconds[:, :1], axis=0)
        print(
            f"{name:12s} threads {threads:.1f} s, new processes {new:.1f} s, ratio {of_new:.2f}; "
            f"processes that are there {old:.1f} s, ratio {of_old:.2f}",
            flush=True,
        )
        results[name] = {"seconds": seconds.tolist(), "ratios": [of_new, of_old]}
    return results


def measure(variant, exclude, rounds, **settings):
    """Run both searches in turn; return the seconds and the accuracies, each of shape (rounds, 2)."""
    data = digits()

    def both(**search):
        sides = (ours, variant.ours), (theirs, variant.theirs)
        return [run(side(params, search_spaces=space(exclude), **search), data) for side, params in sides]

    both(**settings | {"n_iter": 1, "random_state": 0})  # starts the processes and loads what they need
    results = np.array([both(**settings, random_state=seed) for seed in range(rounds)])
    return results[..., 0], results[..., 1]


def report(args, settings):
    """Measure the variants asked for against scikit-learn's and scikit-optimize's, and print a line each."""
    results = {}
    for name in args.variants.split(","):
        seconds, accuracies = measure(VARIANTS[name], args.exclude.split(","), args.rounds, **settings)
        ratio = float(np.median(seconds[:, 1] / seconds[:, 0]))
        results[name] = {
            "seconds": seconds.tolist(), "accuracies": accuracies.tolist(), "ratio": ratio
        }  # fmt: skip
        (our_s, their_s), (our_acc, their_acc) = np.median(seconds, axis=0), np.median(accuracies, axis=0)
        print(
            f"{name:12s} {our_s:7.1f} s against {their_s:7.1f} s, ratio {ratio:.2f}; "
            f"accuracy {our_acc:.3f} against {their_acc:.3f}",
            flush=True,
        )
    return results


def main():
    """Measure the variants asked for, print a line each, and write the file asked for."""
    parser = parser_of(__doc__)
    parser.add_argument("--variants", default=",".join(VARIANTS), help="comma-separated")
    parser.add_argument("--exclude", default="batch_size,hidden_layer_sizes", help="dimensions to leave out")
    parser.add_argument("--n-iter", type=int, default=16)
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--processes", action="store_true", help="time threads against processes instead")
    parser.add_argument("--json", type=pathlib.Path, help="file to write all seconds and accuracies to")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    settings = {"n_iter": args.n_iter, "cv": 3, "n_jobs": args.n_jobs}
    results = report_workers(args, settings) if args.processes else report(args, settings)
    if args.json:
        args.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
