"""Measure how often fit warns on real data, and what following the advice does to the test error.

    python benchmarks/symptoms.py DATA --out symptoms.csv                    all sets, one seed
    python benchmarks/symptoms.py DATA --names pima,yeast --out symptoms.csv
    python benchmarks/symptoms.py --out symptoms.csv                         tables of existing results

DATA is a folder as datasets.py reads it; at most 1000 training rows and 2000 test rows, which are also the
validation data. Each network is trained as it is. If `fit` warns, it is trained again with each change that
the warning advises, and with only another seed, to show how much is luck.

Here, `fit` warns of dead units from half of a layer on, so that the table by their share shows where the
threshold of the warning should be.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import re
import warnings
from itertools import pairwise

import datasets
import numpy as np
import pandas as pd
from records import arguments, completed

from sknn6 import MLPClassifier, Standardizer
from sknn6.estimators.settings import settings_of
from sknn6.training import symptoms

N_TRAIN, N_TEST = 1000, 2000
SHORT = {"recipe": "plain", "max_iter": 40}
# For each network, the scaler of the columns and the parameters.
NETWORKS = {
    "defaults": (Standardizer(), {}),
    "defaults, leaky ReLU": (Standardizer(), {"activation": "leaky_relu"}),
    "defaults, rate 0.2": (Standardizer(), {"learning_rate_init": 0.2}),
    "plain": (Standardizer(), SHORT),
    "plain, rate 0.1": (Standardizer(), SHORT | {"learning_rate_init": 0.1}),
    "plain, columns as they are": ("passthrough", SHORT),
    "SGD": (Standardizer(), SHORT | {"solver": "sgd"}),
}
# For each warning, a part of its text, and the changes that it advises.
ADVICE = {
    "swamped": ("Only ", ["input_scaling"]),
    "unchanged": ("No update changed", []),
    "rising": ("The loss rose", ["lower rate"]),
    "dead": ("of the units of hidden layer", ["lower rate", "leaky_relu", "batchnorm"]),
    "chance": ("on the validation data was never below", ["input_scaling", "alpha"]),
}


def changed(mlp, change):
    """Return the parameters that a change sets."""
    return {
        "another seed": {"random_state": mlp.random_state + 100},
        "input_scaling": {"input_scaling": True},
        "lower rate": {"learning_rate_init": settings_of(mlp).learning_rate_init / 5},
        "leaky_relu": {"activation": "leaky_relu"},
        "batchnorm": {"batchnorm": True},
        "alpha": {"alpha": 0.1},
    }[change]


def trained(mlp, data):
    """Train a network; return the test error and the texts of the warnings."""
    X, X_test, y, y_test = data
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        mlp.fit(X, y, X_val=X_test, y_val=y_test)
    return 1 - mlp.score(X_test, y_test), [str(warning.message) for warning in caught]


def run(folder, name, seed, label):
    """Train one network on one data set, and again as each warning advises; return its line."""
    scaler, parameters = NETWORKS[label]
    X, X_test, y, y_test = datasets.split(folder, name, n_train=N_TRAIN, n_test=N_TEST, seed=seed)
    columns = datasets.columns(scaler)
    data = np.asarray(columns.fit_transform(X)), np.asarray(columns.transform(X_test)), y, y_test
    mlp = MLPClassifier(**parameters, random_state=seed)
    error, texts = trained(mlp, data)
    told = {key: text for key, (sign, _) in ADVICE.items() for text in texts if sign in text}
    line = {"error": error, "told": " ".join(told), "dead": np.nan}
    line |= {change: np.nan for _, changes in ADVICE.values() for change in changes} | {
        "another seed": np.nan
    }
    if "dead" in told:
        line["dead"] = int(re.match(r"(\d+)%", told["dead"])[1]) / 100
    for change in {change for key in told for change in (*ADVICE[key][1], "another seed")}:
        line[change] = trained(MLPClassifier(**(mlp.get_params() | changed(mlp, change))), data)[0]
    return line


def outcomes(results, changes):
    """Return for each change how many runs it improves or worsens by over 0.005, and the mean errors."""
    rows = {}
    for change in changes:
        both = results.dropna(subset=[change])
        gain = both["error"] - both[change]
        rows[change] = {
            "runs": len(both), "better": (gain > 0.005).sum(), "worse": (gain < -0.005).sum(),
            "error": both["error"].mean(), "after": both[change].mean(),
        }  # fmt: skip
    return pd.DataFrame(rows).T


def show(title, results, key):
    """Print the outcomes of the changes that a warning advises."""
    print(f"\n{title}\n{outcomes(results, [*ADVICE[key][1], 'another seed']).round(4).to_string()}")


def main():
    """Run what is missing, then print the tables."""
    args = arguments(__doc__, seeds="0").parse_args()
    symptoms.DEAD = 0.5
    results = completed(args, "network", NETWORKS, run)
    results["told"] = results["told"].fillna("")
    for key in ADVICE:
        results[f"told {key}"] = results["told"].str.split().map(lambda told, key=key: key in told)
    print(results.groupby("network")[[f"told {key}" for key in ADVICE]].sum().to_string())
    for key in ADVICE:
        show(key, results[results[f"told {key}"]], key)
    for low, high in pairwise((0.5, 0.8, 0.95, 1.01)):
        show(f"dead, from {low:.0%} on", results[(low <= results["dead"]) & (results["dead"] < high)], "dead")


if __name__ == "__main__":
    main()
