"""Decorrelate the features: ZCA and its family.

The module has only the estimator, and more than half of it is documentation; the numerics are in scatter,
spectrum and maps.
"""

from numbers import Real
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    OneToOneFeatureMixin,
    TransformerMixin,
)
from sklearn.utils import Tags, check_array
from sklearn.utils.validation import check_is_fitted

from sknn6._sklearn_compat import (
    CallbackSupportMixin,
    Interval,
    StrOptions,
    available_if,
    check_nonzero_weight,
    fit_context,
    tells_callbacks,
)
from sknn6.moments import is_constant
from sknn6.nn.annotations import Array
from sknn6.nn.parallel import share_if_large
from sknn6.preprocessing.arithmetic import saturate
from sknn6.preprocessing.maps import COMPONENTS, METHODS, LinearMap, apply, inverse, matrix, scaled
from sknn6.preprocessing.scatter import CentredRows, blocks, merged, squares
from sknn6.preprocessing.spectrum import OF_ROWS, SHRINKAGES, Spectrum, eigen_of_covariance, eigen_of_rows
from sknn6.rollback import unchanged_if_it_fails
from sknn6.threads import products_share_cores
from sknn6.validation import validate_data
from sknn6.versions import Versioned

__all__ = ["Whitener"]

FLOATS = (np.float64, np.float32)

# Columns of other sizes are refused: the squares of 1e9 numbers of these sizes can be summed in float64, and
# a sum of small ones is a normal number with all of its digits.
NEAR, FAR = 1e-140, 1e149


def _streams(whitener: "Whitener") -> bool:
    """Return True, or raise AttributeError if the shrinkage does not allow partial_fit."""
    if whitener.shrinkage in OF_ROWS:
        others = ", ".join(repr(name) for name in SHRINKAGES if name not in OF_ROWS)
        raise AttributeError(
            f"Whitener has no partial_fit with shrinkage={whitener.shrinkage!r}, whose fourth moments need "
            f"all the data at once. Use None, {others} or a float in the range [0.0, 1.0]."
        )
    return True


