"""Compare the rate that learning_rate_range_test suggests with the best of nine rates, on real data.

    python benchmarks/learning_rate.py DATA --out rates.csv                         all sets, two seeds
    python benchmarks/learning_rate.py DATA --names pima,yeast --seeds 0 --out rates.csv
    python benchmarks/learning_rate.py --out rates.csv                              table of existing results

DATA is a folder as datasets.py reads it; at most 2000 training rows and 4000 test rows. Each
network is trained at the suggested rate and at nine rates from 1e-4 to 1, and scored by its accuracy on the
test rows. The best of the nine is chosen on the same test rows, so its accuracy is optimistic.

The table gives the share of the runs in which the suggested rate is within 0.02 of the best of the grid, and
the mean and the largest difference.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import warnings

import datasets
import numpy as np
from records import arguments, completed

from sknn6 import MLPClassifier, Standardizer
from sknn6.inspection import learning_rate_range_test

GRID = np.geomspace(1e-4, 1, 9)
NETWORKS = {
    "defaults": {},
    "one plain network, Adam": {"recipe": "plain", "max_iter": 30},
    "one network, SGD": {"solver": "sgd", "learning_rate": "cosine", "max_iter": 30},
}


def run(folder, name, seed, label):
    """Train one network on one data set at all rates; return its line."""
    X_train, X_test, y_train, y_test = datasets.split(folder, name, seed=seed)
    columns = datasets.columns(Standardizer())
    X_train, X_test = np.asarray(columns.fit_transform(X_train)), np.asarray(columns.transform(X_test))
    mlp = MLPClassifier(**NETWORKS[label], random_state=seed)

    def accuracy(rate):
        return mlp.set_params(learning_rate_init=float(rate)).fit(X_train, y_train).score(X_test, y_test)

    suggestion = learning_rate_range_test(mlp, X_train, y_train).suggestion
    grid = [accuracy(rate) for rate in GRID]
    best = int(np.argmax(grid))
    return {
        "suggestion": suggestion,
        "accuracy": accuracy(suggestion),
        "best_rate": GRID[best],
        "best_accuracy": grid[best],
    }


def main():
    """Run what is missing, then print the table."""
    args = arguments(__doc__, seeds="0,1").parse_args()
    warnings.simplefilter("ignore")
    results = completed(args, "network", NETWORKS, run)
    results["short"] = results["best_accuracy"] - results["accuracy"]
    table = results.groupby("network")["short"].agg(
        within=lambda short: (short <= 0.02).mean(), mean="mean", largest="max", runs="size"
    )
    print(table.round(4).to_string())


if __name__ == "__main__":
    main()
