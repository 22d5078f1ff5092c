"""The piecewise linear encoding of numbers, which widens the input of the first linear map."""

import numpy as np

from sknn6.nn.annotations import Array
from sknn6.nn.input_layer import InputLayer
from sknn6.nn.kernels import kernel
from sknn6.nn.sample_weights import repetitions

__all__ = ["Piecewise", "find_knots"]

# An embedded input has about WIDTH columns, and each feature at most MOST_BINS intervals.
WIDTH = 256
MOST_BINS = 48

# Each interval contains at least this many rows, unless values are repeated.
ROWS_PER_BIN = 10

# If each feature would have fewer intervals than this, there is no embedding: the input is wide enough.
FEWEST_BINS = 3

# Standardisation multiplies the position in an interval, which is 0 to 1, by at most this.
STEEPEST = 3.0


class Piecewise(InputLayer):
    """Each feature x, followed by its positions in several intervals [1]_.

    For an interval from a to b, the position is (x - a) / (b - a), clipped to 0 and 1 and then standardised
    over the training data. A linear map of the positions is a piecewise linear function of x, so that the
    first layer can bend and jump where the data are. The layer has no learned parameters.

    Parameters
    ----------
    bins : list of int
        Number of intervals, or bins, of each feature; with 0, the feature has no other columns.

    References
    ----------
    .. [1] Gorishniy, Rubachev & Babenko (2022), On Embeddings for Numerical Features in Tabular Deep
       Learning, arXiv:2203.05556, section 3.2.

    Examples
    --------
    >>> import numpy as np
    >>> from sknn6.nn.piecewise import Piecewise
    >>> layer = Piecewise([2])
    >>> layer.low, layer.slope = np.array([0.0, 0.0, 1.0]), np.array([1.0, 1.0, 0.5])
    >>> layer.least, layer.most = np.array([-9.0, 0.0, 0.0]), np.array([9.0, 1.0, 1.0])
    >>> layer.predict(np.array([[0.5], [2.0]])).tolist()
    [[0.5, 0.5, 0.0], [2.0, 1.0, 0.5]]
    """

    kind = "piecewise"
    per_member = False

    low: Array  # (width,), the x at which the standardised position is 0
    slope: Array  # (width,)
    least: Array  # (width,), the smallest value of a position
    most: Array  # (width,), the largest

    def __init__(self, bins: list[int]) -> None:
        super().__init__()
        self.feature = np.repeat(np.arange(len(bins)), np.array(bins) + 1)
        self.width = len(self.feature)
        self.statistics = dict.fromkeys(("low", "slope", "least", "most"), (self.width,))

    def place(self, knots: Array, X: Array, weight: Array | None) -> None:
        """Place the intervals between the knots, and standardise the positions over the rows of X.

        Parameters
        ----------
        knots : ndarray of shape (n_knots, n_features)
            The ends of the intervals, in ascending order, followed by NaN.
        X : ndarray of shape (n_samples, n_features)
        weight : ndarray of shape (n_samples,) or None
        """
        limit = np.finfo(self.low.dtype).max
        self.low[:], self.slope[:], self.least[:], self.most[:] = 0, 1, -limit, limit
        p = np.full(len(X), 1 / len(X)) if weight is None else weight / weight.sum()
        for j, column in enumerate(knots.T):
            ends = column[~np.isnan(column)]
            if len(ends) < 2:
                continue
            width = np.maximum(np.diff(ends), np.finfo(self.low.dtype).tiny)
            position = np.clip((X[:, j, None] - ends[:-1]) / width, 0, 1)
            mean = p @ position
            scale = 1 / np.maximum(np.sqrt(p @ (position - mean) ** 2), 1 / STEEPEST)
            here = np.flatnonzero(self.feature == j)[1:]
            self.low[here], self.slope[here] = ends[:-1] + mean * width, scale / width
            self.least[here], self.most[here] = -mean * scale, (1 - mean) * scale

    def encode(self, X: Array, Z: Array) -> Array:
        encode_positions(X, self.feature, self.low, self.slope, self.least, self.most, Z)
        return Z


@kernel
def encode_positions(
    X: Array, feature: Array, low: Array, slope: Array, least: Array, most: Array, Z: Array
) -> None:
    """Write clip((x - low) slope, least, most) to Z; column j of Z has the x of column feature[j] of X."""
    np.take(X, feature, axis=1, out=Z, mode="clip")
    Z -= low
    Z *= slope
    np.maximum(Z, least, out=Z)
    np.minimum(Z, most, out=Z)


def find_knots(X: Array, weight: Array | None = None) -> Array | None:
    """Return the ends of the intervals of each feature, None if there are too many features or too few rows.

    The knots are quantiles. But, as with the bins of gradient boosting, a value in more rows than an interval
    should contain gets a knot of its own, and so do the values just below and above it; the quantiles are
    then taken over the other rows. For a feature of few values, all values are knots. A feature of at most
    two values has no knots.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    weight : ndarray of shape (n_samples,) or None
        As in `repetitions`.

    Returns
    -------
    ndarray of shape (n_knots, n_features) or None
        In float64; each column has its knots in ascending order, followed by NaN.
    """
    weight = repetitions(weight, len(X))
    columns = [values_of(x, weight) for x in X.T]
    numeric = sum(len(values) > 2 for values, _ in columns)
    n_rows = round(weight.sum())
    bins = min(MOST_BINS, WIDTH // max(1, numeric), n_rows // ROWS_PER_BIN)
    if not numeric or bins < FEWEST_BINS:
        return None
    found = [knots_of(values, counts, bins) for values, counts in columns]
    knots = np.full((max(map(len, found)), len(found)), np.nan)
    for j, column in enumerate(found):
        knots[: len(column), j] = column
    return knots


def values_of(x: Array, weight: Array) -> tuple[Array, Array]:
    """Return the sorted distinct values of a feature, in float64, and how many rows have each."""
    values, inverse = np.unique(x, return_inverse=True)
    return values.astype(np.float64), np.bincount(inverse.ravel(), weight)


def knots_of(values: Array, counts: Array, bins: int) -> Array:
    """Return the sorted knots of a feature, given its distinct values and how many rows have each."""
    if len(values) <= 2:
        return values[:0]
    if len(values) <= bins + 1:
        return values
    often = np.flatnonzero(counts > counts.sum() / bins)
    around = np.clip(np.concatenate([often - 1, often, often + 1]), 0, len(values) - 1)
    seldom, counts = (np.delete(each, often) for each in (values, counts))
    shares = np.linspace(0, 1, max(1, bins - len(often)) + 1)
    # The ranks are whole numbers plus 1/2, so that a rounding error in the cumulative counts, which may be
    # sums of weights, does not select another value.
    ranks = np.round(shares * (np.round(counts.sum()) - 1)) + 0.5
    found = np.minimum(np.searchsorted(np.cumsum(counts), ranks), len(seldom) - 1)
    return np.unique(np.concatenate([values[around], seldom[found]]))
