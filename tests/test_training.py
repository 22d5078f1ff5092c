"""Mini-batches, the epoch loop and L-BFGS."""

import numpy as np
import pytest
from scipy import sparse

from sknn6.nn.losses import softmax_cross_entropy
from sknn6.nn.network import perceptron
from sknn6.nn.optimizers import SGD, Adam
from sknn6.nn.training import Batches, Update, loss_and_gradient, minimize, train

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


def network():
    made = perceptron(4, [5], 3, "tanh").allocate(np.float64)
    made.initialize(np.random.default_rng(2))
    return made


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


def run(made, data, epochs=3, rate=lambda fraction: 0.1, alpha=0.5, accumulation=1, **update):
    update = Update(made, SGD(made.theta, momentum=0.0), **update)
    params = {"learning_rate": rate, "alpha": alpha, "epochs": epochs, "accumulation": accumulation}
    return list(train(made, softmax_cross_entropy, update, data, **params))


def test_an_epoch_is_a_step_a_batch_down_the_penalised_gradient():
    made, by_hand = network(), network()
    (record,) = run(made, batches(shuffle=False), epochs=1)
    losses = []
    for batch in batches(shuffle=False):
        losses.append(loss_and_gradient(by_hand, softmax_cross_entropy, [batch], 0.5)[0])
        by_hand.theta -= 0.1 * by_hand.grad
    np.testing.assert_allclose(made.theta, by_hand.theta, rtol=1e-12)
    assert record["loss"] == pytest.approx(np.average(losses, weights=[4, 4, 3]))


def test_the_rate_follows_the_fraction_of_all_steps():
    asked = []
    run(network(), batches(), epochs=2, rate=lambda fraction: asked.append(fraction) or 0.1)
    np.testing.assert_allclose(asked, np.arange(6) / 6)


def test_a_batch_without_weight_makes_no_step():
    """Three batches, the second of weight 0: as if the data were the first and third."""
    weight = np.array([1.0] * 4 + [0.0] * 4 + [1.0] * 3)
    made, other = network(), network()
    run(made, batches(shuffle=False, weight=weight), epochs=1)
    rows = np.r_[0:4, 8:11]
    run(other, Batches(X[rows], Y[rows], None, 4, np.float64), epochs=1)
    np.testing.assert_allclose(made.theta, other.theta, rtol=1e-12)


@pytest.mark.parametrize("weight", [None, np.linspace(0, 2, 11)])
@pytest.mark.parametrize("size", [3, 4, 5])
def test_accumulated_gradients_are_those_of_one_big_batch(size, weight):
    """Batches of 4, 4 and 3 in one update are a batch of 11, which the plain mean of the three is not."""
    made, other = network(), network()
    (record,) = run(made, batches(size=size, shuffle=False, weight=weight), epochs=1, accumulation=4)
    (expected,) = run(other, batches(size=11, shuffle=False, weight=weight), epochs=1)
    np.testing.assert_allclose(made.theta, other.theta, rtol=1e-12)
    assert record["loss"] == pytest.approx(expected["loss"], rel=1e-12)


def test_the_last_update_of_an_epoch_takes_what_is_left():
    """Four batches, three to an update: updates of 9 and 2 rows, and so do the rates."""
    made, other, asked = network(), network(), []
    run(made, batches(size=3, shuffle=False), 1, lambda f: asked.append(f) or 0.1, accumulation=3)
    run(other, batches(size=9, shuffle=False), 1)
    np.testing.assert_allclose(made.theta, other.theta, rtol=1e-12)
    assert asked == [0, 0.5]


def updated(**params):
    """Give theta before and after one update with a gradient of norm 5, rate 0.1."""
    made = network()
    before = made.theta.copy()
    made.grad[:] = 0
    made.grad[:2] = [3.0, -4.0]
    update = Update(made, SGD(made.theta, momentum=0.0), **params)
    update(0.1)
    return made, before, update


