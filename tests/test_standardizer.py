"""Standardizer against scikit-learn's scalers, the formulas, and scikit-learn's checks."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import config_context
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils import estimator_checks, get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from sknn6 import Standardizer
from sknn6.preprocessing.arithmetic import divide, multiply
from sknn6.preprocessing.location import METHODS, SPARSE, STREAMED

PEERS = {
    "zscore": StandardScaler(),
    "robust": RobustScaler(),
    "minmax": MinMaxScaler(feature_range=(-1, 1)),
}
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
SPARSE_CONTAINERS = [
    sparse.csr_array,
    sparse.csc_array,
    sparse.csr_matrix,
    sparse.csc_matrix,
]
every_method = pytest.mark.parametrize("method", METHODS)


@pytest.fixture
def X():
    """Return skewed data, some of them missing, on scales from 1e-2 to 1e3."""
    rng = np.random.default_rng(0)
    X = rng.lognormal(size=(97, 6)) * np.logspace(-2, 3, 6) - 5
    X[rng.random(X.shape) < 0.1] = np.nan
    return X


@parametrize_with_checks(
    [Standardizer(), Standardizer("robust"), Standardizer("minmax"), Standardizer(clip=3.0)]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names:UserWarning")
@every_method
@pytest.mark.parametrize("name", EXTRA_CHECKS)
def test_extra_scikit_learn_checks(name, method):
    getattr(estimator_checks, name)("Standardizer", Standardizer(method, clip=4.0))


@every_method
def test_agrees_with_scikit_learn(X, method):
    assert_allclose(Standardizer(method).fit_transform(X), PEERS[method].fit_transform(X), 1e-9)


@pytest.mark.parametrize("method", SPARSE)
@pytest.mark.parametrize("container", SPARSE_CONTAINERS)
def test_sparse_is_scaled_and_not_centred(method, container):
    dense = sparse.random(80, 5, density=0.9, random_state=1, format="csr").toarray()
    X = container(dense)
    standardizer = Standardizer(method, clip=2.0).fit(X)
    Z = standardizer.transform(X)
    scaled = dense / Standardizer(method).fit(dense).scale_
    assert standardizer.center_ is None
    assert type(Z) is type(X)
    assert Z.nnz == X.nnz
    assert_allclose(Z.toarray(), scaled / np.sqrt(1 + (scaled / 2) ** 2), 1e-12)
    assert_allclose(standardizer.transform(dense), Z.toarray(), 1e-12)
    assert_allclose(standardizer.inverse_transform(Z).toarray(), dense, 1e-12)
    assert_array_equal(X.toarray(), dense)


def test_sparse_data_that_would_become_dense_are_refused(X):
    X = np.nan_to_num(X)
    with pytest.raises(TypeError, match=r"method='minmax'.* needs dense data.*csr_array"):
        Standardizer("minmax").fit(sparse.csr_array(X))
    with pytest.raises(TypeError, match="was fitted on dense data"):
        Standardizer().fit(X).transform(sparse.csr_array(X))
    with pytest.raises(TypeError, match="was fitted on dense data"):
        Standardizer().fit(X).partial_fit(sparse.csr_array(X))
    with pytest.raises(TypeError, match="was fitted on dense data"):
        Standardizer().fit(X).inverse_transform(sparse.csr_array(X))


@pytest.mark.parametrize("method", SPARSE)
@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csc_array])
def test_sparse_entries_that_come_twice_are_one(method, container):
    """The square, the quartile and the clipping of a sum are not those of its terms."""
    dense = np.random.default_rng(0).poisson(1.0, (60, 5)).astype(float)
    X = container(dense)
    twice = container((np.repeat(X.data / 2, 2), np.repeat(X.indices, 2), X.indptr * 2), X.shape)
    standardizer = Standardizer(method, clip=1.0).fit(twice)
    expected = Standardizer(method, clip=1.0).fit(X)
    assert_array_equal(standardizer.scale_, expected.scale_)
    Z = standardizer.transform(twice)
    assert_array_equal(Z.toarray(), expected.transform(X).toarray())
    twice.data[:] = np.repeat(Z.data / 2, 2)
    assert_allclose(standardizer.inverse_transform(twice).toarray(), dense, atol=1e-12)
    assert twice.nnz == 2 * X.nnz


@every_method
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("constant", [0.0, 0.1, 1e6 + 0.1, -1e30, 1e-30, 1e-38])
def test_a_constant_becomes_exactly_zero(method, dtype, weighted, constant):
    X = np.column_stack([np.full(999, constant), np.arange(999)]).astype(dtype)
    weight = np.arange(999) if weighted else None
    Z = Standardizer(method).fit(X, sample_weight=weight).transform(X)
    assert_array_equal(Z[:, 0], 0)
    assert np.abs(Z[:, 1]).max() > 0.5


def test_many_weighted_constants_become_exactly_zero():
    rng = np.random.default_rng(0)
    X = np.tile(rng.normal(size=100) * 1e3, (999, 1))
    X[0] = np.nan
    Z = Standardizer().fit(X, sample_weight=rng.random(999)).transform(X)
    assert_array_equal(Z[1:], 0)


@pytest.mark.parametrize("method", STREAMED)
def test_a_constant_becomes_exactly_zero_in_chunks(method):
    X = np.full((70, 1), 1e6 + 0.1)
    standardizer = Standardizer(method)
    for chunk in np.array_split(X, 9):
        standardizer.partial_fit(chunk)
    assert_array_equal(standardizer.transform(X), 0)


def test_a_row_of_weight_zero_does_not_count_as_constant():
    X = np.array([[9.0], [0.1], [0.1], [0.1]])
    standardizer = Standardizer().fit(X, sample_weight=[0, 1e-5, 2e-5, 1e-5])
    assert_array_equal(standardizer.transform(X), [[8.9], [0], [0], [0]])
    assert standardizer.n_samples_seen_ == 3


@every_method
def test_rounding_noise_is_not_scaled_up(method):
    X = np.full((50, 1), 1e6)
    X[::3] = np.nextafter(1e6, 2e6)
    assert np.abs(Standardizer(method).fit_transform(X)).max() < 1e-9


@every_method
@pytest.mark.parametrize("scale", [1e-20, 1e20])
def test_the_unit_of_a_feature_does_not_matter(X, method, scale):
    Z = Standardizer(method).fit_transform(X)
    assert_allclose(Standardizer(method).fit_transform(X * scale), Z, 1e-9, 1e-12)


@pytest.mark.parametrize("unit", [1.0, 1e-20])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_robust_divides_a_rare_spike_by_its_deviation(unit, container):
    X = np.zeros((100, 2))
    X[7] = [1e6, 3.0]
    X[:, 1] += np.arange(100) % 3
    robust = Standardizer("robust").fit(container(X * unit))
    assert_allclose(robust.scale_, [X[:, 0].std() * unit, 2 * unit])
    assert robust.transform(X * unit).max() < 1 + np.sqrt(100)


@pytest.mark.parametrize("method", SPARSE)
def test_huge_sparse_float32_are_scaled_as_float64_are(method):
    """The square of 1e30 is beyond the range of float32."""
    X = sparse.csr_array(np.random.default_rng(0).standard_normal((20, 3)) * 1e30)
    scale = Standardizer(method).fit(X.astype(np.float32)).scale_
    assert_allclose(scale, Standardizer(method).fit(X).scale_, rtol=1e-6)


def test_robust_knows_a_range_of_one():
    X = np.repeat([[1.0], [2.0], [3.0], [4.0]], [1, 4, 4, 1], axis=0)
    assert RobustScaler().fit(X).scale_ == 1
    assert Standardizer("robust").fit(X).scale_ == 1


@every_method
def test_nan_is_kept(X, method):
    X[:, 2] = np.nan
    Z = Standardizer(method, clip=3).fit_transform(X)
    assert_array_equal(np.isnan(Z), np.isnan(X))


@pytest.mark.parametrize("method", STREAMED)
@pytest.mark.parametrize("size", [1, 7, 50])
@pytest.mark.parametrize("weighted", [False, True])
def test_chunks_equal_fit(X, method, size, weighted):
    X[-size:, 3] = np.nan
    X[:size, 4] = np.nan
    weight = np.random.default_rng(0).uniform(0.5, 2, len(X)) if weighted else None
    whole = Standardizer(method).fit(X, sample_weight=weight)
    chunked = Standardizer(method)
    for start in range(0, len(X), size):
        rows = slice(start, start + size)
        chunked.partial_fit(X[rows], sample_weight=weight[rows] if weighted else None)
    assert_allclose(chunked.center_, whole.center_, 1e-10)
    assert_allclose(chunked.scale_, whole.scale_, 1e-10)
    assert chunked.n_samples_seen_ == whole.n_samples_seen_ == len(X)


def test_sparse_chunks_equal_fit(X):
    X = sparse.csr_array(np.nan_to_num(X))
    chunked = Standardizer().partial_fit(X[:30]).partial_fit(X[30:])
    assert_allclose(chunked.scale_, Standardizer().fit(X).scale_, 1e-10)
    assert chunked.center_ is None
    assert chunked.partial_fit(X[:9].toarray()).center_ is None


def test_fit_forgets(X):
    standardizer = Standardizer().fit(X * 100)
    assert_array_equal(standardizer.fit(X).scale_, Standardizer().fit(X).scale_)
    assert standardizer.n_samples_seen_ == len(X)


@every_method
def test_only_what_streams_has_partial_fit(method):
    assert hasattr(Standardizer(method), "partial_fit") == (method in STREAMED)


@every_method
def test_whole_weights_repeat_rows(X, method):
    weight = np.random.default_rng(0).integers(0, 4, len(X))
    weighted = Standardizer(method).fit(X, sample_weight=weight)
    repeated = Standardizer(method).fit(np.repeat(X, weight, axis=0))
    assert_allclose(weighted.transform(X), repeated.transform(X), 1e-9, 1e-12)


def test_zscore_takes_any_weights():
    X, weight = np.array([[1.0], [2.0], [4.0]]), np.array([0.1, 0.25, 0.01])
    standardizer = Standardizer().fit(X, sample_weight=weight)
    mean = np.average(X[:, 0], weights=weight)
    assert_allclose(standardizer.center_, mean, 1e-14)
    assert_allclose(standardizer.scale_**2, np.average((X[:, 0] - mean) ** 2, weights=weight))


@pytest.mark.parametrize("size", [1e-300, 1e200])
def test_the_size_of_all_weights_does_not_matter(X, size):
    """Squares of sums of weights would be 0 or infinite."""
    weight = np.random.default_rng(0).integers(1, 4, len(X)).astype(float)
    plain = Standardizer().fit(X, sample_weight=weight)
    scaled = Standardizer().fit(X, sample_weight=size * weight)
    assert_allclose(scaled.transform(X), plain.transform(X), 1e-9, 1e-12)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1, 1, 0.5], r"'sample_weight' parameter .* must hold whole numbers.* Got 0\.5"),
        ([1, -1, 1], "Negative values in data passed to `sample_weight`"),
        ([0, 0, 0], "weights must contain at least one non-zero"),
        ([1, 1], r"sample_weight.shape == \(2,\), expected \(3,\)"),
    ],
)
def test_robust_refuses_weights_it_cannot_use(weight, message):
    with pytest.raises(ValueError, match=message):
        Standardizer("robust").fit(np.eye(3), sample_weight=weight)


@every_method
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clip_follows_the_formula(X, method, dtype):
    X = X.astype(dtype)
    Z = Standardizer(method).fit_transform(X)
    clipped = Standardizer(method, clip=0.7).fit_transform(X)
    assert_allclose(clipped, Z / np.sqrt(1 + (Z / 0.7) ** 2), 1e-6 if dtype == np.float32 else 1e-13)
    assert np.nanmax(np.abs(clipped)) <= 0.7


@pytest.mark.parametrize(("dtype", "huge"), [(np.float32, 1e38), (np.float64, 1e308)])
@pytest.mark.parametrize("clip", [0.1, 3, np.float64(1e3)])
def test_clip_bounds_what_is_far_out(dtype, huge, clip):
    standardizer = Standardizer(clip=clip).fit(np.array([[-1], [1]], dtype))
    Z = standardizer.transform(np.array([[-huge], [0], [1e-9], [huge]], dtype))
    assert Z.dtype == dtype
    assert_allclose(Z[:, 0], [-clip, 0, 1e-9, clip], 1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("clip", [5e-324, 1e-310, 1e-39])
def test_a_bound_that_has_no_reciprocal_bounds_to_next_to_nothing(dtype, clip):
    standardizer = Standardizer(clip=clip).fit(np.array([[-1], [1]], dtype))
    Z = standardizer.transform(np.array([[0], [3]], dtype))
    assert Z[0] == 0
    assert 0 < Z[1] <= max(clip, np.finfo(dtype).tiny)


@every_method
@pytest.mark.parametrize("clip", [None, 3.0])
@pytest.mark.parametrize(("dtype", "rtol"), [(np.float32, 1e-3), (np.float64, 1e-11)])
def test_inverse_transform_undoes_transform(X, method, clip, dtype, rtol):
    X = X.astype(dtype)
    standardizer = Standardizer(method, clip=clip)
    Z = standardizer.fit_transform(X)
    original = Z.copy()
    back = standardizer.inverse_transform(Z)
    assert_array_equal(Z, original)
    assert back.dtype == dtype
    assert_allclose(back, X, rtol, rtol)


@pytest.mark.parametrize(("dtype", "largest"), [(np.float32, 3e3), (np.float64, 7e7)])
def test_the_inverse_of_what_clip_cannot_return_is_finite_and_large(dtype, largest):
    standardizer = Standardizer(clip=2.0).fit(np.array([[-1], [1]], dtype))
    X = standardizer.inverse_transform(np.array([[-9], [-2], [1.99], [2], [9]], dtype))
    assert_allclose(X[[0, 1, 3, 4], 0], 2 * largest * np.array([-1, -1, 1, 1]), 0.1)
    assert 0 < X[2, 0] < largest


@every_method
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64])
def test_float32_is_kept_and_all_else_becomes_float64(method, dtype):
    X = np.arange(12).reshape(6, 2).astype(dtype)
    expected = np.float32 if dtype == np.float32 else np.float64
    standardizer = Standardizer(method, clip=3.0).fit(X)
    Z = standardizer.transform(X)
    assert Z.dtype == standardizer.inverse_transform(Z).dtype == expected
    assert standardizer.scale_.dtype == np.float64
    assert "float32" in get_tags(standardizer).transformer_tags.preserves_dtype


HUGE = 1.7e308


@every_method
@pytest.mark.parametrize("unit", [1e-300, 1e-160, 1e160, 1e300])
def test_numbers_of_any_size_are_standardised(X, method, unit):
    """Squares of them are beyond the range of float64."""
    expected = Standardizer(method, clip=3).fit(X)
    huge = Standardizer(method, clip=3).fit(X * unit)
    assert_allclose(huge.scale_, expected.scale_ * unit, 1e-9)
    assert_allclose(huge.transform(X * unit), expected.transform(X), 1e-9, 1e-12)
    assert_allclose(huge.inverse_transform(huge.transform(X * unit)), X * unit, 1e-9, unit * 1e-9)


@pytest.mark.parametrize("method", SPARSE)
@pytest.mark.parametrize("unit", [1e-160, 1e300])
def test_sparse_numbers_of_any_size_are_scaled(X, method, unit):
    X = np.where(X < 0, 0, np.nan_to_num(X))
    expected = Standardizer(method).fit_transform(sparse.csc_array(X))
    Z = Standardizer(method).fit_transform(sparse.csc_array(X * unit))
    assert_allclose(Z.toarray(), expected.toarray(), 1e-9)


@pytest.mark.parametrize("marker", [HUGE, -HUGE])
def test_a_marker_of_no_data_is_a_number(marker):
    """Beside m, the others count as 0: mean m/n, deviation m √(n - 1) / n, z-scores up to √(n - 1)."""
    X = np.arange(50.0)[:, None]
    X[7] = marker
    standardizer = Standardizer().fit(X)
    assert_allclose(standardizer.center_, marker / 50, 1e-12)
    assert_allclose(standardizer.scale_, HUGE / 50 * 7, 1e-12)
    expected = np.sign(marker) * np.where(np.arange(50) == 7, 7, -1 / 7)
    assert_allclose(standardizer.transform(X)[:, 0], expected, 1e-12)


@every_method
def test_both_ends_of_the_floats_are_one_column(method):
    X = np.array([[-HUGE], [-HUGE], [-1.0], [1.0], [HUGE], [HUGE]])
    standardizer = Standardizer(method).fit(X)
    Z = standardizer.transform(X)
    spread = {"zscore": np.sqrt(4 / 6), "robust": None, "minmax": 1}[method]
    if spread:
        assert_allclose(Z[:, 0], np.array([-1, -1, 0, 0, 1, 1]) / spread, 1e-12, 1e-300)
    assert_allclose(Z, -Z[::-1], 1e-12)
    assert_allclose(standardizer.inverse_transform(Z), X, 1e-12, HUGE * 1e-15)


@pytest.mark.parametrize("unit", [1e-200, 1e306])
def test_chunks_of_any_size_of_number_equal_fit(unit):
    """The last chunk is of plain numbers, whose share in it is next to nothing where the others are huge."""
    X = np.random.default_rng(0).standard_normal((90, 3))
    X[:60] *= unit
    chunked = Standardizer()
    for start in range(0, 90, 30):
        chunked.partial_fit(X[start : start + 30])
    whole = Standardizer().fit(X)
    assert_allclose(chunked.center_, whole.center_, 1e-9)
    assert_allclose(chunked.scale_, whole.scale_, 1e-9)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize(("scale", "expected"), [(1e300, 1e-262), (1e-300, np.finfo(np.float32).max)])
def test_what_was_learned_beyond_float32_transforms_float32(container, scale, expected):
    """Computed in float64; what float32 does not have is its largest number, or 0."""
    standardizer = Standardizer().fit(container(np.array([[-scale], [scale]])))
    Z = standardizer.transform(container(np.array([[1e38], [-1e38]], np.float32)))
    Z = Z.toarray() if sparse.issparse(Z) else Z
    assert Z.dtype == np.float32
    assert_allclose(Z[:, 0], np.float32([expected, -expected]))
    back = standardizer.inverse_transform(Z)
    assert np.isfinite(back).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_beyond_the_range_is_held_to_it(dtype):
    most = np.finfo(dtype).max
    standardizer = Standardizer().fit(np.array([[-1e-3], [1e-3]]))
    assert_array_equal(standardizer.transform(np.array([[-most], [most]])), [[-most], [most]])
    standardizer = Standardizer().fit(np.array([[-1e3], [1e3]]))
    assert_array_equal(standardizer.inverse_transform(np.array([[-most], [most]])), [[-most], [most]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("scale", "z"), [(2.0, [-0.625, 0.125]), (1.25, [-1, 0.2]), (1.0, [-1, 0.25]), (0.5, [-1, 0.5])]
)
def test_differences_beyond_the_range_are_divided_nonetheless(dtype, scale, z):
    """-3/4 - 1/2 of the largest number is beyond the range; what remains so is held to it."""
    most, z = np.finfo(dtype).max, np.array(z)[:, None]
    X, center = most * np.array([[-0.75], [0.75]], dtype), np.array([0.5 * float(most)])
    Z = np.empty_like(X)
    divide(X, center, np.array([scale]), Z)
    assert_allclose(Z / most, z, 1e-6)
    multiply(Z, center, np.array([scale]))
    assert_allclose(Z / most, np.maximum(z * scale + 0.5, -1), 1e-6)


def test_one_saved_by_the_first_version_goes_on(X):
    """Which kept the variance where the deviation is kept."""
    standardizer = Standardizer().fit(X[:50])
    state = standardizer.__getstate__()
    n, mean, deviation = state.pop("_statistics")
    loaded = Standardizer.__new__(Standardizer)
    loaded.__setstate__(state | {"_summary": (n, mean, deviation**2)})
    assert_allclose(loaded.partial_fit(X[50:]).scale_, standardizer.partial_fit(X[50:]).scale_, 1e-12)


def test_minmax_reaches_both_ends_of_the_largest_range():
    X = np.array([[-1e308, 0.9e308], [1e308, 1.1e308], [0.0, 1e308]])
    standardizer = Standardizer("minmax")
    assert_allclose(standardizer.fit(X).transform(X), [[-1, -1], [1, 1], [0, 0]], atol=1e-12)


@every_method
def test_order_of_memory_does_not_matter(X, method):
    Z = Standardizer(method, clip=2.0).fit_transform(X)
    assert_allclose(Standardizer(method, clip=2.0).fit_transform(np.asfortranarray(X)), Z, 1e-10)
    assert_allclose(Standardizer(method, clip=2.0).fit(X).transform(X[::2, :]), Z[::2], 1e-10)


def test_weights_are_routed_through_a_pipeline(X):
    X, weight = np.nan_to_num(X), np.arange(len(X)) % 3
    with config_context(enable_metadata_routing=True):
        pipeline = make_pipeline(
            Standardizer().set_fit_request(sample_weight=True),
            DecisionTreeRegressor().set_fit_request(sample_weight=False),
        ).fit(X, X[:, 0], sample_weight=weight)
    expected = Standardizer().fit(X, sample_weight=weight)
    assert_array_equal(pipeline[0].center_, expected.center_)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"method": "z"}, "The 'method' parameter of Standardizer must be a str among"),
        ({"clip": 0}, "The 'clip' parameter of Standardizer must be None or a float in the range"),
        ({"clip": np.inf}, "The 'clip' parameter of Standardizer"),
        ({"clip": "3"}, "The 'clip' parameter of Standardizer"),
    ],
)
def test_an_invalid_parameter_is_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        Standardizer(**parameters).fit(np.eye(3))


def test_inverse_transform_refuses_another_width(X):
    with pytest.raises(ValueError, match="X has 1 features, but Standardizer is expecting 6"):
        Standardizer().fit(X).inverse_transform(X[:, :1])


@every_method
def test_fitted_state_is_plain_arrays(X, method):
    standardizer = Standardizer(method).fit(X)
    state = vars(standardizer).copy()
    assert all(type(array) is np.ndarray for array in state.pop("_statistics"))
    assert {type(value) for value in state.values()} <= {str, int, type(None), np.ndarray}
    assert_array_equal(pickle.loads(pickle.dumps(standardizer)).transform(X), standardizer.transform(X))


@pytest.mark.parametrize("chunks", [1, 50])
@pytest.mark.parametrize(("mean", "deviation"), [(1e9, 0.01), (1.0, 1e-12)])
def test_many_rows_make_no_feature_constant(chunks, mean, deviation):
    """Its deviation is more than ten spacings of the numbers near its mean, but less than one per row."""
    x = mean + deviation * np.random.default_rng(0).standard_normal((200_000, 1))
    assert x.std() < len(x) * np.spacing(mean)
    model = Standardizer()
    for part in np.array_split(x, chunks):
        model.partial_fit(part)
    np.testing.assert_allclose(model.scale_, x.std(), rtol=1e-3)


@pytest.mark.parametrize(
    ("offset", "spread"), [(1e6, 0.3), (1e5, 0.1), (1.7e9, 1e3), (2020.0, 0.01), (0.0, 1.0)]
)
def test_float32_far_from_0_is_scaled_to_the_range(offset, spread):
    """Rounding the centre to float32 would shift the range by up to 3 %."""
    X = (np.random.default_rng(0).standard_normal((2000, 3)) * spread + offset).astype(np.float32)
    Z = Standardizer("minmax").fit_transform(X)
    assert_allclose([Z.min(axis=0), Z.max(axis=0)], [[-1] * 3, [1] * 3], rtol=1e-6)
    exact = X.astype(float)
    assert_allclose(
        Standardizer().fit_transform(X), (exact - exact.mean(axis=0)) / exact.std(axis=0), atol=1e-5
    )
