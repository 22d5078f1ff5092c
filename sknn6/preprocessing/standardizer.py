"""Centre and scale every feature, and bound what lies far out."""

import warnings
from collections.abc import Callable
from numbers import Real
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import diags, issparse, spmatrix
from sklearn import config_context
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler
from sklearn.utils import check_array, gen_batches
from sklearn.utils.metaestimators import available_if
from sklearn.utils.sparsefuncs import inplace_column_scale
from sklearn.utils.validation import check_is_fitted, validate_data

from sknn6._sklearn_compat import (
    Interval,
    StrOptions,
    check_n_features,
    check_nonzero_weight,
    fit_context,
)
from sknn6.annotations import Matrix
from sknn6.versions import Versioned

EPS = np.finfo(np.float64).eps
CHECKS = {
    "accept_sparse": ("csr", "csc"),
    "dtype": (np.float64, np.float32),
    "ensure_all_finite": "allow-nan",
}


def _moments(X, weight=None):
    """Return (n, mean, variance) of each feature, NaN left out."""
    if issparse(X):
        X = X.astype(np.float64, copy=False)  # scikit-learn would square float32 in float32
    scaler = StandardScaler(with_mean=not issparse(X)).fit(X, sample_weight=weight)
    n, mean, variance = np.broadcast_arrays(scaler.n_samples_seen_, scaler.mean_, scaler.var_)
    constant = variance <= (X.shape[0] * EPS * mean) ** 2
    variance = np.where(constant, 0, variance)
    if constant.any() and not issparse(X):
        # Summing rounds the mean; any value of a constant is its exact mean.
        mean = mean.copy()
        mean[constant] = np.fmax.reduce(X[:, constant], axis=0)
    return n, mean, variance


def _merge_moments(old, new):
    """Chan, Golub & LeVeque (1983): d = m_b − mₐ, m = mₐ + d·n_b/n."""
    n = old[0] + new[0]
    share = new[0] / (n + (n == 0))
    step = new[1] - old[1]
    mean = old[1] + share * step
    variance = old[2] + share * (new[2] - old[2] + (1 - share) * step**2)
    # A feature that one side knows only as NaN takes the other's moments.
    known = np.where(new[0] == 0, old[1:], (mean, variance))
    return n, *np.where(old[0] == 0, new[1:], known)


def _from_moments(n, mean, variance):
    return mean, np.sqrt(variance)


def _extremes(X, weight=None):
    """Return (minimum, maximum) of each feature, which weights do not change."""
    scaler = MinMaxScaler().fit(X)
    return scaler.data_min_.astype(np.float64), scaler.data_max_.astype(np.float64)


def _merge_extremes(old, new):
    return np.fmin(old[0], new[0]), np.fmax(old[1], new[1])


def _from_extremes(low, high):
    # Halved before they are added: the largest floats must not overflow.
    return high / 2 + low / 2, high / 2 - low / 2


def _quartiles(X, weight=None):
    """Return (median, interquartile range), the deviation where that range is zero."""
    if weight is not None:
        X = X[np.repeat(np.arange(X.shape[0]), _counts(weight))]
    scaler = RobustScaler(with_centering=not issparse(X)).fit(X)
    spread = scaler.scale_.astype(np.float64)
    ones = np.flatnonzero(spread == 1)
    if ones.size:
        spread[ones] = _range_or_deviation(X[:, ones])
    centre = np.zeros(X.shape[1]) if issparse(X) else scaler.center_.astype(np.float64)
    return centre, spread


def _range_or_deviation(X):
    """Tell a range of 1 from a range of (nearly) zero, for which RobustScaler writes 1 too."""
    deviation = np.sqrt(_moments(X)[2])
    # No range exceeds 3.5 deviations: below 1/4 the deviation, by a power of 2, it is below 1.
    shrink = np.ldexp(0.25, -np.frexp(deviation)[1])
    spread = RobustScaler(with_centering=False).fit(X @ diags(shrink)).scale_
    return np.where(spread == 1, deviation, spread / shrink)


def _counts(weight):
    """Return weights as repeats of whole rows, all that a quantile can take."""
    fractional = weight[weight % 1 > 0]
    if fractional.size:
        raise ValueError(
            "The 'sample_weight' parameter of Standardizer(method='robust').fit must hold whole "
            f"numbers, how often each row counts. Got {fractional[0]} instead."
        )
    return weight.astype(np.intp)


def _from_quartiles(median, spread):
    return median, spread


class _Method(NamedTuple):
    """What to learn of X, how to add more X to it, and what centre and spread follow."""

    summarise: Callable
    merge: Callable | None
    locate: Callable
    sparse: bool


METHODS = {
    "zscore": _Method(_moments, _merge_moments, _from_moments, sparse=True),
    "robust": _Method(_quartiles, None, _from_quartiles, sparse=True),
    "minmax": _Method(_extremes, _merge_extremes, _from_extremes, sparse=False),
}
STREAMED = tuple(name for name, method in METHODS.items() if method.merge)
SPARSE = tuple(name for name, method in METHODS.items() if method.sparse)


