"""Compare models on many data sets: fit one with its columns, and tabulate results as ratios to one model."""

from functools import partial
from time import process_time

import datasets
import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknn6 import MLPClassifier, MLPRegressor, Standardizer


def timed_fit(estimator, X, y):
    """Fit an estimator after imputing, scaling and encoding; return the pipeline and processor seconds.

    The scaler is the Standardizer for networks of sknn6, and scikit-learn's for all others.
    """
    ours = isinstance(estimator, MLPClassifier | MLPRegressor)
    model = make_pipeline(datasets.columns(Standardizer() if ours else StandardScaler()), estimator)
    started = process_time()
    model.fit(X, y)
    return model, process_time() - started


def with_each(kind, parts):
    """Return a constructor with the parameters of each part, by a label that names them."""
    return {
        ", ".join(f"{name}={value}" for name, value in part.items()): partial(kind, **part) for part in parts
    }


def table(results, models, reference, offsets, **columns):
    """Return the geometric mean over the data sets of each model's ratio to a reference model.

    Parameters
    ----------
    results : DataFrame
        One row for each data set, seed and model. Runs that some model lacks are left out.
    models : list of str
        The models to compare.
    reference : str
        One of them.
    offsets : dict of str to float
        The metrics, each with a number that is added to it before the division, so that a data set with a
        metric of almost 0 does not dominate the mean.
    **columns : callable
        Further columns for each metric: functions of the values and of the logarithms of the ratios.
    """
    results, found = results[results["model"].isin(models)], {}
    for metric, offset in offsets.items():
        values = results.pivot_table(metric, ["data", "seed"], "model", sort=False).dropna()
        values = values.groupby("data").mean() + offset
        logarithms = np.log(values.div(values[reference], axis=0))
        found[metric] = np.exp(logarithms.mean())
        for name, column in columns.items():
            found[f"{name} {metric}"] = column(values, logarithms)
    return pd.DataFrame(found).rename_axis(f"to {reference}, {len(values)} sets")


def rank(values, logarithms):
    """Return the mean rank over the data sets, 1 for the lowest value."""
    return values.rank(axis=1).mean()


def twice_standard_error(values, logarithms):
    """Return twice the standard error, over the data sets, of the logarithm of the mean ratio."""
    return 2 * logarithms.sem()


def interval(values):
    """Return the 95 % interval of the mean over the data sets (the rows), from 10000 bootstrap samples."""
    values = np.asarray(values)
    draws = np.random.default_rng(0).integers(len(values), size=(10_000, len(values)))
    return np.quantile(values[draws].mean(axis=1), (0.025, 0.975), axis=0)
