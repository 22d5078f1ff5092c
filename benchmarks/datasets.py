"""Real data sets for the benchmarks: read them from a folder, split them, and encode them for a network.

The folder has a file meta.json, which gives the file ("parts") and the "categorical" columns of each set. A
parquet file has the target in the column "__y__", an npz file has X and y.
"""

import json
import pathlib

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder, OneHotEncoder

RAREST_CLASS = 10  # smaller classes are left out


def names(folder):
    """Return the names of the data sets in a folder."""
    return list(json.loads((pathlib.Path(folder) / "meta.json").read_text()))


def read(folder, name):
    """Return the columns as a data frame, with the dtype category for categories, and the targets."""
    folder = pathlib.Path(folder)
    meta = json.loads((folder / "meta.json").read_text())[name]
    path = folder / meta["parts"][0]
    if path.suffix == ".npz":
        with np.load(path) as stored:
            X, y = pd.DataFrame(stored["X"].astype(np.float32)).add_prefix("x"), stored["y"]
    else:
        X = pd.read_parquet(path)
        y = X.pop("__y__")
    return X.astype({column: "category" for column in X if column in meta["categorical"]}), np.asarray(y)


def load(folder, name):
    """Return the columns as a data frame, and the classes as integers."""
    X, y = read(folder, name)
    y = LabelEncoder().fit_transform(y.astype(str))
    kept = np.bincount(y)[y] >= RAREST_CLASS
    return X[kept].reset_index(drop=True), LabelEncoder().fit_transform(y[kept])


def split(folder, name, *, seed, n_train=2000, n_test=4000):
    """Return X_train, X_test, y_train, y_test, stratified, with at most 70 % of the rows in training."""
    X, y = load(folder, name)
    n_train = min(n_train, int(0.7 * len(y)))
    n_test = min(n_test, len(y) - n_train)
    return train_test_split(X, y, train_size=n_train, test_size=n_test, stratify=y, random_state=seed)


def split_numbers(folder, name, *, seed, n_train=2000, n_test=4000):
    """Return X_train, X_test, y_train, y_test of a regression, with at most 80 % of the rows in training."""
    X, y = read(folder, name)
    n_train = min(n_train, int(0.8 * len(y)))
    n_test = min(n_test, len(y) - n_train)
    return train_test_split(X, y.astype(float), train_size=n_train, test_size=n_test, random_state=seed)


def columns(scaler):
    """Return a transformer that imputes, scales the numbers with a scaler and encodes the categories."""
    numbers = make_pipeline(SimpleImputer(strategy="median"), scaler)
    categories = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="missing"),
        OneHotEncoder(handle_unknown="ignore", sparse_output=False, min_frequency=5),
    )
    return ColumnTransformer(
        [
            ("numbers", numbers, make_column_selector(dtype_include=np.number)),
            ("categories", categories, make_column_selector(dtype_include="category")),
        ]
    )
