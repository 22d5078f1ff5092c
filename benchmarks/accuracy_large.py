"""Compare the classifier's defaults on data of many rows with scikit-learn's network and ablations.

    python benchmarks/accuracy_large.py DATA --names letter,magic,adult --out large.csv
    python benchmarks/accuracy_large.py --out large.csv                       tables of existing results

As accuracy.py, but with four fifths of the rows for training and one fifth for testing. LightGBM is compared
if it is installed.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import warnings
from functools import partial

import accuracy
import datasets
from comparison import rank, table, timed_fit, with_each
from records import arguments, completed
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier as SklearnMLP

from sknn6 import MLPClassifier
from sknn6.estimators.recipes import MODERN, MODERN_WITH_MANY_ROWS

try:
    from lightgbm import LGBMClassifier

    LIGHTGBM = {"LightGBM": partial(LGBMClassifier, n_jobs=1, verbose=-1)}
except ImportError:
    LIGHTGBM = {}

THEIRS, OURS = accuracy.THEIRS, accuracy.OURS
FEWER_ROWS = {name: MODERN[name] for name, value in MODERN_WITH_MANY_ROWS.items() if value != MODERN[name]}
# With many rows, a smaller fraction of them is held out.
FEWER_ROWS["validation_fraction"] = MODERN["validation_fraction"]
PARTS = [{name: value} for name, value in FEWER_ROWS.items()]
PARTS += [{"temperature_scaling": False}, FEWER_ROWS]
ABLATIONS = with_each(MLPClassifier, PARTS)
MODELS = {
    THEIRS: SklearnMLP,
    OURS: MLPClassifier,
    "HistGradientBoosting": HistGradientBoostingClassifier,
    **LIGHTGBM,
    **ABLATIONS,
}


def run(folder, name, seed, label):
    """Fit one model on one data set; return its scores and seconds."""
    X, y = datasets.load(folder, name)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, stratify=y, random_state=seed)
    model, seconds = timed_fit(MODELS[label](random_state=seed), X_train, y_train)
    return {**accuracy.scores_of(y_test, model.predict_proba(X_test)), "seconds": seconds}


def main():
    """Run what is missing, then print the tables."""
    args = arguments(__doc__, seeds="0,1,2", models=MODELS).parse_args()
    warnings.simplefilter("ignore")
    results = completed(args, "model", args.models, run)
    peers = [label for label in MODELS if label not in ABLATIONS]
    print(results[results["model"].isin(peers)].pivot_table("ece", "data", "model").round(4).to_string())
    print(results[results["model"].isin(peers)].pivot_table("log_loss", "data", "model").round(4).to_string())
    print(table(results, peers, THEIRS, accuracy.OFFSETS, rank=rank).round(3).to_string())
    print(table(results, [OURS, *ABLATIONS], OURS, accuracy.OFFSETS).round(3).to_string())


if __name__ == "__main__":
    main()
