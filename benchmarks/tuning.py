"""Compare searches with equal numbers of evaluations on real data sets.

    python benchmarks/tuning.py DATA --out tuning.csv                          all sets, five seeds
    python benchmarks/tuning.py DATA --names pima,yeast --seeds 0,1 --out tuning.csv
    python benchmarks/tuning.py --out tuning.csv                               tables of existing results

DATA is a folder as datasets.py reads it. Every search tunes the same pipeline in the same space on the same
folds: sknn6's BayesSearchCV, scikit-optimize's, RandomizedSearchCV, a grid in random order, and
optuna-integration's OptunaSearchCV (pip install optuna optuna-integration). Rows are few and the network is a
single one, so that all of it, about forty thousand fits, takes some hours on two cores. Existing results are
not computed again.

The CSV has one line per search: the best score of the cross-validation after 8, 16 and 24 evaluations, and
the accuracy on held-out rows of a pipeline refitted with the best parameters after 12 and 24. The tables have
the mean over the data sets, the mean rank among the searches, and the mean differences of both to random
search with 95 % intervals from 10000 bootstrap samples of the data sets, where the value of a data set is the
mean over its seeds.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import warnings
from time import perf_counter

import datasets
import numpy as np
import pandas as pd
import skopt
from comparison import interval
from records import arguments, completed, words
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, ParameterGrid, RandomizedSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline

from sknn6 import BayesSearchCV, MLPClassifier, Standardizer, search_space

N_ITER = 24
N_TRAIN, N_TEST = 600, 4000
SCORES = ("cv_8", "cv_16", "cv_24", "held_out_12", "held_out_24")
GRID = {
    "mlpclassifier__learning_rate_init": [1e-3, 5e-3, 2e-2],
    "mlpclassifier__hidden_layer_sizes": [64, 256],
    "mlpclassifier__alpha": [1e-4, 1e-1],
    "mlpclassifier__batchnorm": [False, True],
}


def scikit_learn_results(search, X, y):
    """Fit a search; return its parameters and mean scores, in the order of evaluation."""
    search.fit(X, y)
    return search.cv_results_["params"], search.cv_results_["mean_test_score"]


def ours(pipeline, cv, seed, X, y):
    """Search with sknn6's BayesSearchCV."""
    space = search_space(pipeline)
    return scikit_learn_results(
        BayesSearchCV(pipeline, space, n_iter=N_ITER, cv=cv, random_state=seed, refit=False), X, y
    )


def stock(pipeline, cv, seed, X, y):
    """Search with scikit-optimize's BayesSearchCV."""
    space = search_space(pipeline)
    return scikit_learn_results(
        skopt.BayesSearchCV(
            pipeline, space, n_iter=N_ITER, cv=cv, random_state=seed, refit=False, error_score=0.0
        ),
        X,
        y,
    )


def random(pipeline, cv, seed, X, y):
    """Search at random."""
    space = search_space(pipeline, as_distributions=True)
    return scikit_learn_results(
        RandomizedSearchCV(pipeline, space, n_iter=N_ITER, cv=cv, random_state=seed, refit=False), X, y
    )


def grid(pipeline, cv, seed, X, y):
    """Search a grid in random order, so that the best of its first points does not depend on its layout."""
    points = list(ParameterGrid(GRID))
    points = [points[i] for i in np.random.default_rng(seed).permutation(len(points))]
    one_each = [{name: [value] for name, value in point.items()} for point in points]
    return scikit_learn_results(GridSearchCV(pipeline, one_each, cv=cv, refit=False), X, y)


def optuna(pipeline, cv, seed, X, y):
    """Search with optuna's default sampler, a tree-structured Parzen estimator."""
    from optuna import logging
    from optuna_integration import OptunaSearchCV

    logging.set_verbosity(logging.ERROR)
    space = search_space(pipeline, as_distributions="optuna")
    search = OptunaSearchCV(
        pipeline, space, n_trials=N_ITER, cv=cv, random_state=seed, refit=False, error_score=0.0
    )
    search.fit(X, y)
    return [trial.params for trial in search.trials_], [trial.value for trial in search.trials_]


SEARCHES = {"sknn6": ours, "scikit-optimize": stock, "random": random, "grid": grid, "optuna": optuna}


def run(folder, name, seed, label):
    """Run one search on one data set; return its line."""
    X_train, X_test, y_train, y_test = datasets.split(folder, name, n_train=N_TRAIN, n_test=N_TEST, seed=seed)
    # The columns are made once, and not by every fit of every search.
    columns = datasets.columns("passthrough").fit(X_train)
    X_train, X_test = columns.transform(X_train), columns.transform(X_test)
    network = MLPClassifier(ensemble_size=1, random_state=seed)
    pipeline = make_pipeline(Standardizer(), network)
    cv = StratifiedKFold(3, shuffle=True, random_state=seed)
    started = perf_counter()
    params, scores = SEARCHES[label](pipeline, cv, seed, X_train, y_train)
    seconds = perf_counter() - started
    scores = np.nan_to_num(np.asarray(scores, dtype=float))
    line = {"seconds": seconds} | {f"cv_{n}": float(scores[:n].max()) for n in (8, 16, 24)}
    for n in (12, 24):
        best = clone(pipeline).set_params(**params[int(np.argmax(scores[:n]))])
        line[f"held_out_{n}"] = best.fit(X_train, y_train).score(X_test, y_test)
    return line


def tables(results):
    """Yield for each score its name, the number of data sets, and a table of the searches."""
    for score in SCORES:
        means = results.pivot_table(index="data", columns="search", values=score).dropna()
        differences = means.sub(means["random"], axis=0)
        low, high = interval(differences)
        ranks = results.pivot_table(index=["data", "seed"], columns="search", values=score).dropna()
        ranks = ranks.rank(axis=1, ascending=False).groupby("data").mean()
        rank_low, rank_high = interval(ranks.sub(ranks["random"], axis=0))
        table = {
            "mean": means.mean(),
            "to random": differences.mean(),
            "low": low,
            "high": high,
            "rank": ranks.mean(),
            "rank low": rank_low,
            "rank high": rank_high,
        }
        yield score, len(means), pd.DataFrame(table).sort_values("rank")


def main():
    """Run what is missing, then print the tables."""
    parser = arguments(__doc__, seeds="0,1,2,3,4")
    parser.add_argument("--searches", type=words, default=list(SEARCHES))
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    results = completed(args, "search", args.searches, run)
    for score, n_sets, table in tables(results):
        print(f"\n{score}, {n_sets} data sets\n{table.round(4).to_string()}")
    print(f"\nseconds a search, median\n{results.groupby('search')['seconds'].median().round(1).to_string()}")


if __name__ == "__main__":
    main()
