"""Mini-batches."""

import numpy as np
import pytest
from scipy import sparse

from sknn6.nn.batches import Batches

X = np.random.default_rng(0).standard_normal((11, 4))
Y = np.arange(11) % 3


def batches(X=X, size=4, shuffle=True, **params):
    rng = np.random.default_rng(1) if shuffle else None
    return Batches(X, Y, params.pop("weight", None), size, np.float64, rng, **params)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("size", [100, 300, 3000])
@pytest.mark.parametrize("rows", [None, np.arange(7500)[::-2]], ids=["all", "some"])
def test_many_rows_are_gathered_several_batches_at_a_time(shuffle, size, rows):
    """Whichever batches are gathered together, each has `size` rows, each row its target and weight."""
    numbers = np.arange(7500)
    X = np.tile(numbers[:, None], 20).astype(np.float32)
    rng = np.random.default_rng(1) if shuffle else None
    made = Batches(X, numbers, numbers / 2, size, np.float32, rng, rows=rows)
    seen = []
    for X_batch, y_batch, w_batch in made:
        assert (X_batch == y_batch[:, None]).all()
        assert (w_batch == y_batch / 2).all()
        seen.append(y_batch.copy())
    expected = numbers if rows is None else rows
    assert [len(y) for y in seen[:-1]] == [size] * (len(expected) // size - (len(expected) % size == 0))
    seen = np.concatenate(seen)
    assert np.array_equal(np.sort(seen), np.sort(expected))
    assert np.array_equal(seen, expected) is not shuffle


@pytest.mark.parametrize("kind", ["dense", "fortran", "float32", "csr_array", "csr_matrix"])
def test_an_epoch_has_every_row_once_with_its_target_and_weight(kind):
    of_kind = {
        "dense": X,
        "fortran": np.asfortranarray(X),
        "float32": X.astype(np.float32),
        "csr_array": sparse.csr_array(X),
        "csr_matrix": sparse.csr_matrix(X),
    }[kind]
    weight = np.arange(11.0)
    seen = []
    for X_batch, y_batch, w_batch in batches(of_kind, weight=weight):
        X_batch = X_batch.toarray() if sparse.issparse(X_batch) else X_batch
        assert X_batch.dtype == np.float64
        rows = w_batch.astype(int)
        np.testing.assert_allclose(X_batch, X[rows], rtol=1e-6)
        np.testing.assert_array_equal(y_batch, Y[rows])
        seen += list(rows)
    assert sorted(seen) == list(range(11))
    assert seen != sorted(seen)


def test_each_epoch_has_its_own_order():
    both = batches()
    first, second = ([list(y) for _, y, _ in both] for _ in range(2))
    assert first != second


def test_without_shuffling_batches_are_views_in_the_order_of_the_rows():
    for i, (X_batch, _, _) in enumerate(batches(shuffle=False)):
        assert np.shares_memory(X_batch, X)
        np.testing.assert_array_equal(X_batch, X[4 * i : 4 * i + 4])


@pytest.mark.parametrize(
    ("size", "merge_tail", "lengths"),
    [
        (4, False, [4, 4, 3]),
        (4, True, [4, 4, 3]),
        (5, False, [5, 5, 1]),
        (5, True, [5, 6]),
        (9, True, [11]),
        (20, True, [11]),
    ],
)
def test_a_short_tail_joins_the_batch_before_it(size, merge_tail, lengths):
    both = batches(size=size, merge_tail=merge_tail)
    assert [len(y) for _, y, _ in both] == lengths
    assert len(both) == len(lengths)


def test_a_memory_mapped_array_is_read_a_batch_at_a_time(tmp_path):
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    rows = np.concatenate([X_batch.copy() for X_batch, _, _ in batches(mapped)])
    np.testing.assert_array_equal(np.sort(rows, axis=0), np.sort(X, axis=0))