def _streams(standardizer):
    """Return True, or raise what tells hasattr that there is no partial_fit."""
    if standardizer.method not in STREAMED:
        raise AttributeError(
            f"Standardizer has no partial_fit with method={standardizer.method!r}, for it cannot be "
            f"learned in chunks. Use one of {STREAMED}."
        )
    return True


def _squash(Z, c):
    """Z ← Z / √(1 + (Z/c)²)."""
    c = max(c, float(np.finfo(Z.dtype).tiny))  # 1 / c must not overflow
    far = c / float(np.finfo(Z.dtype).eps)  # the result is ±c from here on, and no square overflows
    np.clip(Z, -far, far, out=Z)
    Z /= np.sqrt(1 + (Z * (1 / c)) ** 2)


def _stretch(Z, c):
    """Undo `_squash`; rounding leaves nothing to tell |Z| ≥ c by, so that is the largest |Z| < c."""
    c = max(c, float(np.finfo(Z.dtype).tiny))
    Z /= c
    below = 1 - np.finfo(Z.dtype).epsneg
    np.clip(Z, -below, below, out=Z)
    Z *= c / np.sqrt((1 - Z) * (1 + Z))


class Standardizer(Versioned, OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    r"""Centre and scale each feature, then clip it smoothly if asked to.

    .. math::

        z = \frac{x - \mathrm{center}}{\mathrm{scale}}, \qquad
        z' = \frac{z}{\sqrt{1 + (z/c)^2}}

    ============  ==================  ============================
    ``method``    center              scale
    ============  ==================  ============================
    ``"zscore"``  mean                standard deviation (ddof 0)
    ``"robust"``  median              interquartile range
    ``"minmax"``  midpoint            half of maximum − minimum
    ============  ==================  ============================

    The statistics are those of :class:`~sklearn.preprocessing.StandardScaler`,
    :class:`~sklearn.preprocessing.RobustScaler` and
    :class:`~sklearn.preprocessing.MinMaxScaler`.

    Parameters
    ----------
    method : {"zscore", "robust", "minmax"}, default="zscore"
        Zero mean and unit variance; zero median and unit interquartile range, which outliers do
        not move; or the range [-1, 1].
    clip : float > 0 or None, default=None
        The bound c of smooth clipping: the identity near zero, never beyond ±c.

    Attributes
    ----------
    center_ : ndarray of shape (n_features,) or None
        What is subtracted; None after a fit on sparse data.
    scale_ : ndarray of shape (n_features,)
        What is divided by.
    n_samples_seen_ : int
        Rows of non-zero weight seen by `fit` and `partial_fit`.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if X has names that are all strings.

    Raises
    ------
    TypeError
        Sparse data for "minmax", whose shift would make them dense, or for a Standardizer that was
        fitted on dense data.
    ValueError
        Infinite values; weights that are negative, all zero or, for "robust", not whole numbers.

    Notes
    -----
    *Constant features.* A feature whose spread is within rounding of its centre (10 machine
    epsilons) has scale 1, so that a constant becomes exactly 0. In "robust" a feature that is not
    constant, but has an interquartile range of zero, is divided by its standard deviation: a rare
    spike is then bounded by about the square root of the number of samples.

    *Sparse data* are scaled and not centred, as centring would make them dense, and a dense X is
    then treated alike. Quartiles and deviations count the zeros that are not stored.

    *NaN* stay NaN and do not enter the statistics. A feature that is NaN throughout stays so.

    *Weights* count as repeated rows: any non-negative number for "zscore" and for "minmax", which
    only leaves out rows of weight zero; whole numbers for "robust", at the memory of the repeated
    rows. `partial_fit` exists for "zscore" and "minmax": a median cannot be streamed.

    *Clipping* is undone by `inverse_transform` to a relative error of about
    ``eps * (1 + (z / c) ** 2)``. A value at or beyond ±c has no original; it is taken as the
    nearest value inside, and becomes finite and large: c·7e7 in float64, c·3e3 in float32.

    References
    ----------
    D. Holzmüller, L. Grinsztajn, I. Steinwart (2024). Better by default: strong pre-tuned MLPs and
    boosted trees on tabular data. NeurIPS 37. (Robust scaling and smooth clipping.)

    Examples
    --------
    >>> from sknn6 import Standardizer
    >>> X = [[1.0, 7.0], [2.0, 7.0], [3.0, 7.0], [1000.0, 7.0]]
    >>> Standardizer("minmax").fit_transform(X)[:, 0]
    array([-1.      , -0.997998, -0.995996,  1.      ])
    >>> robust = Standardizer("robust", clip=3).fit(X)
    >>> robust.transform(X).round(2)
    array([[-0.01,  0.  ],
           [-0.  ,  0.  ],
           [ 0.  ,  0.  ],
           [ 2.4 ,  0.  ]])
    >>> robust.inverse_transform(robust.transform(X)).round(9)[3]
    array([1000.,    7.])
    """

    _parameter_constraints: dict = {
        "method": [StrOptions(set(METHODS))],
        "clip": [None, Interval(Real, 0, np.inf, closed="neither")],
    }

    def __init__(self, method: str = "zscore", *, clip: float | None = None):
        self.method = method
        self.clip = clip

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Matrix, y: object = None, sample_weight: ArrayLike | None = None) -> Self:
        """Learn center and scale.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The training data; NaN are left out.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            How often each row counts.

        Returns
        -------
        self : Standardizer
            The fitted estimator.
        """
        return self._learn(X, sample_weight, first=True)

    @available_if(_streams)
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Matrix, y: object = None, sample_weight: ArrayLike | None = None) -> Self:
        """Go on learning center and scale; the order and size of the chunks do not matter.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The next chunk of training data.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            How often each row counts.

        Returns
        -------
        self : Standardizer
            The fitted estimator.
        """
        return self._learn(X, sample_weight, first=not hasattr(self, "scale_"))

    def _learn(self, X, weight, first):
        X = self._validate(X, first)
        if weight is not None:
            weight = check_nonzero_weight(weight, X)
            X, weight = X[weight > 0], weight[weight > 0]
        if not first and self.method != self._learned_by:
            raise ValueError(
                f"The 'method' parameter of Standardizer must stay {self._learned_by!r} in partial_fit. "
                f"Got {self.method!r} instead."
            )
        self._learned_by = self.method
        summary = self._summarise(X, weight)
        method = METHODS[self.method]
        self._summary = summary if first else method.merge(self._summary, summary)
        self.n_samples_seen_ = X.shape[0] + (0 if first else self.n_samples_seen_)
        center, spread = method.locate(*self._summary)
        self.scale_ = np.where(spread <= 10 * EPS * np.abs(center), 1.0, spread)
        centred = not issparse(X) if first else self.center_ is not None
        self.center_ = center if centred else None
        return self

    def _validate(self, X, first):
        if issparse(X) and self.method not in SPARSE:
            raise TypeError(
                f"Standardizer(method={self.method!r}) needs dense data, for its shift would make "
                f"sparse data dense. Use one of {SPARSE}. Got {type(X).__name__}."
            )
        X = validate_data(self, X, reset=first, **CHECKS)
        return X if first else self._matching(X)

    def _matching(self, X):
        """Refuse sparse data after dense: to subtract center_ would make them dense."""
        if issparse(X) and self.center_ is not None:
            raise TypeError(
                "Standardizer was fitted on dense data, and centring would make sparse data dense. "
                f"Fit it on sparse data to scale only. Got {type(X).__name__}."
            )
        return X

    def _summarise(self, X, weight):
        with warnings.catch_warnings(), config_context(assume_finite=True):
            # A feature without a single number has no statistics, which is no reason to warn.
            warnings.filterwarnings("ignore", "All-NaN|invalid value", RuntimeWarning)
            return METHODS[self.method].summarise(X, weight)

    def transform(self, X: Matrix) -> NDArray | spmatrix:
        """Centre, scale and clip.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The data.

        Returns
        -------
        Z : {ndarray, sparse matrix} of shape (n_samples, n_features)
            A new array, float32 if X is, float64 otherwise.
        """
        check_is_fitted(self)
        X = self._validate(X, first=False)
        if issparse(X):
            Z = X.copy()
            inplace_column_scale(Z, 1 / self.scale_.astype(X.dtype, copy=False))
            self._clip(Z.data)
            return Z
        center = np.zeros(1) if self.center_ is None else self.center_
        center, scale = (array.astype(X.dtype, copy=False) for array in (center, self.scale_))
        Z = np.empty_like(X)
        # In blocks that stay in the cache, all the steps cost little more than one.
        for rows in gen_batches(len(X), max(1, 2**15 // X.shape[1])):
            block = np.subtract(X[rows], center, out=Z[rows])
            block /= scale
            self._clip(block)
        return Z

    def _clip(self, Z):
        if self.clip is not None:
            _squash(Z, float(self.clip))

    def inverse_transform(self, X: Matrix) -> NDArray | spmatrix:
        """Undo the clipping, the scaling and the centring.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Data as `transform` returns them.

        Returns
        -------
        X_original : {ndarray, sparse matrix} of shape (n_samples, n_features)
            A new array, float32 if X is, float64 otherwise.
        """
        check_is_fitted(self)
        X = check_array(X, copy=True, **CHECKS)
        check_n_features(self, X, reset=False)
        self._matching(X)
        if self.clip is not None:
            _stretch(X.data if issparse(X) else X, float(self.clip))
        if issparse(X):
            inplace_column_scale(X, self.scale_.astype(X.dtype, copy=False))
        else:
            X *= self.scale_
            X += 0 if self.center_ is None else self.center_
        return X

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = self.method in SPARSE
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
