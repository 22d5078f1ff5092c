"""Compare networks on data frames with networks on columns that are encoded by hand.

    python benchmarks/frames.py DATA --names adult,german_credit --out frames.csv
    python benchmarks/frames.py DATA --names hotel_rates,wage --many --out many.csv
    python benchmarks/frames.py DATA --names adult --missing --out missing.csv
    python benchmarks/frames.py --out frames.csv                            tables of existing results

DATA is a folder as datasets.py reads it, of classifications or regressions. All models have the same rows
(four fifths for training), the same seed and one thread.

The models "by hand", "rare apart" and "target encoded" are the same network after encoding: missing numbers
are replaced by the mean and get an indicator, and numbers are standardised; categories are encoded by
OneHotEncoder, by OneHotEncoder with min_frequency=5, or by TargetEncoder. Without an option, the frame and
"by hand" are compared.

--many joins the texts of the columns with the most categories, so that there are 1000 categories and more.
--missing removes 5, 20 and 50 % of each column: at random, or three times as often where a number is above
the median or a category is among the more frequent ones. It compares the frame with HistGradientBoosting.

The score is the log-loss of a classification, and the RMSE of a regression divided by the deviation of the
targets. With --missing, it is also divided by the model's own score without missing values, with the
geometric mean of that over the data sets.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import warnings
from functools import partial
from time import process_time

import datasets
import numpy as np
import pandas as pd
from records import arguments, completed
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder

from sknn6 import MLPClassifier, MLPRegressor, Standardizer

NUMBERS = make_column_selector(dtype_include=["number", "bool"])
CATEGORIES = make_column_selector(dtype_exclude=["number", "bool"])
FRAME, BY_HAND, RARE_APART, TARGETS, TREES = (
    "frame", "by hand", "rare apart", "target encoded", "HistGradientBoosting",
)  # fmt: skip
SHARES = 0.0, 0.05, 0.2, 0.5


def by_hand(network, encoder):
    """Return a pipeline that encodes the columns, with an encoder for the categories, before a network."""
    numbers = make_pipeline(SimpleImputer(add_indicator=True), Standardizer())
    categories = make_pipeline(SimpleImputer(strategy="constant", fill_value="?"), encoder, Standardizer())
    return make_pipeline(make_column_transformer((numbers, NUMBERS), (categories, CATEGORIES)), network)


def model(label, is_number, seed):
    """Return the model with a label."""
    if label == TREES:
        kind = HistGradientBoostingRegressor if is_number else HistGradientBoostingClassifier
        return kind(random_state=seed)
    network = (MLPRegressor if is_number else MLPClassifier)(random_state=seed)
    one_hot = partial(OneHotEncoder, sparse_output=False)
    encoders = {
        BY_HAND: one_hot(handle_unknown="ignore"),
        RARE_APART: one_hot(handle_unknown="infrequent_if_exist", min_frequency=5),
        TARGETS: TargetEncoder(random_state=seed),
    }
    return network if label == FRAME else by_hand(network, encoders[label])


def with_many_categories(X):
    """Return a frame in which the columns with the most categories are joined to one of 1000 or more."""
    text = X.select_dtypes(exclude=["number", "bool"]).astype(str)
    by_size = sorted(text, key=lambda name: -text[name].nunique())
    chosen, joined = [], pd.Series("", index=X.index)
    while by_size and joined.nunique() < 1000:
        chosen.append(by_size.pop(0))
        joined = joined + "|" + text[chosen[-1]]
    return X.drop(columns=chosen).assign(many=joined)


def with_gaps(X, share, at_random, rng):
    """Return a frame in which a share of each column is missing."""
    X = X.copy()
    for name in X:
        column = X[name]
        if at_random:
            chance = np.full(len(X), share)
        else:
            rank = column.rank() if column.dtype.kind in "fiub" else column.map(column.value_counts()).rank()
            often = (rank.astype(float) > rank.astype(float).median()).to_numpy()
            chance = np.where(often, 3.0, 1.0)
            chance *= share / chance.mean()
        X[name] = (column.astype(float) if column.dtype.kind in "iub" else column).mask(
            rng.random(len(X)) < chance
        )
    return X


def read(folder, name, change):
    """Return the frame, with strings for categories, the targets, and whether they are numbers."""
    X, y = datasets.read(folder, name)
    is_number = y.dtype.kind == "f"
    if not is_number:
        X, y = datasets.load(folder, name)
    X = X.astype({column: str for column in X if X[column].dtype.kind not in "fiub"})
    return change(X), y, is_number


def run(folder, name, seed, label, change=lambda X: X):
    """Fit one model on one data set and return its score, its errors and its seconds."""
    X, y, is_number = read(folder, name, change)
    strata = None if is_number else y
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.2, stratify=strata, random_state=seed
    )
    if label == TREES:  # it accepts no strings, and at most 255 categories
        columns = list(X.select_dtypes(exclude=["number", "bool"]))
        codes = OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=np.nan, max_categories=250
        ).set_output(transform="pandas")
        codes.fit(X_train[columns])
        X_train, X_test = (
            part.assign(**codes.transform(part[columns]).astype("category")) for part in (X_train, X_test)
        )
    chosen = model(label, is_number, seed)
    started = process_time()
    chosen.fit(X_train, y_train)
    seconds = process_time() - started
    if is_number:
        residuals = chosen.predict(X_test) - y_test
        rmse = np.sqrt(np.mean(residuals**2)) / y_test.std()
        return {"score": rmse, "error": np.nan, "seconds": seconds}
    P = chosen.predict_proba(X_test)
    return {"score": log_loss(y_test, P), "error": np.mean(P.argmax(1) != y_test), "seconds": seconds}


def run_missing(folder, name, seed, label):
    """Fit one model on data with missing values, as its label says; return as `run`."""
    kind, share, how = label.split(", ")
    rng = np.random.default_rng(seed)
    return run(folder, name, seed, kind, lambda X: with_gaps(X, float(share), how == "at random", rng))


def show(results):
    """Print the means over the seeds, and the geometric mean of the ratio to the first model."""
    means = results.groupby(["data", "model"], sort=False).mean(numeric_only=True)
    for measure in means.columns.drop("seed"):
        table = means[measure].unstack().dropna(how="all")
        ratios = table.add(1e-3).div(table.iloc[:, 0].add(1e-3), axis=0)
        shown = table.T.round(4).assign(ratio=np.exp(np.log(ratios).mean()).round(3))
        print(f"\n{measure}\n{shown.to_string()}")


def show_falls(results):
    """Print the scores of each kind of model divided by its score without missing values, and their ratio."""
    scores = results.groupby(["model", "data"], sort=False)["score"].mean().unstack()
    kinds = {kind: scores[scores.index.str.startswith(kind)] for kind in (FRAME, TREES)}
    for kind, of_kind in kinds.items():
        falls = of_kind / of_kind.loc[f"{kind}, {SHARES[0]}, at random"]
        print(f"\n{falls.assign(mean=geometric_mean(falls)).round(2).to_string()}")
    ratios = kinds[FRAME] / kinds[TREES].to_numpy()
    print(f"\nscore / that of {TREES}\n{geometric_mean(ratios).round(3).to_string()}")


def geometric_mean(table):
    """Return the geometric mean of each row."""
    return np.exp(np.log(table).mean(axis=1))


def main():
    """Run what is missing and print the tables."""
    parser = arguments(__doc__, seeds="0,1,2")
    parser.add_argument("--many", action="store_true", help="with columns of 1000 and more categories")
    parser.add_argument("--missing", action="store_true", help="with values taken away")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    labels, task = [BY_HAND, FRAME], run
    if args.many:
        labels, task = [RARE_APART, TARGETS, FRAME], partial(run, change=with_many_categories)
    elif args.missing:
        labels = [
            f"{kind}, {share}, {how}"
            for kind in (FRAME, TREES)
            for share in SHARES
            for how in ("at random", "not at random")[: 1 if share == 0 else 2]
        ]
        task = run_missing
    results = completed(args, "model", labels, task)
    show(results)
    if args.missing:
        show_falls(results)


if __name__ == "__main__":
    main()