@pytest.mark.parametrize(("clip_norm", "scale"), [(None, 1), (10.0, 1), (5.0, 1), (1.0, 0.2)])
def test_clip_norm_scales_longer_gradients_down(clip_norm, scale):
    made, before, _ = updated(clip_norm=clip_norm)
    np.testing.assert_allclose((before - made.theta)[:2], [0.3 * scale, -0.4 * scale], rtol=1e-12)


def test_weight_decay_shrinks_weights_before_the_step_and_leaves_biases():
    made, before, _ = updated(weight_decay=0.5)
    step = np.zeros_like(before)
    step[:2] = [0.3, -0.4]
    step[made.n_decayed :] = 0
    expected = before * np.where(np.arange(before.size) < made.n_decayed, 1 - 0.1 * 0.5, 1) - step
    np.testing.assert_allclose(made.theta, expected, rtol=1e-12)


def test_adam_with_decay_against_torch():
    """50 steps of torch 2.13's AdamW(lr=0.1, weight_decay=0.5), no decay on the biases, in float64."""
    made = perceptron(2, [], 1, "relu").allocate(np.float64)
    made.theta[:] = [1.0, -2.0, 3.0]
    update = Update(made, Adam(made.theta), weight_decay=0.5)
    for t in range(1, 51):
        made.grad[:] = np.sin(t * np.array([1.0, 2.0, 3.0])) + 0.5
        update(0.1)
    expected = [-0.9736984880582967, -1.2098967221908992, -0.022809565279633175]
    np.testing.assert_allclose(made.theta, expected, atol=1e-6)


def test_average_of_the_weights():
    """After the first update d = min(ema_decay, 2 / 11)."""
    made, before, update = updated(ema_decay=0.999)
    np.testing.assert_allclose(update.average, 2 / 11 * before + 9 / 11 * made.theta, rtol=1e-12)
    made, before, update = updated(ema_decay=0.1)
    np.testing.assert_allclose(update.average, 0.1 * before + 0.9 * made.theta, rtol=1e-12)


@pytest.mark.parametrize("kind", [SGD, Adam])
def test_what_comes_to_rest_ends_at_zero(kind):
    """Subnormal numbers take many times as long, and 0.9 times the smallest of them is rounded to itself."""
    made = perceptron(2, [], 1, "relu").allocate(np.float32)
    made.theta[:] = [1.0, 1e-40, 1e-33]
    update = Update(made, kind(made.theta), ema_decay=0.9)
    for t in range(3000):
        made.grad[:] = [t == 0, 0.0, 0.0]
        update(0.1)
    for vector in (made.theta, update.average):
        assert vector[0] != 0
        assert not vector[1:].any()
    for vector in update.optimizer.state.values():
        assert not ((vector != 0) & (np.abs(vector) < np.finfo(np.float32).tiny)).any()


def test_an_epoch_ends_at_the_first_loss_that_is_not_finite():
    made = network()
    with np.errstate(all="ignore"):
        records = run(made, batches(X * 1e200), epochs=2, rate=lambda fraction: 1e200)
    assert not np.isfinite(records[0]["loss"])


def test_lbfgs_reaches_the_minimum_of_a_convex_problem():
    """Logistic regression with a penalty: the gradient vanishes where scikit-learn's solver ends too."""
    from sklearn.linear_model import LogisticRegression

    made = perceptron(4, [], 3, "relu").allocate(np.float64)
    losses = []
    result = minimize(
        made,
        softmax_cross_entropy,
        Batches(X, Y, None, 11, np.float64),
        alpha=1.0,
        max_iter=500,
        max_fun=1000,
        tol=1e-8,
        callback=losses.append,
    )
    expected = LogisticRegression(C=1.0, tol=1e-10, max_iter=1000).fit(X, Y)
    assert result.success
    assert losses == sorted(losses, reverse=True)
    np.testing.assert_allclose(made.layers[0].W.T, expected.coef_, atol=1e-5)
