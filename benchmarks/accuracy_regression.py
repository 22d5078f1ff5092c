"""Compare the regressor's defaults with scikit-learn's on real data, part by part, and with other kinds.

    python benchmarks/accuracy_regression.py DATA --out regression.csv            all sets, three seeds
    python benchmarks/accuracy_regression.py --out regression.csv                 the tables of what is there

DATA is a folder of regressions as datasets.py reads it; at most 2000 rows to learn from and 4000 to be tested
on, one thread. scikit-learn's network gets standardised targets from outside, without which it is lost.

RMSE is divided by the deviation of the test targets, the mean absolute error by that of their median; seconds
are those of the processor in the fit. The tables give the geometric means over the sets of ratios, RMSE and
MAE with 0.01 added.
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
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.neural_network import MLPRegressor as SklearnMLP
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknn6 import MLPRegressor, Standardizer
from sknn6.estimators.recipes import MODERN_REGRESSION, PLAIN

N_TRAIN, N_TEST = 2000, 4000
OFFSET = 0.01
THEIRS, OURS = "scikit-learn's MLP, scaled targets", "defaults"


def scaled(random_state):
    """Return scikit-learn's network on standardised targets."""
    return TransformedTargetRegressor(SklearnMLP(random_state=random_state), transformer=StandardScaler())


def ablations():
    """Return regressors without a part of the recipe, by the values that take its place."""
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
    """Fit one model on one data set and return its errors and seconds."""
    X, X_test, y, y_test = datasets.split_numbers(folder, name, n_train=N_TRAIN, n_test=N_TEST, seed=seed)
    regressor = MODELS[label](random_state=seed)
    scaler = Standardizer() if isinstance(regressor, MLPRegressor) else StandardScaler()
    model = make_pipeline(datasets.columns(scaler), regressor)
    started = process_time()
    model.fit(X, y)
    seconds = process_time() - started
    residual = model.predict(X_test) - y_test
    return {
        "rmse": np.sqrt(np.mean(residual**2)) / y_test.std(),
        "mae": np.abs(residual).mean() / np.abs(y_test - np.median(y_test)).mean(),
        "seconds": seconds,
    }


def table(results, models, reference):
    """Return the geometric mean over the sets of each model's ratio to the reference, and mean ranks."""
    results, found = results[results["model"].isin(models)], {}
    for metric, offset in (("rmse", OFFSET), ("mae", OFFSET), ("seconds", 0.0)):
        values = results.pivot_table(metric, "data", "model", sort=False).dropna() + offset
        found[metric] = np.exp(np.log(values.div(values[reference], axis=0)).mean())
        found[f"rank {metric}"] = values.rank(axis=1).mean()
    return pd.DataFrame(found).rename_axis(f"to {reference}, {len(values)} sets")


def main():
    """Run what is asked for and is not there, then print the tables."""
    parser = arguments(__doc__, seeds="0,1,2")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS), metavar="MODEL")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    results = completed(args, "model", args.models, run)
    parts = list(ablations())
    print(table(results, [label for label in MODELS if label not in parts], THEIRS).round(3).to_string())
    print(table(results, [OURS, *parts], OURS).round(3).to_string())


if __name__ == "__main__":
    main()
