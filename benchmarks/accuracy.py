"""Compare the classifier's defaults with scikit-learn's network, other classifiers, and ablations.

    python benchmarks/accuracy.py DATA --out accuracy.csv                  all sets, three seeds
    python benchmarks/accuracy.py DATA --names pima,yeast --seeds 0 --out accuracy.csv
    python benchmarks/accuracy.py --out accuracy.csv                       tables of existing results

DATA is a folder as datasets.py reads it. All models have the same columns, the same rows (at most 2000 for
training and 4000 for testing) and one thread, and run one after the other; --models chooses among them by
their names in the tables. Existing results are not computed again.

Error, log-loss and AUC (one class against the rest, averaged) are those on the test rows; seconds are
processor time of the fit. The mean over the seeds is divided by that of a reference model, and the tables
have the geometric mean of this ratio over the data sets, from the runs that all models of the table have.
0.001 is added to errors, log-losses and 1 - AUC before the division, so that a set without errors does not
dominate. Ranks are means over the data sets, 1 for the lowest; ± is twice the standard error, over the data
sets, of the logarithm of the ratio.

The expected calibration error divides the rows by their largest probability into ten intervals; it is the
mean over the intervals, weighted by their rows, of |mean probability - accuracy| [1]_.

.. [1] Guo, Pleiss, Sun & Weinberger (2017), On Calibration of Modern Neural Networks, ICML 2017.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import warnings
from functools import partial
from inspect import signature

import datasets
import numpy as np
from comparison import rank, table, timed_fit, twice_standard_error, with_each
from records import arguments, completed
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.neural_network import MLPClassifier as SklearnMLP

from sknn6 import MLPClassifier
from sknn6.estimators.recipes import MODERN, PLAIN

# What is added to each metric before ratios are formed.
OFFSETS = {"error": 1e-3, "log_loss": 1e-3, "1-auc": 1e-3, "seconds": 0.0}


def ablations():
    """Return classifiers without a part of the recipe: each parameter, some together, and all."""
    parts = [{name: PLAIN[name]} for name in MODERN if name in signature(MLPClassifier).parameters]
    parts += [{"input_scaling": True}]
    parts += [{name: PLAIN[name] for name in ("learning_rate", "learning_rate_init", "max_iter")}]
    parts += [{"hidden_layer_sizes": (100,)}]
    return with_each(MLPClassifier, parts) | {
        "all of them": partial(MLPClassifier, **{"recipe": "plain"} | parts[-1])
    }


THEIRS, OURS, HEAVY = "scikit-learn's MLP", "defaults", "ensemble_size=24, alpha=0.03"
ABLATIONS = ablations()
PEERS = {
    "HistGradientBoosting": HistGradientBoostingClassifier,
    "RandomForest": RandomForestClassifier,
    "LogisticRegression": LogisticRegression,
}
MODELS = {
    THEIRS: SklearnMLP,
    OURS: MLPClassifier,
    HEAVY: partial(MLPClassifier, ensemble_size=24, alpha=0.03),
    **ABLATIONS,
    **PEERS,
}


def run(folder, name, seed, label):
    """Fit one model on one data set; return its scores and seconds."""
    X_train, X_test, y_train, y_test = datasets.split(folder, name, seed=seed)
    model, seconds = timed_fit(MODELS[label](random_state=seed), X_train, y_train)
    return {**scores_of(y_test, model.predict_proba(X_test)), "seconds": seconds}


def scores_of(y, P):
    """Return error, log-loss, 1 - AUC and calibration error of probabilities."""
    error = np.mean(P.argmax(axis=1) != y)
    return {"error": error, **losses(y, P), "ece": calibration_error(y, P)}


def calibration_error(y, P):
    """Return the expected calibration error of probabilities."""
    largest, right = P.max(axis=1), P.argmax(axis=1) == y
    interval = np.minimum(9, (10 * largest).astype(int))
    return sum(abs(np.sum((largest - right)[interval == i])) for i in range(10)) / len(y)


def losses(y, P):
    """Return the log-loss and 1 - AUC of probabilities, which are clipped to at least 1e-7."""
    P = np.clip(P.astype(float), 1e-7, 1)
    P /= P.sum(axis=1, keepdims=True)
    labels = np.arange(P.shape[1])
    auc = roc_auc_score(y, P[:, 1] if len(labels) == 2 else P, multi_class="ovr", labels=labels)
    return {"log_loss": log_loss(y, P, labels=labels), "1-auc": 1 - auc}


def tables(results):
    """Yield the tables: settings, other classifiers, and the ablations relative to each of two models."""
    yield table(results, [THEIRS, OURS, HEAVY], THEIRS, OFFSETS)
    yield table(results, [THEIRS, OURS, *PEERS], THEIRS, OFFSETS, rank=rank)
    yield table(results, [THEIRS, OURS, *ABLATIONS], THEIRS, OFFSETS)
    yield table(results, [OURS, *ABLATIONS], OURS, OFFSETS, **{"±": twice_standard_error})


def main():
    """Run what is missing, then print the tables."""
    args = arguments(__doc__, seeds="0,1,2", models=MODELS).parse_args()
    warnings.simplefilter("ignore")
    results = completed(args, "model", args.models, run)
    for comparison in tables(results):
        print(f"\n{comparison.round(3).to_string()}")
    print(f"\nmean calibration error\n{results.groupby('model')['ece'].mean().round(4).to_string()}")


if __name__ == "__main__":
    main()
