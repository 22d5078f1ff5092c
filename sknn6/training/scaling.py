"""Learn the scaling of a network's input from rows, and update it with each chunk of a stream."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike
from scipy.sparse import issparse
from sklearn.utils import gen_batches

from sknn6.moments import is_constant, merge_moments, moments, scale_of
from sknn6.nn.annotations import Array, Rows
from sknn6.nn.inputs import InputScaling
from sknn6.nn.network import Network
from sknn6.training.data import Data

__all__ = ["ENOUGH_ROWS", "Moments", "scale_input"]

# After this many rows the scaling of a column is final, unless the column has been constant so far.
ENOUGH_ROWS = 1000

# Number of values of X, or of stored values of a sparse X, in a block: 2 MB in float64.
BLOCK = 2**18


@dataclass(frozen=True)
class Moments:
    """Mean and standard deviation of the columns of X over the rows seen so far.

    Parameters
    ----------
    rows : int
    weight : float
        The sum of their weights, or their number.
    mean, deviation : ndarray of shape (n_features,)
        In float64.
    centred : bool
        Whether the mean is subtracted; not for sparse rows, which would become dense.
    """

    rows: int
    weight: float
    mean: Array
    deviation: Array
    centred: bool = True

    def __add__(self, other: "Moments") -> Self:
        """Return the moments of these and other rows together."""
        weight, mean, deviation = merge_moments(self.statistics(), other.statistics())
        return replace(
            self, rows=self.rows + other.rows, weight=float(weight), mean=mean, deviation=deviation
        )

    def statistics(self) -> tuple[float, Array, Array]:
        """Return (weight, mean, deviation), as the functions of `sknn6.moments` need them."""
        return self.weight, self.mean, self.deviation

    def scale(self) -> Array:
        """Return the divisor of each column: its deviation, or 1 if it varies only by rounding errors."""
        return scale_of(self.mean, self.deviation)

    def constant(self) -> Array:
        """Return for each column whether it has been constant so far."""
        return is_constant(self.mean, self.deviation)

    def enough(self) -> bool:
        """Return whether the scaling of all columns is final."""
        return self.rows >= ENOUGH_ROWS and not self.constant().any()

    def extended(self, X: Rows, weight: Array | None) -> Self | None:
        """Return the moments with the rows of X counted, or None if these rows may change the scaling."""
        constant = self.constant()
        if self.rows < ENOUGH_ROWS or not isinstance(X, np.ndarray) or (self.mean != X)[:, constant].any():
            return None
        more = len(X) if weight is None else weight.sum()
        return replace(self, rows=self.rows + len(X), weight=self.weight + more)

    def scaling(self, dtype: DTypeLike) -> InputScaling:
        """Return the scaling by these moments; a constant column is only centred."""
        mean = self.mean if self.centred else np.zeros_like(self.mean)
        scale = self.scale().astype(dtype)
        scale[scale == 0] = 1  # a deviation below the smallest number of the dtype
        return InputScaling(mean.astype(dtype), scale)


def moments_of(data: Data, rows: Array | None, centred: bool) -> Moments:
    """Return the moments of the columns over some rows, or over all if None, computed in blocks."""
    block = max(1, BLOCK * data.n_rows // max(1, data.X.size))  # sparse rows have few stored values
    n_rows = data.n_rows if rows is None else len(rows)
    found: Any = None
    for block_of_rows in gen_batches(n_rows, block):
        part = data.take(block_of_rows if rows is None else rows[block_of_rows])
        if part.weight is not None:
            part = part.take(part.weight > 0)
        if part.n_rows:
            new = moments(part.X, part.weight)
            found = new if found is None else merge_moments(found, new)
    weight, mean, deviation = found
    return Moments(n_rows, float(np.max(weight)), mean, deviation, centred)


def rescaled(
    network: Network, known: Moments, more: Moments, dtype: DTypeLike, average: Array | None = None
) -> InputScaling:
    """Return the scaling by newer moments, and adapt the first layer of the network to it.

    Columns with a final scaling keep it. If nothing changes but by rounding, the present scaling is returned.
    An average of the weights is adapted in the same way.
    """
    before, constant = network.input_scaling, known.constant()
    assert before is not None
    dtype = np.result_type(dtype, before.mean)
    scaling = more.scaling(dtype)
    if known.rows >= ENOUGH_ROWS:
        scaling.mean = np.where(constant, scaling.mean, before.mean)
        scaling.scale = np.where(constant, scaling.scale, before.scale)
    if before.is_near(scaling):
        return before
    constants = np.where(constant, known.mean, np.nan)
    scaling.adapt_first_layer(network.dense()[0], before, constants)
    if average is not None:
        with network.exchanged(average):
            scaling.adapt_first_layer(network.dense()[0], before, constants)
    return scaling


def scale_input(
    network: Network,
    data: Data,
    known: Moments | None,
    rows: Array | None = None,
    average: Array | None = None,
) -> Moments | None:
    """Learn the scaling of a network's input from rows, or update it with more rows.

    If the network already has a scaling, its first layer is adapted so that its outputs stay the same, apart
    from the effect of the smooth clipping.

    Parameters
    ----------
    network : Network
        It receives the scaling.
    data : Data
    known : Moments or None
        Moments of the columns over earlier rows. If the network has a scaling and this is None, the scaling
        is final.
    rows : ndarray of int, optional
        The rows to learn from; None means all.
    average : ndarray, optional
        An average of the weights, which is adapted in the same way.

    Returns
    -------
    Moments or None
        The updated moments; None if the scaling is final.
    """
    if network.input_scaling is None:
        learned = moments_of(data, rows, centred=not issparse(data.X))
        network.input_scaling = learned.scaling(data.X.dtype)
    elif known is None:
        return None
    else:
        # In a stream, most rows change no scaling.
        unchanged = known.extended(data.X, data.weight) if rows is None else None
        learned = unchanged or known + moments_of(data, rows, known.centred)
        if unchanged is None:
            network.input_scaling = rescaled(network, known, learned, data.X.dtype, average)
    return None if learned.enough() else learned
