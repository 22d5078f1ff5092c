"""How the input of a network is scaled: learned from the rows, and on with each chunk of a stream."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import gen_batches

from sknn6.moments import merge_moments, moments, scale_of
from sknn6.nn.inputs import InputScaling

__all__ = ["ENOUGH_ROWS", "Moments", "moments_of", "rescaled"]

# Rows after which the scaling of a column is settled, unless the column has been constant.
ENOUGH_ROWS = 1000

# Numbers of X, or entries of a sparse one, that are looked at together: of float64, 2 MB.
BLOCK = 2**18


@dataclass(frozen=True)
class Moments:
    """What is known of the columns of X after some rows.

    Parameters
    ----------
    rows : int
    weight : float
        The sum of their weights, or their number.
    mean, deviation : ndarray of shape (n_features,)
        In float64.
    centred : bool
        Whether the mean is to be subtracted. Sparse rows would no longer be sparse.
    """

    rows: int
    weight: float
    mean: NDArray
    deviation: NDArray
    centred: bool = True

    def __add__(self, other: "Moments") -> Self:
        """Merge with what other rows tell."""
        weight, mean, deviation = merge_moments(self.statistics(), other.statistics())
        return replace(
            self, rows=self.rows + other.rows, weight=float(weight), mean=mean, deviation=deviation
        )

    def statistics(self):
        """Return weight, mean and deviation, as `sknn6.moments` has them."""
        return self.weight, self.mean, self.deviation

    def scale(self) -> NDArray:
        """Return what the columns are divided by: 1 if a column varies no more than by rounding."""
        return scale_of(self.mean, self.deviation)

    def constant(self) -> NDArray:
        """Tell of each column whether it has not varied so far."""
        return self.scale() != self.deviation

    def enough(self) -> bool:
        """Return whether there is nothing more to learn of any column."""
        return self.rows >= ENOUGH_ROWS and not self.constant().any()

    def extended(self, X, weight) -> Self | None:
        """Return the same with more rows if they tell nothing new; None if they do."""
        constant = self.constant()
        if self.rows < ENOUGH_ROWS or not isinstance(X, np.ndarray) or (self.mean != X)[:, constant].any():
            return None
        more = len(X) if weight is None else weight.sum()
        return replace(self, rows=self.rows + len(X), weight=self.weight + more)

    def scaling(self, dtype) -> InputScaling:
        """Return the scaling that these moments make; a constant column is only centred."""
        mean = self.mean if self.centred else np.zeros_like(self.mean)
        return InputScaling(mean.astype(dtype), self.scale().astype(dtype))


def moments_of(data, rows, centred):
    """Return the moments of the columns of some rows, or of all if None, a block of rows at a time."""
    block = max(1, BLOCK * data.n_rows // max(1, data.X.size))  # sparse rows are short
    n_rows = data.n_rows if rows is None else len(rows)
    found = None
    for part in gen_batches(n_rows, block):
        part = data.take(part if rows is None else rows[part])
        if part.weight is not None:
            part = part.take(part.weight > 0)
        if part.n_rows:
            new = moments(part.X, part.weight)
            found = new if found is None else merge_moments(found, new)
    weight, mean, deviation = found
    return Moments(n_rows, float(np.max(weight)), mean, deviation, centred)


def rescaled(network, known, more, dtype, average=None):
    """Return the scaling of more moments and make the network ready for it, or return the one that it has.

    Columns of which enough was known keep theirs. The average of the weights, if there is one, is made ready
    as well.
    """
    before, constant = network.input_scaling, known.constant()
    dtype = np.result_type(dtype, before.mean)
    scaling = more.scaling(dtype)
    if known.rows >= ENOUGH_ROWS:
        scaling.mean = np.where(constant, scaling.mean, before.mean)
        scaling.scale = np.where(constant, scaling.scale, before.scale)
    if before.is_near(scaling):
        return before
    change = before, np.where(constant, known.mean, np.nan)
    scaling.hand_over(network.dense()[0], *change)
    if average is not None:
        with network.exchanged(average):
            scaling.hand_over(network.dense()[0], *change)
    return scaling
