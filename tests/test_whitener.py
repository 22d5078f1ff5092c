"""Whitener against its formulas, scikit-learn's shrinkage, and scikit-learn's checks."""

import pickle
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import linalg
from sklearn import config_context
from sklearn.covariance import ledoit_wolf, oas
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils import estimator_checks, get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from sknn6 import Whitener
from sknn6.preprocessing.maps import COMPONENTS, METHODS

EXTRA_CHECKS = [
    "check_param_validation",
    "check_dataframe_column_names_consistency",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_global_output_transform_pandas",
    "check_global_set_output_transform_polars",
    "check_inplace_ensure_writeable",
]
COR = [method for method in METHODS if METHODS[method].of_correlation]
every_method = pytest.mark.parametrize("method", METHODS)


def data(n=200, p=8, seed=0):
    """Return correlated features far from zero, on scales from 1 to 30."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, p)) @ rng.normal(size=(p, p))) * np.geomspace(1, 30, p) + 1e3


def cov(X):
    return np.cov(X.T, ddof=0).reshape(X.shape[1], X.shape[1])


def deficient():
    """Return data of lower rank than their number of features, and that rank, by name."""
    rng = np.random.default_rng(0)
    X = data(p=5)
    ones = np.ones((200, 1))
    return {
        "constant": (np.hstack([X, 0.1 * ones]), 5),
        "huge constant": (np.hstack([X, (1e6 + 0.1) * ones, 1e30 * ones]), 5),
        "duplicates": (np.hstack([X, X, X[:, :2]]), 5),
        "sum": (np.hstack([X, X @ [[1.0], [2.0], [0], [-1], [1]]]), 5),
        "fewer samples": (data(n=6, p=9), 5),
        "many features": (rng.normal(size=(20, 300)) + 1e3, 19),
        "one sample": (data(n=1), 0),
        "all constant": (0.1 * np.ones((30, 4)), 0),
    }


every_deficiency = pytest.mark.parametrize("name", deficient())


@parametrize_with_checks(
    [Whitener(method) for method in METHODS]
    + [Whitener("cholesky", eps=0), Whitener(eps=0, shrinkage="oas"), Whitener("pca", eps=0)]
    + [Whitener(shrinkage="ledoit_wolf"), Whitener("zca_cor", shrinkage="ledoit_wolf")]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names:UserWarning")
@every_method
@pytest.mark.parametrize("name", EXTRA_CHECKS)
def test_extra_scikit_learn_checks(name, method):
    getattr(estimator_checks, name)("Whitener", Whitener(method))


@every_method
@pytest.mark.parametrize("offset", [-1e3, 0, 1e5])
def test_whitened_data_are_white(method, offset):
    X = data() + offset
    Z = Whitener(method, eps=0).fit_transform(X)
    assert_allclose(cov(Z), np.eye(8), atol=1e-8)
    assert_allclose(Z.mean(axis=0), 0, atol=1e-8)


@every_method
@pytest.mark.parametrize("eps", [0, 1e-5])
def test_inverse_transform_undoes_transform(method, eps):
    X = data()
    whitener = Whitener(method, eps=eps).fit(X)
    new = data(n=9, seed=0) * 1.1
    assert_allclose(whitener.inverse_transform(whitener.transform(new)), new, 1e-12)
    assert_allclose(whitener.whitening_ @ whitener.coloring_, np.eye(8), atol=1e-10)


@pytest.mark.parametrize("order", ["as it is", "sorted", "far rows first"])
def test_the_order_of_rows_costs_no_digits(order):
    X = data(n=3000) + 1e6
    X[::300] += 1e5
    by = {"as it is": np.arange(3000), "sorted": X[:, 0].argsort(), "far rows first": X[:, 0].argsort()[::-1]}
    whitener = Whitener().fit(X[by[order]])
    exact = X.astype(np.longdouble)
    exact -= exact.mean(axis=0)
    expected = np.linalg.eigvalsh((exact.T @ exact / 3000).astype(float))[::-1]
    assert_allclose(whitener.mean_, X.mean(axis=0), 1e-14)
    assert_allclose(whitener.eigenvalues_, expected, 1e-11, 1e-15 * expected[0])


def test_rows_of_next_to_no_weight_cost_no_digits():
    """They are most of the rows and far from the others, whose variance they add little to."""
    X = np.concatenate([np.full(900, 1e3), np.full(100, 5.0)])[:, None]
    weight = np.concatenate([np.full(900, 1e-18), np.ones(100)])
    whitener = Whitener("zca_cor", eps=0).fit(X, sample_weight=weight)
    assert_allclose(whitener.coloring_**2, [[900e-18 / 100 * 995**2]], 1e-9)


def test_formulas_of_kessy():
    X = data()
    sigma = cov(X)
    inverse = np.linalg.inv(sigma)
    V = np.diag(np.sqrt(np.diag(sigma)))
    P = np.corrcoef(X.T)
    W = {method: Whitener(method, eps=0).fit(X).whitening_ for method in METHODS}
    values, U = np.linalg.eigh(sigma)
    theta, G = np.linalg.eigh(P)
    assert_allclose(W["zca"], linalg.sqrtm(inverse), 1e-8, 1e-10)
    assert_allclose(W["zca_cor"] @ V, linalg.sqrtm(np.linalg.inv(P)), 1e-8, 1e-10)
    assert_allclose(np.abs(W["pca"]), np.abs((U / np.sqrt(values)).T[::-1]), 1e-8, 1e-10)
    assert_allclose(np.abs(W["pca_cor"] @ V), np.abs((G / np.sqrt(theta)).T[::-1]), 1e-8, 1e-10)
    assert_allclose(W["cholesky"], np.linalg.cholesky(inverse).T, 1e-8, 1e-10)


def test_optimal_properties_of_kessy():
    X = data()
    sigma = cov(X)
    phi = {method: Whitener(method, eps=0).fit(X).whitening_ @ sigma for method in METHODS}
    psi = {method: phi[method] / np.sqrt(np.diag(sigma)) for method in METHODS}
    assert max(METHODS, key=lambda method: np.trace(phi[method])) == "zca"
    assert max(METHODS, key=lambda method: np.trace(psi[method])) == "zca_cor"
    for compressing, Q in [("pca", phi), ("pca_cor", psi)]:
        kept = {method: np.cumsum(np.sort((Q[method] ** 2).sum(axis=1))[::-1]) for method in METHODS}
        assert all((kept[compressing] >= kept[method] - 1e-9).all() for method in METHODS)


def test_structure():
    X = data()
    zca = Whitener().fit(X).whitening_
    cholesky = Whitener("cholesky").fit(X).whitening_
    assert_array_equal(zca, zca.T)
    assert_array_equal(cholesky, np.triu(cholesky))
    assert (np.diag(cholesky) > 0).all()
    for method in COMPONENTS:
        W = Whitener(method).fit(X).whitening_
        assert (np.diag(W) > 0).all()


@every_method
@pytest.mark.parametrize("shrinkage", [None, 0.3, 1.0])
@pytest.mark.parametrize("eps", [0, 0.1])
def test_regularised_covariance(method, shrinkage, eps):
    X = data()
    whitener = Whitener(method, shrinkage=shrinkage, eps=eps).fit(X)
    V = np.std(X, axis=0) if method in COR else np.ones(8)
    sigma = cov(X / V)
    delta, mu = shrinkage or 0, np.trace(sigma) / 8
    regular = (1 - delta) * sigma + (delta + eps) * mu * np.eye(8)
    A = whitener.whitening_ * V
    assert_allclose(A.T @ A, np.linalg.inv(regular), 1e-8, 1e-10)
    assert_allclose(whitener.eigenvalues_ + eps * mu, np.linalg.eigvalsh(regular)[::-1], 1e-9)


@every_method
@pytest.mark.parametrize(("name", "peer"), [("ledoit_wolf", ledoit_wolf), ("oas", oas)])
@pytest.mark.parametrize(("n", "p"), [(60, 8), (8, 60), (30, 30), (5, 1)])
def test_shrinkage_is_that_of_scikit_learn(method, name, peer, n, p):
    X = data(n, p)
    standard = (X - X.mean(axis=0)) / (X.std(axis=0) if method in COR else 1)
    covariance, intensity = peer(standard)
    whitener = Whitener(method, shrinkage=name).fit(X)
    assert_allclose(whitener.shrinkage_, intensity, 1e-9)
    eigenvalues = np.linalg.eigvalsh(covariance)[::-1]
    assert_allclose(whitener.eigenvalues_, eigenvalues, 1e-9, 1e-12 * eigenvalues[0])


@every_method
@every_deficiency
def test_deficient_rank(method, name):
    X, rank = deficient()[name]
    whitener = Whitener(method, eps=0)
    Z = whitener.fit_transform(X)
    assert whitener.rank_ == rank
    assert np.isfinite(Z).all()
    assert np.abs(Z).max(initial=0) <= np.sqrt(len(X)) * (1 + 1e-6)
    S = cov(Z)
    assert_allclose(S @ S, S, atol=1e-8)
    assert_allclose(np.trace(S), rank, atol=1e-8)
    assert_allclose(whitener.inverse_transform(Z), X, 1e-12)


@every_method
@every_deficiency
@pytest.mark.parametrize("shrinkage", [None, "ledoit_wolf"])
def test_deficient_rank_regularised(method, name, shrinkage):
    X, rank = deficient()[name]
    whitener = Whitener(method, shrinkage=shrinkage)
    Z = whitener.fit_transform(X)
    assert Z.shape[1] == (rank if method in COMPONENTS else X.shape[1])
    largest_variance = 1 / (1 - whitener.shrinkage_)
    assert np.abs(Z).max(initial=0) <= np.sqrt(len(X) * largest_variance)
    assert np.isfinite(whitener.transform(X + 1)).all()
    assert_allclose(whitener.inverse_transform(Z), X, 1e-10)


@every_method
@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_the_unit_of_the_data_does_not_matter(method, scale):
    X = data()
    Z = Whitener(method).fit_transform(X)
    assert_allclose(Whitener(method).fit_transform(X * scale), Z, 1e-6, 1e-9)
    assert_allclose(Whitener(method).fit_transform((X * scale).astype("float32")), Z, atol=0.02)


@every_method
@pytest.mark.parametrize("exponents", [[30, 0, 0, 0], [0, -30, 0, 30], [-135] * 4])
def test_features_of_extreme_scale_stay_finite(method, exponents):
    X = np.random.default_rng(0).normal(size=(50, 4)) * 10.0 ** np.array(exponents)
    Z = Whitener(method).fit_transform(X)
    assert np.abs(Z).max() <= np.sqrt(50)


@pytest.mark.parametrize("method", ["zca", "pca_cor"])
@pytest.mark.parametrize("n", [50, 3])
@pytest.mark.parametrize("size", [1e150, 1e307, 1e-145, 1e-200, 1e-310])
@pytest.mark.parametrize("learn", ["fit", "partial_fit"])
def test_columns_whose_squares_leave_the_range_of_floats_are_refused_by_name(method, n, size, learn):
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(n, 4)), columns=list("abcd"))
    model = Whitener(method).fit(X)
    mean = model.mean_
    row = X.copy()
    row.loc[1, "b"] = size
    for far in (X * [1, size, 1, 1], *([row] if size > 1 else [])):
        with pytest.raises(
            ValueError, match=r"1e-140 to 1e\+149.*got others in \['b'\]\. Put a Standardizer"
        ):
            getattr(model, learn)(far)
    assert model.mean_ is mean
    with pytest.raises(ValueError, match=r"got others in \[1, 3\]\."):
        Whitener(method).fit(X.to_numpy() * [1, size, 1, size])


@every_method
def test_a_constant_of_any_size_is_no_matter(method):
    X = np.hstack([data(), np.full((200, 1), 1.7e308)])
    Z = Whitener(method, eps=0).fit_transform(X)
    assert_allclose(Z[:, :8], Whitener(method, eps=0).fit_transform(X[:, :8]), 1e-9, 1e-9)


@every_method
@pytest.mark.parametrize("shrinkage", ["ledoit_wolf", "oas"])
@pytest.mark.parametrize(("n", "p"), [(60, 8), (8, 60)])
@pytest.mark.parametrize("exponent", [-400, 400, 480])
def test_the_unit_of_the_data_does_not_matter_to_shrinkage(method, shrinkage, n, p, exponent):
    """Its fourth powers are beyond the range of floats from 1e77 on."""
    X = data(n, p)
    plain = Whitener(method, shrinkage=shrinkage).fit(X)
    sized = Whitener(method, shrinkage=shrinkage).fit(np.ldexp(X, exponent))
    assert_allclose(sized.shrinkage_, plain.shrinkage_, 1e-9)
    assert_allclose(sized.transform(np.ldexp(X, exponent)), plain.transform(X), 1e-6, 1e-6)


@every_method
@pytest.mark.parametrize("n", [200, 5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_far_rows_are_whitened_to_finite_numbers(method, n, dtype):
    """As those that are a power of 2 nearer are, times that power; or held to the largest number."""
    whitener = Whitener(method, eps=0).fit(data(n) - 1e3)
    W, most = whitener.whitening_, np.finfo(dtype).max
    X = np.array([[most, -most] * 4, [most / 4] * 8, [most] + [0] * 7], dtype)
    Z = whitener.transform(X)
    assert np.isfinite(Z).all()
    small = (X.astype(np.float64) / 2.0**100) @ W.T
    expected = np.clip(small, -most / 2.0**100, most / 2.0**100)
    assert_allclose(Z / 2.0**100, expected, 1e-4, np.abs(expected).max() * 1e-4)


@every_method
def test_a_gain_beyond_float32_is_held_to_its_range(method):
    """Of a deviation of 1e-42, as float32 can hold, the gain would be 1e42."""
    X = (np.random.default_rng(0).normal(size=(50, 4)) * 1e-42).astype(np.float32)
    Z = Whitener(method).fit_transform(X)
    assert np.isfinite(Z).all()
    assert np.abs(Z).max() > 1e-5


@pytest.mark.parametrize("method", COR)
@pytest.mark.parametrize("shrinkage", [None, "ledoit_wolf", "oas"])
def test_the_scale_of_features_does_not_matter_to_cor(method, shrinkage):
    X = data()
    Z = Whitener(method, shrinkage=shrinkage).fit_transform(X)
    scaled = Whitener(method, shrinkage=shrinkage).fit_transform(X * np.logspace(-12, 12, 8))
    assert_allclose(scaled, Z, 1e-8, 1e-9)


@pytest.mark.parametrize("method", COR)
def test_rounding_noise_is_not_scaled_up_by_cor(method):
    noise = np.full((200, 1), 1e6)
    noise[::3] = np.nextafter(1e6, 2e6)
    whitener = Whitener(method, eps=0).fit(np.hstack([data(), noise]))
    assert_array_equal(whitener.whitening_[:, -1], 0)
    assert whitener.rank_ == 8


@every_method
def test_small_eigenvalues_have_full_precision(method):
    rng = np.random.default_rng(0)
    rotation = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    X = rng.normal(size=(300, 6)) * np.logspace(0, -9, 6) @ rotation
    whitener = Whitener(method, eps=0)
    assert_allclose(cov(whitener.fit_transform(X)), np.eye(6), atol=1e-5)
    assert whitener.rank_ == 6
    # Chunks leave the covariance only, and that has lost them.
    chunked = Whitener(method, eps=0).partial_fit(X[:9]).partial_fit(X[9:])
    assert chunked.rank_ < 6


@every_method
@pytest.mark.parametrize("size", [1, 7, 64, 200])
@pytest.mark.parametrize("shrinkage", [None, "oas"])
@pytest.mark.parametrize("weighted", [False, True])
def test_chunks_equal_fit(method, size, shrinkage, weighted):
    X = data()
    weight = np.random.default_rng(0).uniform(0.5, 2, 200) if weighted else None
    whole = Whitener(method, shrinkage=shrinkage).fit(X, sample_weight=weight)
    chunked = Whitener(method, shrinkage=shrinkage)
    for start in range(0, 200, size):
        rows = slice(start, start + size)
        chunked.partial_fit(X[rows], sample_weight=weight[rows] if weighted else None)
    assert_allclose(chunked.mean_, whole.mean_, 1e-12)
    # Rounding changes each eigenvalue by some 1e-15 of the largest (Weyl), and so the direction that belongs
    # to the smallest by so much of the largest over the smallest.
    error = 1e-14 * whole.eigenvalues_[0]
    assert_allclose(chunked.eigenvalues_, whole.eigenvalues_, 1e-14, error)
    error = max(1e-12, error / whole.eigenvalues_[-1])
    assert_allclose(chunked.transform(X), whole.transform(X), error, 10 * error)
    assert_allclose(chunked.n_samples_seen_, whole.n_samples_seen_)


@every_method
@every_deficiency
def test_chunks_of_deficient_data_equal_fit(method, name):
    X, _ = deficient()[name]
    whole = Whitener(method).fit(X)
    chunked = Whitener(method).fit(X[:3])
    for start in range(3, len(X), 5):
        chunked.partial_fit(X[start : start + 5])
    assert chunked.rank_ == whole.rank_
    assert_allclose(chunked.transform(X), whole.transform(X), 1e-9, 1e-9)


def test_fit_forgets():
    whitener = Whitener().fit(data() * 5)
    assert_array_equal(whitener.fit(data()).whitening_, Whitener().fit(data()).whitening_)


def test_ledoit_wolf_cannot_be_streamed():
    assert not hasattr(Whitener(shrinkage="ledoit_wolf"), "partial_fit")
    assert hasattr(Whitener(shrinkage="oas"), "partial_fit")


@every_method
@pytest.mark.parametrize("shrinkage", [None, "ledoit_wolf", "oas"])
@pytest.mark.parametrize(("n", "p"), [(200, 8), (20, 40)])
def test_whole_weights_repeat_rows(method, shrinkage, n, p):
    X = data(n, p)
    weight = np.random.default_rng(0).integers(0, 4, n)
    weighted = Whitener(method, shrinkage=shrinkage).fit(X, sample_weight=weight)
    repeated = Whitener(method, shrinkage=shrinkage).fit(np.repeat(X, weight, axis=0))
    assert_allclose(weighted.shrinkage_, repeated.shrinkage_, 1e-9)
    assert_allclose(weighted.transform(X), repeated.transform(X), 1e-8, 1e-8)
    assert weighted.n_samples_seen_ == weight.sum()


def test_weights_are_routed_through_a_pipeline():
    X, weight = data(), np.arange(200) % 3
    with config_context(enable_metadata_routing=True):
        pipeline = make_pipeline(
            Whitener().set_fit_request(sample_weight=True),
            DecisionTreeRegressor().set_fit_request(sample_weight=False),
        ).fit(X, X[:, 0], sample_weight=weight)
    assert_array_equal(pipeline[0].mean_, Whitener().fit(X, sample_weight=weight).mean_)


@every_method
@pytest.mark.parametrize("weighted", [False, True])
def test_fit_transform_is_fit_and_transform(method, weighted):
    """Of all rows, those of no weight too."""
    X, weight = data(), np.arange(200) % 3 if weighted else None
    Z = Whitener(method).fit_transform(X, sample_weight=weight)
    assert_array_equal(Z, Whitener(method).fit(X, sample_weight=weight).transform(X))


@pytest.mark.parametrize("method", ["zca", "zca_cor", "pca", "pca_cor"])
def test_wide_data_need_no_square_matrix(method):
    X = data(n=30, p=3000)
    tracemalloc.start()
    whitener = Whitener(method, shrinkage="oas")
    whitener.inverse_transform(whitener.fit_transform(X))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * X.nbytes < 3000 * 3000 * 8 / 4


@pytest.mark.parametrize("method", ["zca", "zca_cor", "cholesky"])
@pytest.mark.parametrize("shrinkage", [None, 0.2])
def test_wide_data_follow_the_full_formula(method, shrinkage):
    X = data(n=20, p=50)
    whitener = Whitener(method, shrinkage=shrinkage, eps=0.01).fit(X)
    V = X.std(axis=0) if method in COR else np.ones(50)
    sigma = cov(X / V)
    delta, mu = shrinkage or 0, np.trace(sigma) / 50
    inverse = np.linalg.inv((1 - delta) * sigma + (delta + 0.01) * mu * np.eye(50))
    W = np.linalg.cholesky(inverse).T if method == "cholesky" else linalg.sqrtm(inverse)
    new = data(n=5, p=50, seed=1)
    Z = (new - X.mean(axis=0)) / V @ W.T
    assert_allclose(whitener.transform(new), Z, 1e-8, 1e-8 * np.abs(Z).max())
    assert_allclose(whitener.whitening_ * V, W, 1e-8, 1e-8 * np.abs(W).max())
    assert_allclose(whitener.whitening_ @ whitener.coloring_, np.eye(50), atol=1e-9)
    assert_allclose(whitener.inverse_transform(Z), new, 1e-9)


@every_method
@pytest.mark.parametrize(("n", "p"), [(200, 8), (20, 40)])
def test_float32_is_kept_and_learned_in_float64(method, n, p):
    X = (data(n, p) - 999).astype(np.float32)
    whitener = Whitener(method).fit(X)
    Z = whitener.transform(X)
    double = Whitener(method).fit(X.astype(np.float64))
    assert Z.dtype == whitener.inverse_transform(Z).dtype == np.float32
    assert_array_equal(whitener.whitening_, double.whitening_)
    assert_allclose(Z, double.transform(X.astype(np.float64)), atol=1e-3)
    assert_allclose(whitener.inverse_transform(Z), X, atol=0.1)
    assert "float32" in get_tags(whitener).transformer_tags.preserves_dtype
    assert Whitener(method).fit_transform(X.astype(np.float16)).dtype == np.float64


@every_method
def test_feature_names(method):
    X = np.hstack([data(), data()[:, :1]])
    names = Whitener(method).fit(X).get_feature_names_out([f"pixel{i}" for i in range(9)])
    components = [f"whitener{i}" for i in range(8)]
    assert list(names) == (components if method in COMPONENTS else [f"pixel{i}" for i in range(9)])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"method": "ica"}, "The 'method' parameter of Whitener must be a str among"),
        ({"shrinkage": "lw"}, "The 'shrinkage' parameter of Whitener must be None, a str among"),
        ({"shrinkage": 1.5}, "The 'shrinkage' parameter of Whitener"),
        ({"eps": -1e-9}, "The 'eps' parameter of Whitener must be a float in the range"),
        ({"eps": None}, "The 'eps' parameter of Whitener"),
    ],
)
def test_an_invalid_parameter_is_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        Whitener(**parameters).fit(data())


def test_inverse_transform_refuses_another_width():
    with pytest.raises(ValueError, match=r"X has 7 features, but Whitener\.inverse_transform"):
        Whitener().fit(data()).inverse_transform(data(p=7))


@pytest.mark.parametrize("weight", [-np.ones(200), np.zeros(200)])
def test_useless_weights_are_refused(weight):
    with pytest.raises(ValueError, match="weight"):
        Whitener().fit(data(), sample_weight=weight)


@every_method
@pytest.mark.parametrize(("n", "p"), [(200, 8), (20, 40)])
def test_fitted_state_is_plain_arrays(method, n, p):
    X = data(n, p)
    whitener = Whitener(method).fit(X)
    assert {type(value) for value in vars(whitener).values()} <= {
        str, int, float, type(None), np.float64, np.ndarray, tuple
    }  # fmt: skip
    loaded = pickle.loads(pickle.dumps(whitener))
    assert_array_equal(loaded.transform(X), whitener.transform(X))
    assert_array_equal(loaded.partial_fit(X).mean_, whitener.partial_fit(X).mean_)


def test_chunks_of_fewer_rows_than_features_are_held_as_rows():
    """No matrix of features by features is formed, until there are as many rows."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 50)) + 3
    weight = rng.integers(1, 4, 60)
    whitener = Whitener(eps=0)
    for start in range(0, 60, 10):
        rows = slice(start, start + 10)
        whitener.partial_fit(X[rows], sample_weight=weight[rows])
        seen = slice(0, start + 10)
        assert whitener._scatter.shape == ((start + 10 + start // 10) if start < 40 else 50, 50)
        whole = Whitener(eps=0).fit(X[seen], sample_weight=weight[seen])
        assert whitener.rank_ == whole.rank_
        assert_allclose(whitener.eigenvalues_, whole.eigenvalues_, rtol=1e-9, atol=1e-12)
        assert_allclose(whitener.transform(X[seen]), whole.transform(X[seen]), rtol=1e-6, atol=1e-6)
