"""Compute what racing would save in a search and what it would lose, from the scores of whole searches.

    python benchmarks/racing.py DATA --out racing.csv
    python benchmarks/racing.py --out racing.csv                               the table of what is there

DATA is a folder as datasets.py reads it. The searches are those of tuning.py by sknn6's BayesSearchCV: 600
rows, one network, 24 candidates, three folds. What is there already is not run again.

Racing drops a candidate after its first fold if its score there is below that of the best candidate so far by
more than c times the standard deviation of the best one's folds. The first three candidates are never
dropped. What a search would have proposed after a candidate with one score in place of three is not known, so
the candidates are those of the whole search.

The table has, as means over the searches, the share of the candidates that are dropped; the time of the fits,
as a part of that of the whole search, with one, two and three fits side by side, where a candidate's other
folds wait for its first; how often the best candidate is the same; and how many points lower the mean score
and the accuracy on held-out rows of the best one are.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import json
import math
import warnings

import datasets
import numpy as np
import pandas as pd
from records import arguments, completed
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from tuning import N_ITER, N_TEST, N_TRAIN

from sknn6 import BayesSearchCV, MLPClassifier, Standardizer, search_space

FOLDS = 3
SPREADS = (0.0, 0.5, 1.0, 2.0)
NEVER_DROPPED = 3


def run(folder, name, seed, label):
    """Search on one data set; return scores of the folds, seconds of a fold, accuracies on held-out rows."""
    X_train, X_test, y_train, y_test = datasets.split(folder, name, n_train=N_TRAIN, n_test=N_TEST, seed=seed)
    columns = datasets.columns("passthrough").fit(X_train)
    X_train, X_test = columns.transform(X_train), columns.transform(X_test)
    pipeline = make_pipeline(Standardizer(), MLPClassifier(ensemble_size=1, random_state=seed))
    cv = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    params = {"n_iter": N_ITER, "cv": cv, "random_state": seed, "refit": False}
    results = BayesSearchCV(pipeline, search_space(pipeline), **params).fit(X_train, y_train).cv_results_
    fitted = [clone(pipeline).set_params(**params).fit(X_train, y_train) for params in results["params"]]
    line = {
        "scores": np.transpose([results[f"split{i}_test_score"] for i in range(FOLDS)]),
        "seconds": results["mean_fit_time"] + results["mean_score_time"],
        "held_out": np.array([model.score(X_test, y_test) for model in fitted]),
    }
    return {what: json.dumps(np.nan_to_num(values).tolist()) for what, values in line.items()}


def race(scores, spreads):
    """Return whether each candidate is dropped after its first fold, given all (candidates, folds)."""
    dropped, whole = np.zeros(len(scores), bool), []
    for i, own in enumerate(scores):
        if len(whole) >= NEVER_DROPPED:
            best = max(whole, key=np.mean)
            dropped[i] = own[0] < best[0] - spreads * best.std()
        if not dropped[i]:
            whole.append(own)
    return dropped


def outcome(scores, seconds, held_out, spreads):
    """Return the line of the table for one search."""
    dropped = race(scores, spreads)
    means = scores.mean(axis=1)
    best, found = np.argmax(means), np.argmax(np.where(dropped, -np.inf, means))
    line = {"dropped": dropped.mean()}
    for n_jobs in (1, 2, 3):
        rest = math.ceil((FOLDS - 1) / n_jobs)
        raced = (seconds * np.where(dropped, 1, 1 + rest)).sum()
        line[f"time, {n_jobs} at a time"] = raced / (seconds * math.ceil(FOLDS / n_jobs)).sum()
    return line | {
        "same best": best == found,
        "score lost": 100 * (means[best] - means[found]),
        "held-out lost": 100 * (held_out[best] - held_out[found]),
    }


def main():
    """Run what is asked for and is not there, then print the table."""
    args = arguments(__doc__, seeds="0,1").parse_args()
    warnings.simplefilter("ignore")
    results = completed(args, "search", ["sknn6"], run)
    searches = [
        [np.array(json.loads(line[what])) for what in ("scores", "seconds", "held_out")]
        for line in results.to_dict("records")
    ]
    table = {
        f"c = {c}": pd.DataFrame([outcome(*search, c) for search in searches]).astype(float).mean()
        for c in SPREADS
    }
    print(f"{len(searches)} searches on {results['data'].nunique()} data sets")
    print(pd.DataFrame(table).T.round(3).to_string())


if __name__ == "__main__":
    main()
