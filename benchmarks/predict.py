"""Compare the time of predict, predict_proba and the import of sknn6 with scikit-learn's.

    python benchmarks/predict.py
    python benchmarks/predict.py --networks P1 --rows 1,100 --rounds 9 --json predict.json
    python benchmarks/predict.py --threads default --busy
    python benchmarks/predict.py --rows 1 --assume-finite

All models run on one thread, unless --threads default is given, and take turns. A figure is the median over
the rounds of the ratio within a round, so that a drift of the machine's speed affects both sides. `sknn6` is
one network with the plain recipe and the same layers as scikit-learn's; `default` is the classifier with all
parameters at their defaults, four networks on scaled input. All are fitted on data of the dtype that they
predict. `products` are the matrix products of the single network alone: no prediction can be faster.
Predictions of few rows are repeated twenty times as often; `--assume-finite` turns off scikit-learn's search
for NaN. The import is timed in new processes, with modules that are compiled already: `import sknn6`, and the
import of scikit-learn's networks, pipelines and scalers.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings
from functools import partial
from itertools import product
from time import perf_counter

import numpy as np
from command_line import parser_of
from sklearn import config_context
from sklearn.neural_network import MLPClassifier as SklearnMLP
from threads import add_arguments, conditions
from workloads import mean_seconds, plain

from sknn6 import MLPClassifier

# Features and hidden layers.
NETWORKS = {"P1": (64, (100,)), "P2": (50, (256, 256))}
N_CLASSES = 10

IMPORTS = {
    "sknn6": "import sknn6",
    "scikit-learn": "import sklearn.neural_network, sklearn.pipeline, sklearn.preprocessing",
}


def products(model, X):
    """Multiply X with the weights, one block of rows after the other."""
    for start in range(0, len(X), 512):
        A = X[start : start + 512]
        for W in model.coefs_:
            A = A @ W


def fitted(n_features, hidden, dtype):
    """Return the fitted models; few epochs suffice, because the weights do not matter."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((1000, n_features)).astype(dtype)
    y = rng.integers(0, N_CLASSES, len(X))
    models = {"sknn6": plain(hidden, max_iter=2), "scikit-learn": SklearnMLP(hidden, max_iter=2)}
    models["default"] = MLPClassifier(max_iter=2)
    return {name: model.set_params(random_state=0).fit(X, y) for name, model in models.items()}


def measure(models, method, X, rounds):
    """Run the models in turn; return the seconds of each, a list over the rounds."""
    functions = {name: getattr(model, method) for name, model in models.items()}
    functions["products"] = partial(products, models["sknn6"])
    for predict in functions.values():
        predict(X)  # the first run of each warms up
    calls = max(1, 5 // len(X))
    rounds = rounds if len(X) > 1000 else 20 * rounds  # short ones are cheap to repeat, and need it
    times = [[mean_seconds(predict, X, calls) for predict in functions.values()] for _ in range(rounds)]
    return dict(zip(functions, np.transpose(times).tolist(), strict=True))


def measure_imports(rounds):
    """Run new processes in turn; return the seconds of each import, a list over the rounds."""
    times = {name: [] for name in IMPORTS}
    with tempfile.TemporaryDirectory() as compiled:
        env = os.environ | {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": compiled}
        for _ in range(rounds + 1):
            for name, code in IMPORTS.items():
                started = perf_counter()
                subprocess.run([sys.executable, "-c", code], check=True, env=env)
                times[name].append(perf_counter() - started)
    return {name: taken[1:] for name, taken in times.items()}  # the first of each compiles


def ratio(times, over, under):
    """Return the median of the ratios within the rounds."""
    return float(np.median(np.divide(times[over], times[under])))


def report_predictions(args):
    """Measure and print a line for each network, number of rows, dtype and method."""
    results = []
    print(f"{'':42s}{'sknn6':>12}{'default':>12}   scikit-learn / sknn6, / default, products / sknn6")
    for name, n_rows, dtype in product(args.networks, args.rows, ("float64", "float32")):
        n_features, hidden = NETWORKS[name]
        models = fitted(n_features, hidden, dtype)
        X = np.random.default_rng(1).standard_normal((n_rows, n_features)).astype(dtype)
        for method in ("predict", "predict_proba"):
            times = measure(models, method, X, args.rounds)
            ratios = [
                ratio(times, "scikit-learn", "sknn6"),
                ratio(times, "scikit-learn", "default"),
                ratio(times, "products", "sknn6"),
            ]
            results.append([name, n_rows, dtype, method, times, ratios])
            ms = [f"{np.median(times[other]) * 1e3:9.3f} ms" for other in ("sknn6", "default")]
            label = f"{name} {n_rows:6d} rows, {dtype} {method}"
            columns = "".join(f"{value:9.2f}" for value in ratios)
            print(f"{label:42s}{ms[0]}{ms[1]}{columns}", flush=True)
    return results


def report_imports(rounds):
    """Measure and print how much longer the import takes than scikit-learn's."""
    times = measure_imports(rounds)
    theirs = np.median(times["scikit-learn"])
    more = np.median(np.subtract(times["sknn6"], times["scikit-learn"]))
    print(f"import sknn6: {more * 1e3:.0f} ms more than the {theirs:.2f} s of scikit-learn")
    return times


def main():
    """Measure what is asked for, print it, and write the file asked for."""
    parser = parser_of(__doc__)
    parser.add_argument("--networks", default="P1,P2", help="comma-separated, of P1 and P2")
    parser.add_argument("--rows", default="1,100,100000", help="comma-separated")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--json", type=pathlib.Path, help="file to write all seconds and ratios to")
    parser.add_argument("--assume-finite", action="store_true", help="without scikit-learn's search for NaN")
    add_arguments(parser)
    args = parser.parse_args()
    args.networks, args.rows = args.networks.split(","), [int(n) for n in args.rows.split(",")]
    warnings.simplefilter("ignore")
    with conditions(args), config_context(assume_finite=args.assume_finite):
        results = {"predictions": report_predictions(args), "imports": report_imports(args.rounds)}
    if args.json:
        args.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
