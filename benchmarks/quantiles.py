"""Measure the coverage of 10, 50 and 90 % quantiles of one network and of three gradient boosting models.

    python benchmarks/quantiles.py DATA --out quantiles.csv                         all sets, three seeds
    python benchmarks/quantiles.py DATA --names ames,boston --seeds 0 --out quantiles.csv
    python benchmarks/quantiles.py --out quantiles.csv                              table of existing results

DATA is a folder of regressions as datasets.py reads it; at most 2000 training rows and 4000 test rows.

The table has means over data sets and seeds: the share of the test targets at or below each quantile, the
share between the outer quantiles, the share of rows in which quantiles cross, and "off", the absolute
difference between the second of these and 0.8. The pinball losses are summed over the quantiles and given as
the geometric mean over the data sets of the ratio to gradient boosting.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import warnings

import datasets
import numpy as np
from records import arguments, completed
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import mean_pinball_loss

from sknn6 import MLPRegressor, Standardizer

QUANTILES = [0.1, 0.5, 0.9]
PEER = "HistGradientBoosting, three"


def network(X, y, X_test, seed):
    """Return the quantiles that one network predicts."""
    return MLPRegressor("quantile", quantile=QUANTILES, random_state=seed).fit(X, y).predict(X_test)


def boosting(X, y, X_test, seed):
    """Return the quantiles that gradient boosting predicts, with one model for each."""
    models = [
        HistGradientBoostingRegressor(loss="quantile", quantile=q, random_state=seed) for q in QUANTILES
    ]
    return np.column_stack([model.fit(X, y).predict(X_test) for model in models])


MODELS = {"MLPRegressor, one": network, PEER: boosting}


def run(folder, name, seed, label):
    """Train on one data set and return its line."""
    X, X_test, y, y_test = datasets.split_numbers(folder, name, seed=seed)
    columns = datasets.columns(Standardizer())
    X, X_test = np.asarray(columns.fit_transform(X)), np.asarray(columns.transform(X_test))
    predicted = MODELS[label](X, y, X_test, seed)
    covered = (predicted[:, 0] <= y_test) & (y_test <= predicted[:, -1])
    losses = [mean_pinball_loss(y_test, p, alpha=q) for p, q in zip(predicted.T, QUANTILES, strict=True)]
    return {
        **{f"{q:.0%}": np.mean(y_test <= p) for p, q in zip(predicted.T, QUANTILES, strict=True)},
        "between": covered.mean(),
        "crossing": np.mean((np.diff(predicted, axis=1) < 0).any(axis=1)),
        "loss": sum(losses),
    }


def table(results):
    """Return the means over data sets and seeds, with one row per model."""
    means = results.drop(columns=["data", "seed"]).groupby("model").mean()
    means["off"] = results.assign(off=(results["between"] - 0.8).abs()).groupby("model")["off"].mean()
    losses = results.groupby(["data", "model"])["loss"].mean().unstack()
    means["loss"] = np.exp(np.log(losses.div(losses[PEER], axis=0)).mean())
    return means


def main():
    """Run what is missing, then print the table."""
    args = arguments(__doc__, seeds="0,1,2").parse_args()
    warnings.filterwarnings("ignore")
    print(table(completed(args, "model", MODELS, run)).round(3).to_string())


if __name__ == "__main__":
    main()
