"""What a fit allocates, by tracemalloc, which NumPy tells of every array: X is never copied whole."""

import tracemalloc

import numpy as np
import pytest
from plain import MLPClassifier
from scipy import sparse
from sklearn.neural_network import MLPClassifier as SklearnMLP

from sknn6 import MLPRegressor
from sknn6.identity import describe
from sknn6.moments import moments
from sknn6.nn.batches import Batches

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*(hasn't converged yet|training diverged|worse than|may have learned nothing)"
)

N_ROWS, N_FEATURES = 40_000, 250  # 80 MB of float64
LAYOUTS = ("memory map", "columns first", "some columns")


def laid_out(kind, folder, dtype=np.float64):
    X = np.tile(np.random.default_rng(0).standard_normal((100, N_FEATURES)).astype(dtype), (N_ROWS // 100, 1))
    if kind == "memory map":
        np.save(folder / "X.npy", X)
        return np.load(folder / "X.npy", mmap_mode="r")
    return np.asfortranarray(X) if kind == "columns first" else np.hstack([X, X])[:, :N_FEATURES]


def peak(run):
    """Return the bytes that a call has allocated at most, beyond what there was before."""
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_epoch_of_batches_allocates_a_batch(kind, dtype, tmp_path):
    X = laid_out(kind, tmp_path)
    batches = Batches(X, np.zeros(N_ROWS), None, 200, dtype, np.random.default_rng(0))
    order = 8 * N_ROWS
    assert peak(lambda: list(map(len, batches))) < order + 4 * 200 * X[0].nbytes


@pytest.mark.parametrize("kind", LAYOUTS)
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"input_scaling": True},
        {"early_stopping": True, "validation_fraction": 0.5},
        {"early_stopping": True, "validation_fraction": 0.5, "input_scaling": True},
        {"batchnorm": "whiten", "ema_decay": 0.9},
    ],
    ids=str,
)
def test_a_fit_never_copies_X(kind, params, tmp_path):
    """An eighth of X is enough for blocks of it and all that has a number a row: order, targets, logits."""
    X, y = laid_out(kind, tmp_path), np.arange(N_ROWS) % 3
    model = MLPClassifier(8, batch_size=1000, max_iter=1, **params)
    model.fit(X[:5000], y[:5000])  # what is loaded once
    assert peak(lambda: model.fit(X, y)) < X.nbytes / 8


def test_a_fit_with_a_checkpoint_never_copies_X(tmp_path):
    X, y = laid_out("some columns", tmp_path), np.arange(N_ROWS) % 3
    model = MLPClassifier(8, batch_size=1000, max_iter=1, checkpoint=tmp_path / "training")
    model.fit(X[:5000], y[:5000])  # what is loaded once
    model.checkpoint = tmp_path / "another"
    assert peak(lambda: model.fit(X, y)) < X.nbytes / 8


def test_a_checkpoint_never_copies_sparse_X():
    rows, per_row = 10_000, 200
    data, indices = np.ones(rows * per_row), np.tile(np.arange(per_row), rows)
    X = sparse.csr_matrix((data, indices, per_row * np.arange(rows + 1)), shape=(rows, 1000))
    assert peak(lambda: describe("X", X)) < data.nbytes / 4


def test_a_checkpoint_does_not_copy_the_vectors(tmp_path):
    """Theta takes 8 MB. A save takes as much, for NumPy copies up to 16 MB of an array to write them."""
    X, y = np.random.default_rng(0).standard_normal((20, 2000)), np.arange(20) % 2
    theta = 4 * 1000 * 2000
    model = MLPClassifier(1000, batch_size=20, max_iter=2, warm_start=True).fit(X, y)
    without = peak(lambda: model.fit(X, y))
    model.checkpoint = tmp_path / "training"
    assert peak(lambda: model.fit(X, y)) < without + 1.3 * theta


def test_partial_fit_never_copies_X(tmp_path):
    X, y = laid_out("memory map", tmp_path), np.arange(N_ROWS) % 3
    model = MLPRegressor(hidden_layer_sizes=8, batch_size=1000, input_scaling=True)
    model.partial_fit(X[:5000], y[:5000].astype(float))
    y = y.astype(float)
    assert peak(lambda: model.partial_fit(X, y)) < X.nbytes / 8


