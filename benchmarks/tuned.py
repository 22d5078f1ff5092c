"""Compare the classifier's defaults with the result of a Bayesian search that starts from them, on real data.

    python benchmarks/tuned.py DATA --out tuned.csv                          all sets, two seeds
    python benchmarks/tuned.py DATA --names pima,yeast --seeds 0 --out tuned.csv
    python benchmarks/tuned.py --out tuned.csv                               table of existing results

DATA is a folder as datasets.py reads it; at most 2000 training rows and 4000 test rows. The search
is BayesSearchCV with 24 evaluations of search_space's default space, three folds, refitted with the best; the
estimator's own parameters are the first of the 24. Existing results are not computed again.

It prints the mean error on the test rows over data sets and seeds; the mean difference to the error of the
defaults and the geometric mean of the ratio to it, both with 95 % intervals from 10000 bootstrap samples of
the data sets; and the processor time in seconds.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import warnings
from time import process_time

import datasets
import numpy as np
from comparison import interval
from records import arguments, completed
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline

from sknn6 import BayesSearchCV, MLPClassifier, Standardizer, search_space

N_ITER = 24
OFFSET = 1e-3  # added to errors before they are divided, so that a set without errors does not decide alone


def defaults(pipeline, seed):
    """Return the pipeline unchanged."""
    return pipeline


def search(pipeline, seed):
    """Return a search that starts from the pipeline's own parameters."""
    cv = StratifiedKFold(3, shuffle=True, random_state=seed)
    return BayesSearchCV(pipeline, search_space(pipeline), n_iter=N_ITER, cv=cv, random_state=seed)


MODELS = {"defaults": defaults, "search": search}


def run(folder, name, seed, label):
    """Fit one model on one data set; return its line."""
    X_train, X_test, y_train, y_test = datasets.split(folder, name, seed=seed)
    # The columns are made once, and not by every fit of the search.
    columns = datasets.columns("passthrough").fit(X_train)
    pipeline = make_pipeline(Standardizer(), MLPClassifier(random_state=seed))
    started = process_time()
    model = MODELS[label](pipeline, seed).fit(columns.transform(X_train), y_train)
    seconds = process_time() - started
    return {"error": 1 - model.score(columns.transform(X_test), y_test), "seconds": seconds}


def main():
    """Run what is missing, then print the table."""
    args = arguments(__doc__, seeds="0,1").parse_args()
    warnings.simplefilter("ignore")
    results = completed(args, "model", MODELS, run)
    pairs = results.pivot_table(index=["data", "seed"], columns="model", values="error").dropna()
    errors = pairs.groupby("data").mean()
    difference = errors["search"] - errors["defaults"]
    ratio = np.log((errors["search"] + OFFSET) / (errors["defaults"] + OFFSET))
    print(f"\n{len(errors)} data sets, {len(pairs)} runs\nmean error\n{errors.mean().round(4).to_string()}")
    low, high = interval(difference)
    print(f"difference {difference.mean():.4f} ({low:.4f} to {high:.4f})")
    low, high = np.exp(interval(ratio))
    print(
        f"ratio {np.exp(ratio.mean()):.3f} ({low:.3f} to {high:.3f}), better on {(difference < 0).sum()} sets"
    )
    print(f"seconds, median\n{results.groupby('model')['seconds'].median().round(1).to_string()}")


if __name__ == "__main__":
    main()
