"""Measure memory and time of fits on large data: a memory map, dense arrays, and sparse rows like texts.

    python benchmarks/memory.py
    python benchmarks/memory.py --only mapped --gigabytes 2 --folder /tmp

Mapped and sparse fits run in new processes, each on one thread. Their memory is the anonymous memory of the
process (RssAnon of /proc, so Linux only), sampled every millisecond, minus that just before the fit: it does
not include imports, the data, and a small fit before. Pages of a mapped file are not part of it, because the
system can take them back at any time. Time is that of an epoch; fits take turns, and a figure is the median
over the rounds of the ratio within a round. Dense fits need only a few MB, less than the system allocates at
a time, and are measured by tracemalloc, to which NumPy reports every array.

mapped   one epoch on float64 rows of 1000 features in a file; its time per row is divided by that for 50000
         rows in memory, which are 400 MB; one hidden layer of 100 units, batches of 200
dense    two epochs of the networks of training.py on float64 arrays, compared with scikit-learn's memory
sparse   20000 rows of 100 words out of 100000, compared with scikit-learn's time and memory
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import multiprocessing
import pathlib
import tempfile
import threading
import tracemalloc
import warnings
from time import perf_counter

import numpy as np
from command_line import parser_of
from numpy.lib.format import open_memmap
from scipy import sparse
from sklearn.neural_network import MLPClassifier as SklearnMLP
from workloads import WORKLOADS, plain

CONTESTANTS = {"sknn6": plain, "scikit-learn": SklearnMLP}
MB = 2**20


def anonymous():
    """Return the bytes of anonymous memory that this process holds."""
    status = pathlib.Path("/proc/self/status").read_text()
    return 1024 * int(status.split("RssAnon:")[1].split()[0])


class Peak:
    """A context that measures the largest growth of the anonymous memory within it, in bytes."""

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
    """Write rows to a file: the same thousand standard normal rows, repeated."""
    X = open_memmap(path, mode="w+", dtype=np.float64, shape=(n_rows, n_features))
    block = np.random.default_rng(0).standard_normal((1000, n_features))
    for start in range(0, n_rows, len(block)):
        X[start : start + len(block)] = block[: n_rows - start]
    X.flush()


def mapped_rows(path, n_rows=None):
    """Return X and y of a mapped file; with a number of rows, read these into memory."""
    X = np.load(path, mmap_mode="r")
    X = X if n_rows is None else np.array(X[:n_rows])
    return X, np.arange(len(X)) % 10


def sparse_rows(n_rows=20_000, n_features=100_000, words=100):
    """Return X with random counts of words, whose frequencies follow Zipf's law, and random y."""
    rng = np.random.default_rng(0)
    columns = np.minimum(rng.zipf(1.3, n_rows * words) - 1, n_features - 1)
    X = sparse.csr_array(
        (np.ones(len(columns)), columns, np.arange(0, len(columns) + 1, words)), shape=(n_rows, n_features)
    )
    X.sum_duplicates()
    return X, rng.integers(0, 10, n_rows)


def fit(contestant, rows, args, hidden, params):
    """Fit in this process, after a small fit; return the bytes that it needs and its seconds."""
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
    """Call `fit` in a new process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(fit, (contestant, rows, args, hidden, params))


def report_mapped(rounds, gigabytes, folder):
    """Print the memory of an epoch on a mapped file, and its time per row relative to that in memory."""
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


def traced(contestant, work):
    """Return the largest number of bytes that a fit allocates, after a small fit."""
    X, y = work.data()
    model = CONTESTANTS[contestant](work.hidden, batch_size=work.batch, max_iter=2, random_state=0)
    model.fit(X[:1000], y[:1000])
    tracemalloc.start()
    model.fit(X, y)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def report_dense(rounds):
    """Print the memory that a fit of each workload allocates, and its ratio to scikit-learn's."""
    for name, work in WORKLOADS.items():
        ours, theirs = (traced(contestant, work) for contestant in CONTESTANTS)
        data = work.data()[0].nbytes
        print(
            f"dense, {name}, {data / MB:.1f} MB: {ours / MB:.1f} MB, {ours / theirs:.2f} of scikit-learn's",
            flush=True,
        )


def report_sparse(rounds):
    """Print the memory and the time of an epoch on sparse rows, relative to scikit-learn's."""
    params = {"hidden": (100,), "batch_size": 200, "max_iter": 1}
    ours, theirs = (np.empty((rounds, 2)) for _ in range(2))
    for i in range(rounds):
        ours[i] = measure("sknn6", sparse_rows, **params)
        theirs[i] = measure("scikit-learn", sparse_rows, **params)
    memory, time = np.median(ours / theirs, axis=0)
    print(
        f"sparse, 20000 x 100000: {np.median(ours[:, 0]) / MB:.0f} MB, {memory:.2f} of scikit-learn's, "
        f"{time:.2f} of its time",
        flush=True,
    )


def main():
    """Measure what is asked for and print it."""
    warnings.simplefilter("ignore")
    parser = parser_of(__doc__)
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
