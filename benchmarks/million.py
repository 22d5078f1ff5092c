"""Train on a table of a million rows and 100 mixed columns, read from a parquet file in parts.

    python benchmarks/million.py
    python benchmarks/million.py --rows 200000 --plot million.svg

The table is synthetic: 60 columns of numbers, 10 of them with missing values, 20 of booleans and whole
numbers, 18 of strings with 3 to 30 categories, and two with 2000. The class depends on some columns of each
kind. The file is read in parts of 50000 rows, each of which is passed to `partial_fit`; 20000 more rows are
for testing. It needs pyarrow. LightGBM, if it is installed, is trained on the same rows, read at once.

Memory is the peak of the process, minus the peak after the first part was read. For the rows seen so far, it
prints the seconds of training, microseconds per row, memory in MB, and accuracy. The plot has the accuracy
after each part, with LightGBM's, and the microseconds per row of each part.
"""

import importlib.util
import pathlib
import resource
import tempfile
import time

import numpy as np
import pandas as pd
from command_line import parser_of

from sknn6 import MLPClassifier

PART, N_TEST = 50_000, 20_000
TRUTH = np.random.default_rng(0)
WEIGHTS = TRUTH.standard_normal(10)
WORTH = {size: TRUTH.standard_normal(size) for size in (3, 10, 30, 2000)}


def table(n_rows, rng):
    """Return a frame of mixed columns, and the class of each row."""
    numbers = rng.standard_normal((n_rows, 60))
    columns = {f"number {j}": numbers[:, j] for j in range(60)}
    columns |= {f"flag {j}": rng.random(n_rows) < 0.3 for j in range(10)}
    columns |= {f"count {j}": rng.poisson(3, n_rows) for j in range(10)}
    score = np.tanh(numbers[:, :10]) @ WEIGHTS + numbers[:, 0] * numbers[:, 1]
    for j, size in enumerate([3, 10, 30] * 6 + [2000, 2000]):
        codes = rng.integers(0, size, n_rows)
        columns[f"kind {j}"] = np.char.add("value ", codes.astype(str)).astype(object)
        if j in (0, 1, 2, 18):
            score = score + WORTH[size][codes]
    for j in range(50, 60):
        columns[f"number {j}"] = np.where(rng.random(n_rows) < 0.1, np.nan, columns[f"number {j}"])
    return pd.DataFrame(columns), (score + rng.logistic(size=n_rows) > 0).astype(int)


def write(path, n_rows):
    """Write a table to a file, one row group per part."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng, writer = np.random.default_rng(1), None
    for _ in range(n_rows // PART):
        X, y = table(PART, rng)
        part = pa.Table.from_pandas(X.assign(target=y), preserve_index=False)
        writer = writer or pq.ParquetWriter(path, part.schema)
        writer.write_table(part)
    writer.close()


def parts(path):
    """Yield X and y of each row group."""
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path)
    for i in range(file.num_row_groups):
        X = file.read_row_group(i).to_pandas()
        yield X, X.pop("target").to_numpy()


def most_memory():
    """Return the peak memory of the process, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def learn(path, X_test, y_test):
    """Yield rows, seconds, microseconds a row, MB and accuracy after each part."""
    model, rows, seconds, before = MLPClassifier(random_state=0), 0, 0.0, None
    for X, y in parts(path):
        before = most_memory() if before is None else before
        started = time.perf_counter()
        model.partial_fit(X, y, classes=[0, 1])
        seconds, rows = seconds + time.perf_counter() - started, rows + len(X)
        yield rows, seconds, 1e6 * seconds / rows, most_memory() - before, model.score(X_test, y_test)


def learn_trees(path, n_rows, X_test, y_test):
    """Train LightGBM with its defaults on the first rows, read at once, and return the accuracy."""
    from lightgbm import LGBMClassifier

    read = [part for part, _ in zip(parts(path), range(n_rows // PART), strict=False)]
    X, y = pd.concat([X for X, _ in read]), np.concatenate([y for _, y in read])
    kinds = {name: "category" for name in X if X[name].dtype == object or str(X[name].dtype) == "str"}
    X, before = X.astype(kinds), most_memory()
    X_test = X_test.astype({name: X[name].dtype for name in kinds})
    started = time.perf_counter()
    model = LGBMClassifier(verbose=-1).fit(X, y)
    seconds = time.perf_counter() - started
    row = n_rows, seconds, 1e6 * seconds / n_rows, most_memory() - before, model.score(X_test, y_test)
    print("LightGBM " + "{:9d}{:9.1f}{:9.1f}{:9.0f}{:9.4f}".format(*row))
    return row[-1]


def main():
    """Write the file, train on it, and print and plot the results."""
    parser = parser_of(__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--plot", type=pathlib.Path, help="where to save a picture")
    args = parser.parse_args()
    X_test, y_test = table(N_TEST, np.random.default_rng(2))
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "table.parquet"
        write(path, args.rows)
        print(f"{'':9s}{'rows':>9s}{'seconds':>9s}{'us/row':>9s}{'MB':>9s}{'accuracy':>9s}")
        found = []
        for row in learn(path, X_test, y_test):
            found.append(row)
            print("sknn6    " + "{:9d}{:9.1f}{:9.1f}{:9.0f}{:9.4f}".format(*row), flush=True)
        there = importlib.util.find_spec("lightgbm")
        trees = learn_trees(path, args.rows, X_test, y_test) if there else None
    if args.plot:
        draw(found, trees, args.plot)


def draw(found, trees, path):
    """Save a plot of the accuracy after each part, with that of the trees, and of the time of each part."""
    import matplotlib.pyplot as plt

    rows, seconds, _, _, accuracy = np.transpose(found)
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
    left.plot(rows / 1000, accuracy, "o-", markersize=3, label="sknn6, after each part")
    if trees is not None:
        left.axhline(trees, color="grey", ls="--", label="LightGBM, on all rows at once")
    left.set(xlabel="thousands of rows", ylabel="accuracy", ymargin=1)
    left.legend()
    right.plot(rows / 1000, 1e6 * np.diff(seconds, prepend=0) / np.diff(rows, prepend=0), "o-", markersize=3)
    right.set(xlabel="thousands of rows", ylabel="microseconds a row, in each part", ylim=(0, None))
    figure.savefig(path)


if __name__ == "__main__":
    main()
