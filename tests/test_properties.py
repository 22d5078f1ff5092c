"""What holds for every drawn case: parameters, shapes, chunks."""

import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sknn6 import MLPClassifier, Standardizer, Whitener
from sknn6.nn.activations import ACTIVATIONS
from sknn6.nn.batches import Batches
from sknn6.nn.initializers import INITIALIZERS
from sknn6.nn.normalization import NORMALIZATIONS
from sknn6.nn.optimizers import OPTIMIZERS
from sknn6.nn.schedules import SCHEDULES

settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci")

PARAMETERS = st.fixed_dictionaries(
    {
        "hidden_layer_sizes": st.one_of(st.integers(1, 9), st.just(()), st.sampled_from(["5-3", (4, 2)])),
        "depth": st.one_of(st.none(), st.integers(1, 3)),
        "activation": st.sampled_from(sorted(ACTIVATIONS)),
        "init": st.sampled_from(["auto", *INITIALIZERS]),
        "init_scale": st.floats(0, 10),
        "batchnorm": st.sampled_from([False, True, *NORMALIZATIONS]),
        "batchnorm_momentum": st.floats(0.01, 1),
        "batchnorm_group_size": st.integers(1, 9),
        "layernorm": st.booleans(),
        "residual": st.booleans(),
        "dropout": st.floats(0, 0.9),
        "weight_decay": st.floats(0, 10),
        "gradient_accumulation_steps": st.integers(1, 4),
        "clip_norm": st.one_of(st.none(), st.floats(1e-3, 10)),
        "ema_decay": st.floats(0, 0.999),
        "label_smoothing": st.floats(0, 0.9),
        "class_weight": st.sampled_from([None, "balanced"]),
        "solver": st.sampled_from(["lbfgs", *OPTIMIZERS]),
        "alpha": st.floats(0, 1e3),
        "batch_size": st.one_of(st.just("auto"), st.integers(1, 40)),
        "learning_rate": st.sampled_from(sorted(SCHEDULES)),
        "learning_rate_init": st.floats(1e-6, 1e3),
        "shuffle": st.booleans(),
        "momentum": st.floats(0, 1),
        "nesterovs_momentum": st.booleans(),
        "beta_1": st.floats(0, 0.999),
        "beta_2": st.floats(0, 0.9999),
        "dtype": st.sampled_from(["float32", "float64"]),
    }
)


@settings(max_examples=300)
@given(PARAMETERS, st.integers(2, 5), st.integers(5, 30), st.integers(1, 6), st.sampled_from("fd"))
def test_every_combination_of_valid_parameters_trains(parameters, n_classes, n_rows, n_features, kind):
    """It fits, goes on, survives a pickle, and predicts probabilities."""
    rng = np.random.default_rng(n_rows)
    X, y = rng.standard_normal((n_rows, n_features)).astype(kind), np.arange(n_rows) % n_classes
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # divergence, max_iter, a batch beyond the data
        model = MLPClassifier(max_iter=3, random_state=0, **parameters).fit(X, y)
        if parameters["solver"] != "lbfgs" and parameters["class_weight"] is None:
            model.partial_fit(X, y)
    P = model.predict_proba(X)
    assert P.dtype == X.dtype
    assert np.isfinite(P).all()
    assert (P >= 0).all()
    np.testing.assert_allclose(P.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X), P)


@given(st.integers(1, 50), st.integers(1, 60), st.booleans(), st.booleans(), st.data())
def test_an_epoch_has_every_row_once(n_rows, size, shuffled, merge_tail, data):
    X = np.arange(float(n_rows))[:, None]
    rows = data.draw(st.one_of(st.none(), st.sets(st.integers(0, n_rows - 1), min_size=1).map(sorted)))
    rng = np.random.default_rng(0) if shuffled else None
    rows = None if rows is None else np.array(rows)
    batches = Batches(X, X[:, 0], None, size, np.float32, rng, merge_tail, rows)
    lengths, seen = [], []
    for X_batch, y_batch, _ in batches:
        np.testing.assert_array_equal(X_batch[:, 0], y_batch)
        lengths.append(len(y_batch))
        seen += y_batch.tolist()
    assert sorted(seen) == (list(range(n_rows)) if rows is None else rows.tolist())
    assert len(lengths) == len(batches)
    assert set(lengths[:-1]) <= {size}
    if merge_tail and len(lengths) > 1:
        assert size / 2 <= lengths[-1] < 1.5 * size


@given(st.lists(st.integers(1, 20), min_size=1, max_size=6), st.integers(1, 8))
@pytest.mark.parametrize("transformer", [Standardizer(), Standardizer("minmax"), Whitener(eps=1e-3)])
def test_chunks_of_any_size_are_the_whole(transformer, chunks, n_features):
    rng = np.random.default_rng(n_features)
    X = rng.standard_normal((sum(chunks), n_features)) @ rng.standard_normal((n_features, n_features)) + 3
    whole = transformer.fit(X).transform(X)
    parts = type(transformer)(**transformer.get_params())
    for chunk in np.split(X, np.cumsum(chunks)[:-1]):
        parts.partial_fit(chunk)
    np.testing.assert_allclose(parts.transform(X), whole, atol=1e-8)
