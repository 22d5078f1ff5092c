"""Time a call of partial_fit on few rows, at first and after many calls, against scikit-learn's.

    python benchmarks/stream.py
    python benchmarks/stream.py --calls 50000 --rows 32 --every 10000

One thread. After every so many calls it prints, for each model, the median time of a hundred calls, which the
models take in turn, and the bytes that stay of each of a hundred more. `sknn6` is one network with
scikit-learn's values for what is "auto"; `default` is the classifier with everything at its defaults.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import tracemalloc
from time import perf_counter

import numpy as np
from command_line import parser_of
from sklearn.neural_network import MLPClassifier as SklearnMLP
from workloads import plain

from sknn6 import MLPClassifier

# Number of calls over which a figure is computed.
CALLS = 100


def timed(model, X, y):
    """Return the seconds of a call."""
    started = perf_counter()
    model.partial_fit(X, y, classes=[0, 1])
    return perf_counter() - started


def median_seconds(models, X, y):
    """Return the median seconds of a call of each model; the models take turns."""
    times = [[timed(model, X, y) for model in models.values()] for _ in range(CALLS)]
    return np.median(times, axis=0)


def gained(model, X, y):
    """Return the bytes of memory that each call keeps."""
    tracemalloc.start()
    timed(model, X, y)
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(CALLS):
        timed(model, X, y)
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return (after - before) / CALLS


def main():
    """Print a line of figures after every so many calls."""
    parser = parser_of(__doc__)
    parser.add_argument("--calls", type=int, default=50000)
    parser.add_argument("--every", type=int, default=10000)
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--features", type=int, default=20)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((args.rows, args.features)), np.arange(args.rows) % 2
    models = {
        "sknn6": plain((100,), batch_size=args.rows),
        "scikit-learn": SklearnMLP(),
        "default": MLPClassifier(),
    }
    median_seconds(models, X, y)  # what is loaded once
    print(f"{'calls':>7}" + "".join(f"{name:>26}" for name in models))
    for calls in range(0, args.calls + 1, args.every):
        if calls:
            for _ in range(args.every):
                for model in models.values():
                    model.partial_fit(X, y)
        seconds = median_seconds(models, X, y)
        memory = [gained(model, X, y) for model in models.values()]
        cells = (f"{1e3 * s:>12.2f} ms, {m:>5.0f} B" for s, m in zip(seconds, memory, strict=True))
        print(f"{calls:>7}" + "".join(f"{cell:>26}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
