"""Compare networks and gradient boosting by the deviance of counts and of positive amounts.

    python benchmarks/counts.py

The data are simulated, 600 rows for training and 600 for the test: counts from a Poisson distribution and
amounts from a gamma distribution, whose means are known functions of six columns. The figures are the test
deviance divided by that of the true means, averaged over five seeds; 1 is the best.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import warnings

import numpy as np
from command_line import parser_of
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import mean_gamma_deviance, mean_poisson_deviance

from sknn6 import MLPRegressor

ROWS = 600

# The logarithm of the mean, as a function of the columns.
LOGARITHMS = {
    "rare, of one column": lambda X: -2 + 0.7 * X[:, 0],
    "interaction": lambda X: 0.5 + 0.6 * X[:, 0] * X[:, 1] - 0.3 * np.abs(X[:, 2]),
    "moderate, of two columns": lambda X: 2 + 0.5 * X[:, 0] + 0.3 * np.sin(2 * X[:, 1]),
    "large, of two columns": lambda X: 9 + 0.5 * X[:, 0] + 0.3 * X[:, 1],
}
DEVIANCES = {"poisson": mean_poisson_deviance, "gamma": mean_gamma_deviance}
MODELS = {
    "sknn6": lambda loss, seed: MLPRegressor(loss, random_state=seed),
    "sknn6, recipe of the squared error": lambda loss, seed: MLPRegressor(
        loss, recipe="modern_regression", random_state=seed
    ),
    "sknn6, recipe='plain'": lambda loss, seed: MLPRegressor(loss, recipe="plain", random_state=seed),
    "HistGradientBoosting": lambda loss, seed: HistGradientBoostingRegressor(loss=loss, random_state=seed),
    "the mean": lambda loss, seed: DummyRegressor(),
}


def draw(loss, logarithm, seed):
    """Return the columns, the targets and their means."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((2 * ROWS, 6))
    mean = np.exp(logarithm(X))
    y = rng.poisson(mean).astype(float) if loss == "poisson" else mean * rng.gamma(2.0, 0.5, len(X))
    return X, y, mean


def ratio(make, loss, logarithm, seeds):
    """Return the mean deviance of a model on the test rows, divided by that of the known means."""
    found, least = 0.0, 0.0
    for seed in range(seeds):
        X, y, mean = draw(loss, logarithm, seed)
        P = make(loss, seed).fit(X[:ROWS], y[:ROWS]).predict(X[ROWS:])
        found += DEVIANCES[loss](y[ROWS:], P)
        least += DEVIANCES[loss](y[ROWS:], mean[ROWS:])
    return found / least


def main():
    """Print a line for each model and loss."""
    parser = parser_of(__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    for loss in DEVIANCES:
        print(f"\n{loss:36s}" + "".join(f"{name:>28s}" for name in LOGARITHMS))
        for name, make in MODELS.items():
            ratios = [ratio(make, loss, logarithm, args.seeds) for logarithm in LOGARITHMS.values()]
            print(f"{name:36s}" + "".join(f"{value:28.2f}" for value in ratios), flush=True)


if __name__ == "__main__":
    main()
