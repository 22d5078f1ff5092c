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
from time import process_time

import datasets
import numpy as np
import pandas as pd
from records import arguments, completed
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.neural_network import MLPClassifier as SklearnMLP
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknn6 import MLPClassifier, Standardizer
from sknn6.estimators.recipes import MODERN, PLAIN

N_TRAIN, N_TEST = 2000, 4000
OFFSET = 1e-3


def ablations():
    """Return parameters that take a part of the recipe away, by their label: each, some together, and all."""
    parts = [{name: PLAIN[name]} for name in MODERN if name in signature(MLPClassifier).parameters]
    parts += [{"input_scaling": True}]
    parts += [{name: PLAIN[name] for name in ("learning_rate", "learning_rate_init", "max_iter")}]
    parts += [{"hidden_layer_sizes": (100,)}]
    labelled = {", ".join(f"{name}={value}" for name, value in part.items()): part for part in parts}
    return labelled | {"all of them": {"recipe": "plain"} | parts[-1]}


THEIRS, OURS, HEAVY = "scikit-learn's MLP", "defaults", "ensemble_size=24, alpha=0.03"
ABLATIONS = {label: partial(MLPClassifier, **params) for label, params in ablations().items()}
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
    """Fit one model on one data set and give its scores and seconds."""
    X_train, X_test, y_train, y_test = datasets.split(folder, name, n_train=N_TRAIN, n_test=N_TEST, seed=seed)
    classifier = MODELS[label](random_state=seed)
    scaler = Standardizer() if isinstance(classifier, MLPClassifier) else StandardScaler()
    model = make_pipeline(datasets.columns(scaler), classifier)
    started = process_time()
    model.fit(X_train, y_train)
    seconds = process_time() - started
    error = 1 - model.score(X_test, y_test)
    return {"error": error, **losses(y_test, model.predict_proba(X_test)), "seconds": seconds}


def losses(y, P):
    """Return the log-loss and 1 - AUC of probabilities, none of them taken as less than 1e-7."""
    P = np.clip(P.astype(float), 1e-7, 1)
    P /= P.sum(axis=1, keepdims=True)
    labels = np.arange(P.shape[1])
    auc = roc_auc_score(y, P[:, 1] if len(labels) == 2 else P, multi_class="ovr", labels=labels)
    return {"log_loss": log_loss(y, P, labels=labels), "1-auc": 1 - auc}


def table(results, models, reference, **columns):
    """Return the geometric mean over the sets of each model's ratio to the reference, and more columns."""
    results, found = results[results["model"].isin(models)], {}
    for metric, offset in (("error", OFFSET), ("log_loss", OFFSET), ("1-auc", OFFSET), ("seconds", 0.0)):
        values = results.pivot_table(metric, ["data", "seed"], "model", sort=False).dropna()
        values = values.groupby("data").mean() + offset
        logarithms = np.log(values.div(values[reference], axis=0))
        found[metric] = np.exp(logarithms.mean())
        for name, column in columns.items():
            found[f"{name} {metric}"] = column(values, logarithms)
    return pd.DataFrame(found).rename_axis(f"to {reference}, {len(values)} sets")


def rank(values, logarithms):
    """Return the mean rank over the sets, 1 the lowest."""
    return values.rank(axis=1).mean()


def error(values, logarithms):
    """Return twice the standard error, over the sets, of the logarithm of the mean ratio."""
    return 2 * logarithms.sem()


def tables(results):
    """Return the tables: settings, other classifiers, and the recipe part by part, twice."""
    yield table(results, [THEIRS, OURS, HEAVY], THEIRS)
    yield table(results, [THEIRS, OURS, *PEERS], THEIRS, rank=rank)
    yield table(results, [THEIRS, OURS, *ABLATIONS], THEIRS)
    yield table(results, [OURS, *ABLATIONS], OURS, **{"±": error})


def main():
    """Run what is asked for and is not there, then print the tables."""
    parser = arguments(__doc__, seeds="0,1,2")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS), metavar="MODEL")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    for comparison in tables(completed(args, "model", args.models, run)):
        print(f"\n{comparison.round(3).to_string()}")


if __name__ == "__main__":
    main()