class Whitener(
    Versioned,
    CallbackSupportMixin,
    OneToOneFeatureMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    r"""Make the features uncorrelated and of unit variance.

    .. math::

        z = W (x - \mathrm{mean}), \qquad W^T W = (\Sigma' + \epsilon \mu I)^{-1}, \qquad
        \Sigma' = (1 - \delta) \Sigma + \delta \mu I

    with the covariance :math:`\Sigma = \frac1n \sum_i (x_i - \mathrm{mean})(x_i -
    \mathrm{mean})^T` (ddof 0), its mean eigenvalue :math:`\mu = \mathrm{tr}\, \Sigma / p` and
    ``shrinkage_`` :math:`\delta`. For rows of X that is ``Z = (X - mean_) @ whitening_.T``.

    With :math:`\Sigma = U \Lambda U^T`, standard deviations :math:`V^{1/2}` and the correlation
    :math:`P = V^{-1/2} \Sigma V^{-1/2} = G \Theta G^T`:

    ==============  ===================================  ===========================================
    ``method``      W                                    property
    ==============  ===================================  ===========================================
    ``"zca"``       :math:`\Sigma^{-1/2}`                symmetric; z stays closest to x
    ``"zca_cor"``   :math:`P^{-1/2} V^{-1/2}`            closest to the standardised x, whatever the
                                                         scale of the features
    ``"pca"``       :math:`\Lambda^{-1/2} U^T`           components by variance
    ``"pca_cor"``   :math:`\Theta^{-1/2} G^T V^{-1/2}`   the same, whatever the scale of the features
    ``"cholesky"``  :math:`L^T, L L^T = \Sigma^{-1}`     triangular; depends on the features' order
    ==============  ===================================  ===========================================

    Parameters
    ----------
    method : {"zca", "zca_cor", "pca", "pca_cor", "cholesky"}, default="zca"
        The whitening map. "zca_cor" and "pca_cor" use the correlation P in place of :math:`\Sigma`
        throughout, :math:`\delta` and :math:`\mu` too.
    shrinkage : {"ledoit_wolf", "oas"}, float in [0, 1] or None, default=None
        The weight :math:`\delta` of :math:`\mu I`; by name, the estimate of
        :func:`~sklearn.covariance.ledoit_wolf` or :func:`~sklearn.covariance.oas`. None is 0.
    eps : float >= 0, default=1e-5
        Added to every eigenvalue, in units of their mean :math:`\mu`: it does not depend on the
        scale of X. More of it smooths, for whitening exaggerates noise. With 0 and no shrinkage,
        the covariance of Z is the identity.

    Attributes
    ----------
    mean_ : ndarray of shape (n_features,)
        Mean of the training data.
    whitening_ : ndarray of shape (n_features, n_features) or (`rank_`, n_features)
        W.
    coloring_ : ndarray of shape (n_features, n_features) or (n_features, `rank_`)
        The inverse of W, its pseudo-inverse where it has none: ``x = mean_ + coloring_ @ z``.
    eigenvalues_ : ndarray of shape (n_features,)
        Eigenvalues of :math:`\Sigma'`, or of P', after shrinkage and before eps, descending.
    rank_ : int
        How many eigenvalues of the covariance were above rounding before shrinkage.
    shrinkage_ : float
        :math:`\delta`.
    n_samples_seen_ : float
        Sum of the weights of the rows seen by `fit` and `partial_fit`: their number without weights.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if X has names that are all strings.

    Raises
    ------
    ValueError
        NaN or infinite values; weights that are negative or all zero.

    Notes
    -----
    *Deficient rank.* Where the features span fewer dimensions than there are features (constant or
    duplicate features, fewer samples than features), directions without variance have the gain
    :math:`1/\sqrt{(\delta + \epsilon) \mu}`, and 0 if that is infinite. The training data have
    nothing in these directions: Z is bounded, its covariance is a projector if eps and shrinkage are
    0, and `inverse_transform` gives X back. "pca" and "pca_cor" return the `rank_` components that
    have variance and no others. A feature that is constant has no correlation: "zca_cor" and
    "pca_cor" ignore it.

    *Precision.* All statistics are computed in float64, in one pass, from data that are centred near
    their mean; the distance of centre and mean is then taken out of the moments. `fit` decomposes the
    covariance, and takes the singular values of the data instead if an eigenvalue below 1e-8 of the
    largest would matter, or if there are fewer samples than features. `partial_fit` has no data to
    go back to, and counts eigenvalues below ``n_features * 2e-16`` of the largest as zero. In float32,
    X is centred in float64 and multiplied in float32.

    *Memory.* X is centred in blocks. With fewer samples than features, no n_features × n_features
    matrix is formed, except by "cholesky" and when `whitening_` or `coloring_` of "zca" or "zca_cor"
    is read; the estimator then holds the centred training data, which `partial_fit` adds to until
    there are as many rows as features.

    *Chunks.* `partial_fit` is exact for chunks of any size and decomposes at the end of each. It
    does not exist for "ledoit_wolf", which needs fourth moments about the final mean.

    Do not whiten single pixels before a segmentation: it changes what the value of a pixel means.

    References
    ----------
    A. Kessy, A. Lewin, K. Strimmer (2018). Optimal whitening and decorrelation. The American
    Statistician 72(4), 309-314.

    Examples
    --------
    >>> import numpy as np
    >>> from sknn6 import Whitener
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(100, 3)) @ [[2.0, 1.0, 0.0], [0.0, 1.0, 1.0], [0.0, 0.0, 0.1]] + 50
    >>> whitener = Whitener(eps=0).fit(X)
    >>> Z = whitener.transform(X)
    >>> np.allclose(np.cov(Z.T, ddof=0), np.eye(3))
    True
    >>> np.allclose(whitener.inverse_transform(Z), X)
    True

    A duplicate feature adds no dimension, and does no harm:

    >>> whitener = Whitener("pca", eps=0).fit(np.hstack([X, X[:, :1]]))
    >>> whitener.rank_, whitener.get_feature_names_out()
    (3, array(['whitener0', 'whitener1', 'whitener2'], dtype=object))
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "method": [StrOptions(set(METHODS))],
        "shrinkage": [None, StrOptions(set(SHRINKAGES)), Interval(Real, 0, 1, closed="both")],
        "eps": [Interval(Real, 0, np.inf, closed="left")],
    }

    def __init__(
        self,
        method: str = "zca",
        *,
        shrinkage: Literal["ledoit_wolf", "oas"] | float | None = None,
        eps: float = 1e-5,
    ):
        self.method = method
        self.shrinkage = shrinkage
        self.eps = eps

    @fit_context(prefer_skip_nested_validation=True)
    @tells_callbacks
    @products_share_cores()
    def fit(self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None) -> Self:
        """Learn the mean and the whitening map.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The training data.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            How often each row counts; any non-negative number.

        Returns
        -------
        self : Whitener
            The fitted estimator.
        """
        with unchanged_if_it_fails(self):
            return self._start(self._rows(self._validate(X, reset=True), sample_weight))

    @fit_context(prefer_skip_nested_validation=True)
    @tells_callbacks
    @products_share_cores()
    def fit_transform(self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None) -> Array:
        """Fit to X and whiten it, as `fit` and `transform` do, but validate X only once.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The training data.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            How often each row counts; any non-negative number.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_features) or (n_samples, `rank_`)
            A new array, float32 if X is, float64 otherwise.
        """
        with unchanged_if_it_fails(self):
            X = self._validate(X, reset=True)
            return self._start(self._rows(X, sample_weight))._whiten(X)

    @available_if(_streams)
    @fit_context(prefer_skip_nested_validation=True)
    @products_share_cores()
    def partial_fit(self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None) -> Self:
        """Update the map with a chunk of any size; the result is that of `fit` on all chunks together.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The next chunk of training data.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            How often each row counts; any non-negative number.

        Returns
        -------
        self : Whitener
            The fitted estimator.
        """
        first = not hasattr(self, "mean_")
        with unchanged_if_it_fails(self):
            rows = self._rows(self._validate(X, reset=first), sample_weight)
            return self._start(rows) if first else self._merge(rows)

    def _validate(self, X: ArrayLike, reset: bool) -> Array:
        return validate_data(self, X, reset=reset, dtype=FLOATS)

    def _rows(self, X: Array, weight: ArrayLike | None) -> CentredRows:
        if weight is None:
            weight = np.ones(len(X))
        else:
            weight = check_nonzero_weight(weight, X)
            X, weight = X[weight > 0], weight[weight > 0]
        with np.errstate(over="ignore", invalid="ignore"):  # _check_range refuses numbers that overflow
            rows = CentredRows(X, weight)
            self._check_range(X, rows.mean, rows.squares())
        return rows

    def _check_range(self, X: Array, mean: Array, squares: Array) -> None:
        """Raise ValueError with the columns whose squares are beyond the range of floats."""
        constant = squares == 0
        constant[constant] = np.ptp(X[:, constant], axis=0) == 0  # others have squares below the range
        usual = (np.abs(mean) < FAR) & (squares < FAR**2) & (squares > NEAR**2)
        within = constant | usual
        if not within.all():
            columns = getattr(self, "feature_names_in_", np.arange(len(squares)))[~within]
            raise ValueError(
                f"Whitener needs columns that vary by {NEAR:.0e} to {FAR:.0e}, whose squares can be summed, "
                f"got others in {columns.tolist()}. Put a Standardizer before it."
            )

    def _start(self, rows: CentredRows) -> Self:
        self.n_samples_seen_, self.mean_, self._scatter = rows.n, rows.mean, rows.scatter
        return self._decompose(rows)

    def _merge(self, rows: CentredRows) -> Self:
        """Merge the moments of a new chunk, and decompose.

        Chan, Golub & LeVeque (1983): d = m_b − mₐ, m = mₐ + d·n_b/n, M = Mₐ + M_b + ddᵀ·nₐn_b/n.
        """
        n = self.n_samples_seen_ + rows.n
        step = rows.mean - self.mean_
        between = np.sqrt(self.n_samples_seen_ * rows.n / n) * step
        self._scatter = merged(self._scatter, rows.scatter, between)
        self.mean_ = self.mean_ + step * (rows.n / n)
        self.n_samples_seen_ = n
        return self._decompose()

    def _decompose(self, rows: CentredRows | None = None) -> Self:
        """Set what `transform` needs, from the moments; return the estimator."""
        method = METHODS[self.method]
        self._std = self._deviation() if method.of_correlation else np.ones(self.n_features_in_)
        unit = inverse(self._std)
        values, U, self.shrinkage_ = self._spectrum(unit, rows)
        U = U * np.where(np.diag(U) < 0, -1, 1)
        mean = values.mean()
        self.rank_ = int(np.count_nonzero(values))
        self.eigenvalues_ = (1 - self.shrinkage_) * values + self.shrinkage_ * mean
        root = np.sqrt(self.eigenvalues_ + self.eps * mean)
        whitening, self._coloring = method.maps(U, inverse(root), root, self.rank_)
        self._whitening = scaled(unit, *whitening)
        return self

    @property
    def _wide(self) -> bool:
        """Whether the centred rows are kept, because there are fewer than features."""
        return len(self._scatter) < self.n_features_in_

    def _deviation(self) -> Array:
        """Return √diag Σ, and 0 for features that are constant up to rounding errors."""
        std = np.sqrt(squares(self._scatter) / self.n_samples_seen_)
        return np.where(is_constant(self.mean_, std), 0, std)

    def _spectrum(self, unit: Array, rows: CentredRows | None) -> Spectrum:
        """Return the spectrum of the covariance of X * unit, from the rows if theirs is more exact."""
        n, mean = self.n_samples_seen_, self.mean_ * unit
        if self._wide:
            values, U = eigen_of_rows(self._scatter * unit, mean, n)
        else:
            # Multiplied one after the other, for unit * unit may overflow.
            values, U = eigen_of_covariance(self._scatter * unit * (unit[:, None] / n))
        shrinkage = self._intensity(values, unit, rows)
        floor = (shrinkage + self.eps) * values.mean()
        # These eigenvalues have errors of about 1e-16 λ₀, which matter for small eigenvalues that shrinkage
        # and eps leave small.
        inaccurate = values[-1] < 1e-8 * values[0] and floor < 1e-11 * values[0]
        if inaccurate and rows is not None and not self._wide:
            values, U = eigen_of_rows(rows[:] * unit, mean, n)
        return Spectrum(values, U, shrinkage)

    def _intensity(self, values: Array, unit: Array, rows: CentredRows | None) -> float:
        """Return the intensity of the shrinkage, from 0 to 1."""
        if self.shrinkage not in SHRINKAGES:
            return float(self.shrinkage or 0)
        # The intensity does not depend on the unit; with eigenvalues near 1, no fourth power overflows.
        size = np.ldexp(1.0, 2 * (np.frexp(values[0])[1] // 2))
        values, unit = values / size, unit / np.sqrt(size)
        dispersion = ((values - values.mean()) ** 2).sum()
        if dispersion == 0:
            return 0.0
        shrinkage = SHRINKAGES[self.shrinkage]
        quartic = rows.quartic(unit) if shrinkage.needs_rows and rows is not None else np.nan
        numerator = shrinkage.numerator(values, self.n_samples_seen_, quartic)
        return float(np.clip(numerator / dispersion, 0, 1))

    @products_share_cores()
    def transform(self, X: ArrayLike) -> Array:
        """Whiten: z = W (x − mean).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.

        Returns
        -------
        Z : ndarray of shape (n_samples, n_features) or (n_samples, `rank_`)
            A new array, float32 if X is, float64 otherwise.
        """
        check_is_fitted(self)
        return self._whiten(self._validate(X, reset=False))

    def _whiten(self, X: Array) -> Array:
        """Return whitened rows, block by block."""
        factors = self._cast(self._whitening, X.dtype)
        Z = np.empty((len(X), self._n_features_out), X.dtype)

        def whiten(b: slice) -> None:
            with np.errstate(over="ignore", invalid="ignore"):
                rows = np.subtract(X[b], self.mean_, out=np.empty_like(X[b]), casting="same_kind")
                apply(rows, *factors, out=Z[b])
            if not np.isfinite(Z[b]).all():
                Z[b] = self._whiten_far(X[b])

        share_if_large(whiten, blocks(X), len(X) * sum(factor.size for factor in factors))
        return Z

    def _whiten_far(self, X: Array) -> Array:
        """Whiten rows that would overflow; results beyond the range of floats become the largest number."""
        with np.errstate(over="ignore"):
            rows = X / 2.0 - self.mean_ / 2
            unit = np.abs(rows).max(axis=1, keepdims=True) + (rows == 0).all(axis=1, keepdims=True)
            Z = apply(rows / unit, *self._whitening) * unit * 2
        return saturate(Z, X.dtype)

    @products_share_cores()
    def inverse_transform(self, X: ArrayLike) -> Array:
        """Colour: x = W⁻¹ z + mean.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, `rank_`)
            Data as `transform` returns them.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            A new array, float32 if X is, float64 otherwise.
        """
        check_is_fitted(self)
        Z = check_array(X, dtype=FLOATS, ensure_min_features=0)
        if Z.shape[1] != self._n_features_out:
            raise ValueError(
                f"X has {Z.shape[1]} features, but Whitener.inverse_transform is expecting "
                f"{self._n_features_out}, as many as transform returns."
            )
        centred = apply(Z, *self._cast(self._coloring, Z.dtype)) * self._std
        return (centred + self.mean_).astype(Z.dtype, copy=False)

    @staticmethod
    def _cast(factors: LinearMap, dtype: DTypeLike) -> LinearMap:
        """Return the factors in dtype, clipped to its range: features of tiny numbers have huge factors."""
        if dtype == np.float64:
            return factors
        return tuple(saturate(factor, dtype) for factor in factors)

    @property
    def whitening_(self) -> Array:
        """W, (n_features or `rank_`, n_features)."""
        return matrix(*self._whitening)

    @property
    def coloring_(self) -> Array:
        """The inverse of W, its pseudo-inverse where it has none."""
        return matrix(*self._coloring) * self._std[:, None]

    @property
    def _n_features_out(self) -> int:
        return self._whitening[-2 if len(self._whitening) > 1 else 0].shape[0]

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> Array:
        """Return the names of the output: those of X, or whitener0, whitener1, … for components.

        Parameters
        ----------
        input_features : array-like of str, default=None
            The names of X, if it had none in `fit`.

        Returns
        -------
        names : ndarray of str objects
            One name for each column that `transform` returns.
        """
        check_is_fitted(self)
        naming = ClassNamePrefixFeaturesOutMixin if self.method in COMPONENTS else OneToOneFeatureMixin
        return naming.get_feature_names_out(self, input_features)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