def test_a_fit_that_fails_for_huge_values_never_copies_X(tmp_path):
    X, y = laid_out("columns first", tmp_path), np.arange(N_ROWS) % 3
    model = MLPClassifier(8, batch_size=1000, max_iter=1).fit(X[:5000], y[:5000])
    X[:, 0] = -1e300

    def fit():
        with pytest.raises(ValueError, match="X reaches beyond the range of float32"):
            model.fit(X, y)

    assert peak(fit) < X.nbytes / 8


@pytest.mark.parametrize(
    ("n_rows", "n_features", "hidden", "batch", "early_stopping"),
    [
        (20000, 50, (256, 256), 256, False),
        (40000, 20, (100,), 200, False),
        (5000, 784, (512, 256), 256, False),
        (5000, 784, (100,), 200, True),
    ],
)
def test_a_fit_takes_at_most_six_tenths_of_the_memory_of_scikit_learns(
    n_rows, n_features, hidden, batch, early_stopping
):
    """The same network on the same data in memory, in float64 as they mostly come."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((n_rows, n_features)), rng.integers(0, 3, n_rows)

    def fit(cls, rows=n_rows):
        cls(hidden, batch_size=batch, max_iter=2, early_stopping=early_stopping).fit(X[:rows], y[:rows])

    for cls in (MLPClassifier, SklearnMLP):
        fit(cls, rows=500)  # what is loaded once
    assert peak(lambda: fit(MLPClassifier)) < 0.6 * peak(lambda: fit(SklearnMLP))


@pytest.mark.parametrize(
    "params", [{}, {"input_scaling": True}, {"input_scaling": "learned"}, {"early_stopping": True}], ids=str
)
def test_sparse_input_never_becomes_dense(params):
    """Data of 320 MB, were they dense, in a hundredth of it; besides, ten vectors of the weights' size."""
    rng = np.random.default_rng(0)
    n_rows, n_features, n_units = 2000, 20_000, 4
    X = sparse.csr_array(
        (rng.random(20 * n_rows), rng.integers(0, n_features, 20 * n_rows), np.arange(n_rows + 1) * 20),
        shape=(n_rows, n_features),
    )
    y = np.arange(n_rows) % 3
    model = MLPClassifier(n_units, batch_size=100, max_iter=1, **params)
    model.fit(X[:500], y[:500])
    dense, weights = 8 * n_rows * n_features, 4 * n_features * n_units
    assert peak(lambda: (model.fit(X, y), model.predict_proba(X))) < dense / 100 + 10 * weights


def test_a_fit_never_copies_sparse_X():
    """The entries take 48 MB. What is scaled at once has at most 2**18 of them, 3 MB."""
    rows, per_row = 20_000, 200
    columns = np.tile(np.arange(per_row, dtype=np.int32), rows)
    starts = np.arange(0, rows * per_row + 1, per_row, dtype=np.int32)
    values = np.random.default_rng(0).random(rows * per_row)
    X = sparse.csr_array((values, columns, starts), shape=(rows, 1000))
    y = np.arange(rows) % 3
    model = MLPClassifier(8, batch_size=100, max_iter=1, input_scaling=True, random_state=0)
    model.fit(X[:5000], y[:5000])  # what is loaded once
    assert peak(lambda: model.fit(X, y)) < (X.data.nbytes + X.indices.nbytes) / 4


def test_few_looks_tell_how_to_scale_sparse_rows(monkeypatch):
    """Each look, at 2**18 entries, takes time for all features: three looks, not one for a few rows."""
    looks = []
    monkeypatch.setattr(
        "sknn6.training.scaling.moments", lambda X, weight: looks.append(X.nnz) or moments(X, weight)
    )
    # 32 bits: with more, scikit-learn 1.6 has no statistics of sparse columns.
    columns, starts = np.arange(600_000, dtype=np.int32) % 10**5, np.arange(6001, dtype=np.int32) * 100
    X = sparse.csr_array((np.ones(600_000), columns, starts), shape=(6000, 10**5))
    MLPClassifier(1, input_scaling=True, batch_size=6000, max_iter=1).fit(X, np.arange(6000) % 2)
    assert sum(looks) == 600_000
    assert len(looks) == 3


def test_importances_of_wide_sparse_rows_need_no_matrix_of_features():
    """20000 features: a square matrix of numbers would take 3.2 GB, one of booleans 400 MB."""
    X = sparse.random(300, 20_000, density=0.001, format="csr", random_state=0)
    model = MLPClassifier(4, max_iter=1, random_state=0).fit(X, np.arange(300) % 2)
    assert peak(lambda: model.feature_importances_) < 20 * 20_000 * 8
