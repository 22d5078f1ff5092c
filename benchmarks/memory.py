"""Measure the memory, and the time, of fits on large data: a memory map, dense arrays, sparse text-like rows.

    python benchmarks/memory.py
    python benchmarks/memory.py --only mapped --gigabytes 2 --folder /tmp

Each fit runs in a new process on one thread. Its memory is the anonymous memory of the process (RssAnon of
/proc, so Linux only), looked at every millisecond, beyond what it holds just before the fit: imports, the
data and a small fit have been paid by then. Pages of a mapped file are not part of it, as the system takes
them back when it needs them. Time is that of an epoch, fits in turn, and a figure is the median over the
rounds of the ratio within a round.

mapped   one epoch on float64 rows of 1000 features in a file, against the time a row of as many rows as fill
         400 MB in memory; one hidden layer of 100 units, batches of 200
dense    two epochs on float64 arrays in memory, sknn6's extra memory over scikit-learn's
sparse   20000 rows of 100 words out of 100000, against scikit-learn's time and memory
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import argparse
import multiprocessing
import pathlib
import tempfile
import threading
import warnings
from time import perf_counter

import numpy as np
from numpy.lib.format import open_memmap
from scipy import sparse
from sklearn.neural_network import MLPClassifier as SklearnMLP
from workloads import WORKLOADS, plain

CONTESTANTS = {"sknn6": plain, "scikit-learn": SklearnMLP}
MB = 2**20


def anonymous():
    """Give the bytes of anonymous memory that this process holds."""
    status = pathlib.Path("/proc/self/status").read_text()
    return 1024 * int(status.split("RssAnon:")[1].split()[0])


class Peak:
    """The most anonymous memory while the block runs, in bytes beyond what there was before."""

    def __enter__(self):
        self.before = self.most = anonymous()
        self.done = threading.Event()
        self.watch = threading.Thread(target=self.look)
        self.watch.start()
        return self

    def look(self):
        while not self.done.wait(0.001):
            self.most = max(self.most, anonymous())

    def __exit__(self, *_):
        self.done.set()
        self.watch.join()
        self.extra = self.most - self.before


def draw_mapped(path, n_rows, n_features=1000):
    """Write standard normal rows, the same thousand again and again, to a file."""
    X = open_memmap(path, mode="w+", dtype=np.float64, shape=(n_rows, n_features))
    block = np.random.default_rng(0).standard_normal((1000, n_features))
    for start in range(0, n_rows, len(block)):
        X[start : start + len(block)] = block[: n_rows - start]
    X.flush()


def mapped_rows(path, n_rows=None):
    """Open the file; with a number of rows, read them into memory."""
    X = np.load(path, mmap_mode="r")
    X = X if n_rows is None else np.array(X[:n_rows])
    return X, np.arange(len(X)) % 10


def dense_rows(name):
    """Draw a workload of training.py."""
    return WORKLOADS[name].data()


def sparse_rows(n_rows=20_000, n_features=100_000, words=100):
    """Draw counts of words, common ones more often, in a row's order."""
    rng = np.random.default_rng(0)
    columns = np.minimum(rng.zipf(1.3, n_rows * words) - 1, n_features - 1)
    X = sparse.csr_array(
        (np.ones(len(columns)), columns, np.arange(0, len(columns) + 1, words)), shape=(n_rows, n_features)
    )
    X.sum_duplicates()
    return X, rng.integers(0, 10, n_rows)


def fit(contestant, rows, args, hidden, params):
    """Fit in this process, after a small fit; give the bytes that it takes and its seconds."""
    warnings.simplefilter("ignore")
    X, y = rows(*args)
    model = CONTESTANTS[contestant](hidden, **params, random_state=0)
    model.fit(X[:1000], y[:1000])
    with Peak() as peak:
        started = perf_counter()
        model.fit(X, y)
        seconds = perf_counter() - started
    return peak.extra, seconds


def measure(contestant, rows, *args, hidden, **params):
    """Fit in a new process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(fit, (contestant, rows, args, hidden, params))


def report_mapped(rounds, gigabytes, folder):
    """Print the memory of an epoch on a file, and its time a row against that in memory."""
    params = {"hidden": (100,), "batch_size": 200, "max_iter": 1}
    n_rows, few = int(gigabytes * 1e9 / 8000), 50_000
    with tempfile.TemporaryDirectory(dir=folder) as path:
        path = pathlib.Path(path) / "X.npy"
        draw_mapped(path, n_rows)
        ratios, extras = [], []
        for _ in range(rounds):
            extra, seconds = measure("sknn6", mapped_rows, path, **params)
            _, in_memory = measure("sknn6", mapped_rows, path, few, **params)
            extras.append(extra)
            ratios.append((seconds / n_rows) / (in_memory / few))
    print(
        f"mapped, {n_rows} x 1000, {gigabytes:g} GB: {max(extras) / MB:.0f} MB, "
        f"{seconds / n_rows * 1e6:.1f} us a row, {np.median(ratios):.2f} of in memory",
        flush=True,
    )


def compare(rounds, rows, *args, **params):
    """Give sknn6's bytes, their ratio to scikit-learn's, and that of scikit-learn's time to sknn6's."""
    ours, theirs = (np.empty((rounds, 2)) for _ in range(2))
    for i in range(rounds):
        ours[i] = measure("sknn6", rows, *args, **params)
        theirs[i] = measure("scikit-learn", rows, *args, **params)
    ratios = ours / theirs
    return np.median(ours[:, 0]), np.median(ratios[:, 0]), np.median(1 / ratios[:, 1])


def report_dense(rounds):
    """Print the memory of a fit on each workload, against scikit-learn's."""
    for name, work in WORKLOADS.items():
        params = {"batch_size": work.batch, "max_iter": 2}
        extra, memory, _ = compare(rounds, dense_rows, name, hidden=work.hidden, **params)
        print(f"dense, {name}: {extra / MB:.1f} MB, {memory:.2f} of scikit-learn's", flush=True)


def report_sparse(rounds):
    """Print the memory and the time of an epoch on sparse rows, against scikit-learn's."""
    params = {"hidden": (100,), "batch_size": 200, "max_iter": 1}
    extra, memory, time = compare(rounds, sparse_rows, **params)
    print(
        f"sparse, 20000 x 100000: {extra / MB:.0f} MB, {memory:.2f} of scikit-learn's memory, "
        f"scikit-learn takes {time:.2f} times as long",
        flush=True,
    )


def main():
    """Measure what is asked for and print it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="mapped,dense,sparse", help="comma-separated")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--gigabytes", type=float, default=8, help="size of the mapped file")
    parser.add_argument(
        "--folder", type=pathlib.Path, help="where the file goes; a temporary folder otherwise"
    )
    args = parser.parse_args()
    reports = {
        "mapped": lambda: report_mapped(args.rounds, args.gigabytes, args.folder),
        "dense": lambda: report_dense(args.rounds),
        "sparse": lambda: report_sparse(args.rounds),
    }
    for name in args.only.split(","):
        reports[name]()


if __name__ == "__main__":
    main()
