"""The layers before the first linear map, which depend on data: the encoding of numbers, and categories."""

import numpy as np
from scipy.sparse import issparse

from sknn6.nn.annotations import Array
from sknn6.nn.categories import Embedding, OneHot
from sknn6.nn.network import Network
from sknn6.nn.piecewise import Piecewise, find_knots
from sknn6.training.data import Data
from sknn6.training.settings import Settings

__all__ = ["bins_between", "find_embedding", "place_codes", "place_knots"]

# Numbers of random rows from which the knots of an embedding are computed, and over which its columns are
# standardised.
ROWS_FOR_KNOTS = 2**16
ROWS_FOR_COLUMNS = 2**13


def find_embedding(data: Data, n_numbers: int, settings: Settings, streamed: bool) -> Array | None:
    """Return the knots of the embedding of the numbers, or None if there is to be no embedding."""
    is_auto = settings.is_auto("numeric_embedding")
    if not settings.numeric_embedding or (is_auto and (streamed or issparse(data.X))):
        return None
    if issparse(data.X):
        raise ValueError(
            f"numeric_embedding={settings.numeric_embedding!r} needs dense X, got a sparse one, whose "
            "zeros would become numbers. Use numeric_embedding=None."
        )
    rows = random_rows(data, ROWS_FOR_KNOTS)
    return find_knots(data.X[:, :n_numbers][rows], None if data.weight is None else data.weight[rows])


def bins_between(knots: Array | None, n_columns: int) -> list[int] | None:
    """Return the number of intervals of each column, 0 for codes of categories; None without knots."""
    if knots is None:
        return None
    n_bins = np.maximum(0, np.isfinite(knots).sum(axis=0) - 1).tolist()
    return n_bins + [0] * (n_columns - len(n_bins))


def random_rows(data: Data, n_rows: int) -> Array:
    """Return the indices of n_rows random rows of positive weight, or of all; the same at each call."""
    rows = np.arange(data.n_rows) if data.weight is None else np.flatnonzero(data.weight)
    return np.sort(np.random.default_rng(0).permutation(rows)[:n_rows])


def place_knots(network: Network, knots: Array, data: Data) -> None:
    """Place the intervals of the embedding between the knots, which are in the user's units."""
    scaling = network.input_scaling
    some = data.take(random_rows(data, ROWS_FOR_COLUMNS))
    knots = knots if scaling is None else scaling.scale_values(knots)
    for layer in network.layers:
        if isinstance(layer, Piecewise):
            layer.place(knots, network.read(some.X), some.weight)


def place_codes(network: Network, codes: Array, weight: Array | None, scaled: bool) -> None:
    """Set the arrays of the layers of categories, which depend on the number of rows with each code."""
    for layer in network.layers:
        if isinstance(layer, OneHot):
            layer.place(codes, weight, scaled)
        elif isinstance(layer, Embedding):
            layer.place(codes[:, -len(layer.sizes) :], weight)
