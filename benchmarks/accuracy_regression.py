"""Compare the regressor's defaults with scikit-learn's network, other regressors, and ablations.

    python benchmarks/accuracy_regression.py DATA --out regression.csv            all sets, three seeds
    python benchmarks/accuracy_regression.py --out regression.csv                 tables of existing results

DATA is a folder of regressions as datasets.py reads it; at most 2000 training rows and 4000 test rows,
on one thread. scikit-learn's network gets standardised targets, without which it learns little.

RMSE is divided by the standard deviation of the test targets, the mean absolute error by that of their
median; seconds are processor time of the fit. The tables have the geometric means over the data sets of the
ratios to a reference model; 0.01 is added to RMSE and MAE before the division.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import warnings
from functools import partial
from inspect import signature

import datasets
import numpy as np
from comparison import rank, table, timed_fit
from records import arguments, completed
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.neural_network import MLPRegressor as SklearnMLP
from sklearn.preprocessing import StandardScaler

from sknn6 import MLPRegressor
from sknn6.estimators.recipes import MODERN_REGRESSION, PLAIN

# What is added to each metric before ratios are formed.
OFFSETS = {"rmse": 0.01, "mae": 0.01, "seconds": 0.0}
THEIRS, OURS = "scikit-learn's MLP, scaled targets", "defaults"


def scaled(random_state):
    """Return scikit-learn's network on standardised targets."""
    return TransformedTargetRegressor(SklearnMLP(random_state=random_state), transformer=StandardScaler())


def ablations():
    """Return regressors with one parameter of the recipe replaced by its plain value, by that value."""
    parts = [
        {name: PLAIN[name]}
        for name, value in MODERN_REGRESSION.items()
        if name in signature(MLPRegressor).parameters and value != PLAIN[name]
    ]
    return {str(part)[1:-1]: partial(MLPRegressor, **part) for part in parts}


MODELS = {
    THEIRS: scaled,
    OURS: MLPRegressor,
    "HistGradientBoosting": HistGradientBoostingRegressor,
    "RandomForest": RandomForestRegressor,
    **ablations(),
}


def run(folder, name, seed, label):
    """Fit one model on one data set; return its errors and seconds."""
    X, X_test, y, y_test = datasets.split_numbers(folder, name, seed=seed)
    model, seconds = timed_fit(MODELS[label](random_state=seed), X, y)
    residual = model.predict(X_test) - y_test
    return {
        "rmse": np.sqrt(np.mean(residual**2)) / y_test.std(),
        "mae": np.abs(residual).mean() / np.abs(y_test - np.median(y_test)).mean(),
        "seconds": seconds,
    }


def main():
    """Run what is missing, then print the tables."""
    args = arguments(__doc__, seeds="0,1,2", models=MODELS).parse_args()
    warnings.simplefilter("ignore")
    results = completed(args, "model", args.models, run)
    parts = list(ablations())
    peers = [label for label in MODELS if label not in parts]
    print(table(results, peers, THEIRS, OFFSETS, rank=rank).round(3).to_string())
    print(table(results, [OURS, *parts], OURS, OFFSETS, rank=rank).round(3).to_string())


if __name__ == "__main__":
    main()
