"""Layers that convert categories, given as codes, to columns for the first linear map."""

import numpy as np
from numpy.random import Generator
from scipy.sparse import csr_array

from sknn6.nn.annotations import Array, Shape
from sknn6.nn.input_layer import InputLayer
from sknn6.nn.inputs import bend
from sknn6.nn.layer import NO_GRADIENT
from sknn6.nn.products import as_column
from sknn6.nn.sample_weights import repetitions

__all__ = ["EMBEDDING_SIZE", "Embedding", "OneHot"]

# Numbers in the vector of a category.
EMBEDDING_SIZE = 8

# The vector of a category of this many rows is half as long as that of a category of very many rows.
PRIOR_ROWS = 100


class OneHot(InputLayer):
    """Columns of codes become a column for each code, `high` where a row has the code and `low` elsewhere.

    The columns of codes come after the numbers and before the columns of codes for `Embedding`.

    Parameters
    ----------
    before : int
        Columns before those of the codes, left as they are.
    sizes : list of int
        How many codes each column has: 0 to size - 1.
    after : int
        Columns after them, left as they are.

    Examples
    --------
    >>> import numpy as np
    >>> from sknn6.nn.categories import OneHot
    >>> layer = OneHot(1, [2, 3])
    >>> layer.low, layer.high = np.zeros(5), np.ones(5)
    >>> layer.predict(np.array([[0.5, 1, 0], [0.7, 0, 2]])).tolist()
    [[0.5, 0.0, 1.0, 1.0, 0.0, 0.0], [0.7, 1.0, 0.0, 0.0, 0.0, 1.0]]
    """

    kind = "onehot"
    per_member = False

    low: Array  # (sum of sizes,)
    high: Array  # (sum of sizes,)

    def __init__(self, before: int, sizes: list[int], after: int = 0) -> None:
        super().__init__()
        self.before, self.after, self.sizes = before, after, np.array(sizes)
        self.starts = np.cumsum([0, *sizes[:-1]])
        n_columns = int(self.sizes.sum())
        self.width = before + n_columns + after
        self.statistics = dict.fromkeys(("low", "high"), (n_columns,))

    def place(self, codes: Array, weight: Array | None, scale: bool) -> None:
        """Set `low` and `high` of each code.

        They are 0 and 1 or, with `scale`, 0 and 1 standardised over the rows and compressed like numbers
        (`bend`). For a code that no training row has, `high` is `low`, which is 0: so its weights, which were
        never trained, have no effect.

        Parameters
        ----------
        codes : ndarray of shape (n_samples, n_codes)
            The first columns are those of this layer; columns for `Embedding` may follow.
        weight : ndarray of shape (n_samples,) or None
        scale : bool
        """
        n = count_codes(codes[:, : len(self.sizes)], self.starts, len(self.low), weight)
        # Each column is divided by its own sum, so that p is exactly 1 if the column has a single code.
        p = n / np.repeat(np.add.reduceat(n, self.starts), self.sizes)
        low, high = np.zeros(len(p)), np.ones(len(p))
        if scale:
            deviation = np.sqrt(p * (1 - p))
            deviation[deviation == 0] = 1
            low, high = bend(-p / deviation), bend((1 - p) / deviation)
        self.low[:], self.high[:] = low, np.where(p > 0, high, low)

    def _columns(self, X: Array) -> Array:
        """Return which columns are `high`, an ndarray of int of shape (n_samples, n_sizes)."""
        codes = X[:, self.before : self.before + len(self.sizes)]
        return codes.astype(np.intp) + self.starts

    def encode(self, X: Array, Z: Array) -> Array:
        Z[:, : self.before] = X[:, : self.before]
        hot = Z[:, self.before : self.before + len(self.low)]
        hot[...] = self.low
        columns = self._columns(X)
        np.put_along_axis(hot, columns, self.high[columns], axis=1)
        Z[:, self.width - self.after :] = X[:, X.shape[1] - self.after :]
        return Z


