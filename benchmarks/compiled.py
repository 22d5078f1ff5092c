"""Compare the time of an epoch, compiled and computed by the layers, in one process.

    python benchmarks/compiled.py
    python benchmarks/compiled.py --rounds 9 --threads 2 --json compiled.json
    python benchmarks/compiled.py --first

The networks are those of `workloads.py` with the plain recipe, the defaults of both estimators on data of
three sizes, and residual blocks. The two ways take turns, so that the load of the machine affects both. A
figure is the median over the rounds of the ratio within a round: the time of the layers divided by that of
the compiled epoch.
Only `run_epoch` is timed. With --threads 2, a third column has the compiled epoch on that many threads.
--first instead times the first fit of three processes, of which the first finds no compiled code: with the
defaults, then with parts that they do not have.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import json
import pathlib
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from time import perf_counter

import numpy as np
from command_line import parser_of
from threadpoolctl import threadpool_limits
from workloads import WORKLOADS, plain

from sknn6 import MLPClassifier, MLPRegressor
from sknn6.estimators.preparation import prepare
from sknn6.nn.descent import GradientDescent
from sknn6.nn.parallel import several_threads
from sknn6.nn.program import Program

SIZES = {"2000 x 20": (2000, 20), "20000 x 50": (20000, 50), "100000 x 100": (100000, 100)}


def networks():
    """Yield the name of each network, its estimator, and X and y."""
    for name, work in WORKLOADS.items():
        yield name, plain(work.hidden, batch_size=work.batch), *work.data()
    rng = np.random.default_rng(0)
    for size, shape in SIZES.items():
        X = rng.standard_normal(shape)
        yield f"classifier, {size}", MLPClassifier(), X, rng.integers(0, 3, len(X))
        yield f"regressor, {size}", MLPRegressor(), X, X[:, 0] + rng.standard_normal(len(X))
    X = rng.standard_normal((2000, 20))
    blocks = MLPClassifier([64] * 4, residual=True, layernorm=True)
    yield "residual blocks, 2000 x 20", blocks, X, rng.integers(0, 3, len(X))


class Way:
    """A training whose epochs are timed."""

    def __init__(self, estimator, X, y, compiled):
        prepared = prepare(estimator.set_params(random_state=0), X, y)
        prepared.fit_inputs()
        descent = GradientDescent(
            prepared.network,
            prepared.targets.loss,
            prepared.make_update(keeps_state=False),
            prepared.make_batches(),
            prepared.settings.alpha,
        )
        self.descent = (Program.of(descent) if compiled else None) or descent  # without Numba, by layers
        self.rate, self.seconds = prepared.settings.rate, []

    def run(self):
        """Train for an epoch."""
        started = perf_counter()
        self.descent.run_epoch(self.rate)
        self.seconds.append(perf_counter() - started)


def measure(estimator, X, y, rounds, n_threads):
    """Return the seconds of the epochs of each way; the ways take turns."""
    ways = {"layers": Way(estimator, X, y, False), "compiled": Way(estimator, X, y, True)}
    if n_threads > 1:
        ways["threads"] = Way(estimator, X, y, True)
    with ThreadPoolExecutor(n_threads) as pool, threadpool_limits(1):
        pool.n_helpers = n_threads - 1
        for _ in range(rounds + 1):
            for name, way in ways.items():
                with several_threads(pool) if name == "threads" else nullcontext():
                    way.run()
    return {name: way.seconds[1:] for name, way in ways.items()}


FIRST_FIT = """
import time
import numpy as np
from sknn6 import MLPClassifier
X = np.random.default_rng(0).standard_normal((500, 10))
started = time.perf_counter()
MLPClassifier(max_iter=2, random_state=0, {params}).fit(X, (X[:, 0] > 0).astype(int))
print(round(time.perf_counter() - started, 2))
"""


def time_first_fits():
    """Print the seconds of the first fit in processes that share a new folder of compiled code."""
    for params in ("", "activation='gelu', batchnorm=True"):
        print(params or "defaults", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            environment = os.environ | {"NUMBA_CACHE_DIR": folder}
            for _ in range(3):
                command = [sys.executable, "-c", FIRST_FIT.format(params=params)]
                subprocess.run(command, env=environment, check=True)


def main():
    """Measure the networks asked for, print a line each, and write the file asked for."""
    parser = parser_of(__doc__)
    parser.add_argument("--only", default="", help="part of the names of the networks to measure")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=pathlib.Path, help="file to write all seconds to")
    parser.add_argument("--first", action="store_true", help="time the first fit of a process")
    args = parser.parse_args()
    if args.first:
        time_first_fits()
        return
    results = {}
    for name, estimator, X, y in networks():
        if args.only not in name:
            continue
        seconds = results[name] = measure(estimator, X, y, args.rounds, args.threads)
        ratios = {
            way: np.median(np.divide(seconds["layers"], seconds[way])) for way in seconds if way != "layers"
        }
        columns = "   ".join(f"{way} {ratio:.2f}" for way, ratio in ratios.items())
        print(f"{name:26s} {np.median(seconds['layers']) * 1e3:9.2f} ms   {columns}", flush=True)
    if args.json:
        args.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
