"""Compare the classifier's defaults with scikit-learn's on data of many rows, part by part.

    python benchmarks/accuracy_large.py DATA --names letter,magic,adult --out large.csv
    python benchmarks/accuracy_large.py --out large.csv                       the tables of what is there

As accuracy.py, with all rows but a fifth to learn from. The expected calibration error is the mean over ten
intervals of the largest probability, each weighted by its rows, of |mean probability - share of right
ones| [1]_.

.. [1] Guo, Pleiss, Sun & Weinberger (2017), On Calibration of Modern Neural Networks, ICML 2017.
"""

import accuracy  # first, for it limits the threads

import warnings  # isort: skip
from functools import partial
from time import process_time

import datasets
import numpy as np
from records import arguments, completed
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier as SklearnMLP
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknn6 import MLPClassifier, Standardizer
from sknn6.estimators.recipes import MODERN, MODERN_WITH_MANY_ROWS

THEIRS, OURS = accuracy.THEIRS, accuracy.OURS
FEWER_ROWS = {name: MODERN[name] for name, value in MODERN_WITH_MANY_ROWS.items() if value != MODERN[name]}
PARTS = [{name: value} for name, value in FEWER_ROWS.items()] + [FEWER_ROWS]
ABLATIONS = {
    ", ".join(f"{name}={value}" for name, value in part.items()): partial(MLPClassifier, **part)
    for part in PARTS
}
MODELS = {
    THEIRS: SklearnMLP,
    OURS: MLPClassifier,
    "HistGradientBoosting": HistGradientBoostingClassifier,
    **ABLATIONS,
}


def run(folder, name, seed, label):
    """Fit one model on one data set and give its scores and seconds."""
    X, y = datasets.load(folder, name)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, stratify=y, random_state=seed)
    classifier = MODELS[label](random_state=seed)
    scaler = Standardizer() if isinstance(classifier, MLPClassifier) else StandardScaler()
    model = make_pipeline(datasets.columns(scaler), classifier)
    started = process_time()
    model.fit(X_train, y_train)
    seconds = process_time() - started
    P = model.predict_proba(X_test)
    scores = {"error": np.mean(P.argmax(axis=1) != y_test), "ece": calibration_error(y_test, P)}
    return {**scores, **accuracy.losses(y_test, P), "seconds": seconds}


def calibration_error(y, P):
    """Return the expected calibration error of probabilities."""
    largest, right = P.max(axis=1), P.argmax(axis=1) == y
    interval = np.minimum(9, (10 * largest).astype(int))
    return sum(abs(np.sum((largest - right)[interval == i])) for i in range(10)) / len(y)


def main():
    """Run what is asked for and is not there, then print the tables."""
    parser = arguments(__doc__, seeds="0,1,2")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS), metavar="MODEL")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    results = completed(args, "model", args.models, run)
    peers = [label for label in MODELS if label not in ABLATIONS]
    print(results[results["model"].isin(peers)].pivot_table("ece", "data", "model").round(4).to_string())
    print(results[results["model"].isin(peers)].pivot_table("log_loss", "data", "model").round(4).to_string())
    print(accuracy.table(results, peers, THEIRS, rank=accuracy.rank).round(3).to_string())
    print(accuracy.table(results, [OURS, *ABLATIONS], OURS).round(3).to_string())


if __name__ == "__main__":
    main()