class Embedding(InputLayer):
    """The last columns, which are codes, become learned vectors [1]_, shorter for codes of few rows.

    z = s E[code], where s = n / (n + 100) for a code that n training rows have. So the vectors of rare
    categories shrink towards 0, as the estimates of their means towards the overall mean in [2]_. The vector
    of a code that no row has is 0.

    Backward: the gradient of a row of E is s times the sum of the gradients of the outputs that it became.

    Parameters
    ----------
    before : int
        Columns before those of the codes, left as they are.
    sizes : list of int
        How many codes each column has: 0 to size - 1.

    References
    ----------
    .. [1] Guo & Berkhahn (2016), Entity Embeddings of Categorical Variables, arXiv:1604.06737.
    .. [2] Micci-Barreca (2001), A preprocessing scheme for high-cardinality categorical attributes in
       classification and prediction problems, ACM SIGKDD Explorations 3 (1).

    Examples
    --------
    >>> import numpy as np
    >>> from sknn6.nn.categories import Embedding
    >>> layer = Embedding(1, [2])
    >>> layer.E, layer.s = np.arange(16.0).reshape(2, 8), np.array([0.0, 0.5])
    >>> layer.predict(np.array([[0.5, 1]])).tolist()
    [[0.5, 4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0, 7.5]]
    """

    kind = "embedding"
    decayed = ("E",)

    E: Array  # (sum of sizes, EMBEDDING_SIZE)
    dE: Array  # as E
    s: Array  # (sum of sizes,)

    def __init__(self, before: int, sizes: list[int]) -> None:
        super().__init__()
        self.before, self.sizes = before, np.array(sizes)
        self.starts = np.cumsum([0, *sizes[:-1]])
        self.width = before + len(sizes) * EMBEDDING_SIZE
        self.learned_from = before
        self.parameters = {"E": (int(self.sizes.sum()), EMBEDDING_SIZE)}
        self.statistics = {"s": (int(self.sizes.sum()),)}

    def initialize(self, rng: Generator) -> None:
        self.E[...] = rng.normal(size=self.E.shape)

    def place(self, codes: Array, weight: Array | None) -> None:
        """Set s from the codes of the training rows, an ndarray of shape (n_samples, n_codes)."""
        n = count_codes(codes, self.starts, self.E.shape[-2], weight)
        self.s[...] = n / (n + PRIOR_ROWS)

    def vectors(self) -> Array:
        """Return s E."""
        return as_column(self.s) * self.E

    def shape(self, X: Array) -> Shape:
        return (*self.E.shape[:-2], len(X), self.width)

    def forward(self, X: Array, weight: Array | None = None) -> Array:
        self.rows = self.rows_of(X)
        return self.look_up(X, self.rows, self.buffer("Z", self.shape(X), self.dtype))

    def rows_of(self, X: Array) -> Array:
        """Return the rows of E that stand for the codes, an ndarray of int of shape (n_samples, n_sizes)."""
        codes = X[:, self.before : self.before + len(self.sizes)].astype(np.intp)
        # An invalid code would write beyond the memory of the gradient.
        return np.clip(codes, 0, self.sizes - 1) + self.starts

    def encode(self, X: Array, Z: Array) -> Array:
        return self.look_up(X, self.rows_of(X), Z)

    def look_up(self, X: Array, rows: Array, Z: Array) -> Array:
        """Write the other columns and the vectors of these rows of E to Z and return it."""
        Z[..., : self.before] = X[:, : self.before]
        Z[..., self.before :] = self.vectors()[..., rows, :].reshape(*Z.shape[:-1], -1)
        return Z

    def backward(self, dZ: Array) -> Array:
        rows = self.rows.ravel()
        chosen = csr_array((np.ones(len(rows), dZ.dtype), rows, np.arange(len(rows) + 1)),
                           shape=(len(rows), self.E.shape[-2]))  # fmt: skip
        for member in np.ndindex(dZ.shape[:-2]):
            self.dE[member] = chosen.T @ dZ[member].reshape(len(rows), EMBEDDING_SIZE)
        self.dE *= as_column(self.s)
        return NO_GRADIENT


def count_codes(codes: Array, starts: Array, n_codes: int, weight: Array | None) -> Array:
    """Return how many rows have each code, in the order of the columns."""
    places = (codes.astype(np.intp) + starts).ravel()
    return np.bincount(places, np.repeat(repetitions(weight, len(codes)), codes.shape[1]), n_codes)
