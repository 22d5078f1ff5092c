"""Compare the classifier's defaults with scikit-learn's on real data, part by part, and with other kinds.

    python benchmarks/accuracy.py DATA --out accuracy.csv                  all sets, three seeds
    python benchmarks/accuracy.py DATA --names pima,yeast --seeds 0 --out accuracy.csv
    python benchmarks/accuracy.py --out accuracy.csv                       the tables of what is there

DATA is a folder as datasets.py reads it. All models get the same rows, at most 2000 to learn from and 4000 to
be tested on, the same columns, and one thread, and take turns; --models chooses among them by the names in
the tables. What is there already is not run again.

Error, log-loss and AUC (one class against the rest, averaged) are of the test rows; seconds are those of the
processor in the fit. Means over the seeds are divided by another model's, and the tables give the geometric
mean of that over the sets, from what all models of the table have: errors, log-losses and 1 - AUC with 0.001
added, so that a set without errors does not decide alone. The ranks are means over the sets, 1 the lowest;
± is twice the standard error, over the sets, of the logarithm of the ratio.
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
    scores = {"error": 1 - model.score(X_test, y_test)}
    return {**scores, **losses(y_test, model.predict_proba(X_test)), "seconds": seconds}


def losses(y, P):
    """Return the log-loss and 1 - AUC of probabilities, none of them taken as less than 1e-7."""
    P = np.clip(P.astype(float), 1e-7, 1)
    P /= P.sum(axis=1, keepdims=True)
    labels = np.arange(P.shape[1])
    auc = roc_auc_score(y, P[:, 1] if len(labels) == 2 else P, multi_class="ovr", labels=labels)
    return {"log_loss": log_loss(y, P, labels=labels), "1-auc": 1 - auc}


def tables(results):
    """Return the tables: settings, other classifiers, and the recipe part by part, twice."""
    yield table(results, [THEIRS, OURS, HEAVY], THEIRS, OFFSETS)
    yield table(results, [THEIRS, OURS, *PEERS], THEIRS, OFFSETS, rank=rank)
    yield table(results, [THEIRS, OURS, *ABLATIONS], THEIRS, OFFSETS)
    yield table(results, [OURS, *ABLATIONS], OURS, OFFSETS, **{"±": twice_standard_error})


def main():
    """Run what is asked for and is not there, then print the tables."""
    args = arguments(__doc__, seeds="0,1,2", models=MODELS).parse_args()
    warnings.simplefilter("ignore")
    for comparison in tables(completed(args, "model", args.models, run)):
        print(f"\n{comparison.round(3).to_string()}")


if __name__ == "__main__":
    main()
