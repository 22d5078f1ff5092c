"""Centre and scale every feature, and clip outliers smoothly."""

import warnings
from collections.abc import Iterator
from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike
from scipy.sparse import issparse, spmatrix
from sklearn import config_context
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import Tags, check_array, gen_batches
from sklearn.utils.validation import check_is_fitted

from sknn6._sklearn_compat import (
    CallbackSupportMixin,
    Interval,
    StrOptions,
    available_if,
    check_n_features,
    check_nonzero_weight,
    fit_context,
    tells_callbacks,
)
from sknn6.annotations import Matrix
from sknn6.moments import scale_of
from sknn6.nn.annotations import Array, Rows
from sknn6.nn.inputs import bend
from sknn6.preprocessing.arithmetic import divide, entries, multiply, stretch
from sknn6.preprocessing.location import METHODS, SPARSE, STREAMED, Statistics
from sknn6.rollback import unchanged_if_it_fails
from sknn6.validation import one_entry_a_place, validate_data
from sknn6.versions import Versioned

__all__ = ["Standardizer"]

ACCEPTED: dict[str, Any] = {
    "accept_sparse": ("csr", "csc"),
    "dtype": (np.float64, np.float32),
    "ensure_all_finite": "allow-nan",
}


def _streams(standardizer: "Standardizer") -> bool:
    """Return True, or raise AttributeError if the method does not allow partial_fit."""
    if standardizer.method not in STREAMED:
        raise AttributeError(
            f"Standardizer has no partial_fit with method={standardizer.method!r}, for it cannot be "
            f"learned in chunks. Use one of {STREAMED}."
        )
    return True


class Standardizer(Versioned, CallbackSupportMixin, OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
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
        The bound c of smooth clipping, which hardly changes values near 0 and keeps all within ±c.

    Attributes
    ----------
    center_ : ndarray of shape (n_features,) or None
        The number that is subtracted from each feature; None after a fit on sparse data.
    scale_ : ndarray of shape (n_features,)
        The divisor of each feature.
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

    *Numbers of any size* are standardised, to 1.7e308: sums are scaled. A result beyond the range of
    the dtype is its largest number.

    *NaN* stay NaN and do not enter the statistics. A feature that is NaN throughout stays so.

    *Weights* count as repeated rows. For "zscore" they are any non-negative numbers; for "minmax" it
    only matters whether a weight is 0; "robust" needs whole numbers, and as much memory as the
    repeated rows. `partial_fit` exists for "zscore" and "minmax": a median cannot be streamed.

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

    _parameter_constraints: dict[str, list[Any]] = {
        "method": [StrOptions(set(METHODS))],
        "clip": [None, Interval(Real, 0, np.inf, closed="neither")],
    }

    def __init__(self, method: str = "zscore", *, clip: float | None = None):
        self.method = method
        self.clip = clip

    @fit_context(prefer_skip_nested_validation=True)
    @tells_callbacks
    def fit(self, X: Matrix, y: object = None, sample_weight: ArrayLike | None = None) -> Self:
        """Compute center and scale.

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
        with unchanged_if_it_fails(self):
            return self._learn(X, sample_weight, first=True)

    @available_if(_streams)
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Matrix, y: object = None, sample_weight: ArrayLike | None = None) -> Self:
        """Update center and scale with a chunk; the order and size of the chunks do not matter.

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
        with unchanged_if_it_fails(self):
            return self._learn(X, sample_weight, first=not hasattr(self, "scale_"))

    def _learn(self, X: Matrix, weight: ArrayLike | None, first: bool) -> Self:
        X = self._validate(X, first)
        if weight is not None:
            weight = check_nonzero_weight(weight, X)
            X, weight = X[weight > 0], weight[weight > 0]
        if not first and self.method != self._learned_by:
            raise ValueError(
                f"The 'method' parameter of Standardizer must stay {self._learned_by!r} in partial_fit. "
                f"Got {self.method!r} instead."
            )
        self._learned_by: str = self.method
        summary = self._summarise(X, weight)
        method = METHODS[self.method]
        if not first:
            assert method.merge is not None  # otherwise there is no partial_fit
            summary = method.merge(self._statistics, summary)
        self._statistics: Statistics = summary
        self.n_samples_seen_: int = X.shape[0] + (0 if first else self.n_samples_seen_)
        center, spread = method.locate(*self._statistics)
        self.scale_ = scale_of(center, spread)
        centred = not issparse(X) if first else self.center_ is not None
        self.center_: Array | None = center if centred else None
        return self

    def _validate(self, X: Matrix, first: bool) -> Rows:
        if issparse(X) and self.method not in SPARSE:
            raise TypeError(
                f"Standardizer(method={self.method!r}) needs dense data, for its shift would make "
                f"sparse data dense. Use one of {SPARSE}. Got {type(X).__name__}."
            )
        X = validate_data(self, X, reset=first, **ACCEPTED)
        return X if first else self._matching(X)

    def _matching(self, X: Rows) -> Rows:
        """Return X, or raise TypeError if it is sparse and would have to be centred."""
        if issparse(X) and self.center_ is not None:
            raise TypeError(
                "Standardizer was fitted on dense data, and centring would make sparse data dense. "
                f"Fit it on sparse data to scale only. Got {type(X).__name__}."
            )
        return X

    def _summarise(self, X: Rows, weight: Array | None) -> Statistics:
        with warnings.catch_warnings(), config_context(assume_finite=True):
            # A feature of nothing but NaN has no statistics; no warning is needed.
            warnings.filterwarnings("ignore", "All-NaN|invalid value", RuntimeWarning)
            return METHODS[self.method].summarise(X, weight)

    def transform(self, X: Matrix) -> Array | spmatrix:
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
        Z = X.copy() if issparse(X) else np.empty_like(X)
        for part, center, scale in self._parts(X):
            block = entries(Z)[part]
            divide(entries(X)[part], center, scale, out=block)
            if self.clip is not None:
                bend(block, safe_bound(self.clip, X.dtype))
        return Z

    def _parts(self, X: Rows) -> Iterator[tuple[slice, Array, Array]]:
        """Yield (slice, center, scale) for blocks of entries that fit into the cache.

        For dense X, a block is a slice of rows, with center and scale of all columns; for sparse X it is a
        slice of the stored entries, with the scale of each.
        """
        if issparse(X):
            column = X.tocoo(copy=False).col
            for start in range(0, X.nnz, 2**15):
                part = slice(start, start + 2**15)
                yield part, np.zeros(1), self.scale_[column[part]]
            return
        center = np.zeros(1) if self.center_ is None else self.center_
        for rows in gen_batches(len(X), max(1, 2**15 // X.shape[1])):
            yield rows, center, self.scale_

    def inverse_transform(self, X: Matrix) -> Array | spmatrix:
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
        X = one_entry_a_place(check_array(X, copy=True, **ACCEPTED))
        check_n_features(self, X, reset=False)
        self._matching(X)
        for part, center, scale in self._parts(X):
            block = entries(X)[part]
            if self.clip is not None:
                stretch(block, safe_bound(self.clip, X.dtype))
            multiply(block, center, scale)
        return X

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        old = state.pop("_summary", None)
        super().__setstate__(state)
        if old is not None:  # saved by version 0.1.0, which had the variance for the deviation
            n, *rest = old
            self._statistics = (n, rest[0], np.sqrt(rest[1])) if self._learned_by == "zscore" else old

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = self.method in SPARSE
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def safe_bound(clip: float, dtype: DTypeLike) -> float:
    """Return the bound of the clipping, large enough to have a finite reciprocal."""
    return max(float(clip), float(np.finfo(dtype).tiny))
