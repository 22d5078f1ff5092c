"""Learning from a file in blocks: as accurate as fit, in a fraction of the memory of the data."""

import tracemalloc

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sknn6 import MLPClassifier, Standardizer

BLOCK, COPIES = 512, 32


def blocks_of_npy(data, folder):
    np.save(folder / "data.npy", data)
    rows = np.load(folder / "data.npy", mmap_mode="r")
    return lambda: (rows[i : i + BLOCK] for i in range(0, len(rows), BLOCK))


def row_groups(data, folder):
    path = folder / "data.parquet"
    table = pa.table({str(i): column for i, column in enumerate(data.T)})
    pq.write_table(table, path, row_group_size=BLOCK)

    def read():
        with pq.ParquetFile(path) as file:
            for i in range(file.num_row_groups):
                yield np.column_stack([column.to_numpy() for column in file.read_row_group(i).columns])

    return read


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return train_test_split(X, y, stratify=y, random_state=0)


@pytest.fixture(scope="module")
def accuracy_of_fit(digits):
    X, X_test, y, y_test = digits
    standardizer = Standardizer().fit(X)
    mlp = MLPClassifier(64, ensemble_size=1, random_state=0).fit(standardizer.transform(X), y)
    return mlp.score(standardizer.transform(X_test), y_test)


def learn(blocks):
    """Average the weights: no rate falls in calls of which none is the last, so that they stay restless."""
    standardizer, mlp = Standardizer(), MLPClassifier(64, ensemble_size=1, ema_decay=0.99, random_state=0)
    for rows in blocks():
        standardizer.partial_fit(rows[:, :-1])
    for rows in blocks():
        mlp.partial_fit(standardizer.transform(rows[:, :-1]), rows[:, -1], classes=range(10))
    return standardizer, mlp


@pytest.mark.parametrize("source", [blocks_of_npy, row_groups])
def test_blocks_of_a_file_are_enough(source, digits, accuracy_of_fit, tmp_path):
    X, X_test, y, y_test = digits
    order = np.random.default_rng(0).permutation(COPIES * len(X)) % len(X)
    data = np.column_stack([X, y])[order]
    blocks = source(data, tmp_path)
    learn(lambda: [data[:BLOCK]])  # what is loaded once
    tracemalloc.start()
    try:
        standardizer, mlp = learn(blocks)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert mlp.score(standardizer.transform(X_test), y_test) > accuracy_of_fit - 0.01
    assert peak < data.nbytes / 8
    np.testing.assert_allclose(standardizer.center_, X.mean(axis=0), atol=1e-12)
