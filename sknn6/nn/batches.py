"""The mini-batches of a data set."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.random import Generator
from numpy.typing import DTypeLike

from sknn6.nn.annotations import Array, Rows
from sknn6.nn.inputs import InputScaling
from sknn6.nn.sample_weights import per_sample

__all__ = ["Batch", "Batches"]

# An X of at most this many numbers is scaled and cast as a whole: 2**19 float32 are 2 MB.
AT_ONCE = 2**19

# About this many numbers of X are gathered together: a part of a large batch or several small batches. 2**14
# float64 are 128 kB, which stay in the cache from one operation to the next.
PIECE = 2**14

# (X, y, weight); the weight is None if all weights are 1, see `sknn6.nn.sample_weights`.
Batch = tuple[Rows, Array, Array | None]


class Batches:
    """The mini-batches of a data set; each iteration is one epoch.

    One batch, or a few small ones, are gathered, scaled and cast at a time, always into the same memory. So a
    large X is never copied as a whole and may be memory-mapped. A small X is scaled and cast once. A batch is
    valid until the next one is requested.

    Parameters
    ----------
    X : ndarray or sparse CSR of shape (n_samples, n_features)
    y : ndarray of shape (n_samples, ...)
    weight : ndarray of shape (n_samples,) or (n_samples, members), or None
        The weights of the samples, or those for each member.
    size : int
        Number of rows of a batch; the last batch of an epoch may have fewer.
    dtype : dtype
        The dtype to which X is cast.
    rng : numpy.random.Generator or None
        Draws a new order for each epoch; None keeps the order of the rows.
    merge_tail : bool
        Whether a last batch of less than half the size is joined with the one before it, so that statistics
        over a batch are not computed from few rows.
    rows : ndarray of int or None
        The rows of X to use; None means all.
    scaling : InputScaling or None
        Scaling of the rows of a batch.

    Examples
    --------
    >>> import numpy as np
    >>> from sknn6.nn.batches import Batches
    >>> X, y = np.arange(10.0).reshape(5, 2), np.arange(5)
    >>> [batch_y.tolist() for _, batch_y, _ in Batches(X, y, None, 2, X.dtype)]
    [[0, 1], [2, 3], [4]]
    """

    def __init__(
        self,
        X: Rows,
        y: Array,
        weight: Array | None,
        size: int,
        dtype: DTypeLike,
        rng: Generator | None = None,
        merge_tail: bool = False,
        rows: Array | None = None,
        scaling: InputScaling | None = None,
    ) -> None:
        self.X, self.y, self.weight = X, y, weight
        self.dtype, self.rng, self.rows, self.scaling = np.dtype(dtype), rng, rows, scaling
        self.n_samples = X.shape[0] if rows is None else len(rows)
        self._memory: dict[str, Array] = {}
        if isinstance(X, np.ndarray) and self.n_samples * X.shape[1] <= AT_ONCE:
            self._prepare()
        starts = list(range(0, self.n_samples, size))
        if merge_tail and len(starts) > 1 and self.n_samples - starts[-1] < size / 2:
            starts.pop()
        self.bounds = [*starts, self.n_samples]
        self.largest = max(stop - start for start, stop in pairwise(self.bounds))
        dense = isinstance(self.X, np.ndarray)
        self._per_group = max(1, PIECE // (size * self.X.shape[1])) if dense else 1

    def _prepare(self) -> None:
        """Replace X, y and weight by the rows that are used; those of X are scaled and cast."""
        used = slice(0, self.n_samples) if self.rows is None else self.rows
        self.X, self.y = np.ascontiguousarray(self._gather(used)), self.y[used]
        self.weight = None if self.weight is None else self.weight[used]
        self.rows = self.scaling = None
        self._memory = {}  # X may be in the old memory

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def __iter__(self) -> Iterator[Batch]:
        for X, y, weight, bounds in self.slices(self._per_group):
            if len(bounds) == 2:
                yield X, y, weight
                continue
            for start, stop in pairwise(bounds):
                batch = slice(start, stop)
                yield X[batch], y[batch], None if weight is None else weight[batch]

    def slices(self, n_batches: int) -> Iterator[tuple[Rows, Array, Array | None, list[int]]]:
        """Yield (X, y, weight, bounds) of n_batches batches at a time.

        The rows bounds[i] to bounds[i + 1] are batch i.
        """
        order = self.rows
        if self.rng is not None:
            order = self.rng.permutation(self.n_samples if order is None else order)
        for i in range(0, len(self), n_batches):
            bounds = self.bounds[i : i + n_batches + 1]
            first, last = bounds[0], bounds[-1]
            rows = slice(first, last) if order is None else order[first:last]
            weight = None if self.weight is None else self.weight[rows]
            yield self._gather(rows), self.y[rows], weight, [bound - first for bound in bounds]

    def subsample(self, n_rows: int) -> tuple[Rows, Array | None]:
        """Return X and the weights of n_rows random rows, or of all if there are fewer.

        Rows of weight 0 are not drawn; every call draws the same rows.
        """
        rows, weight = self.rows, per_sample(self.weight)
        if weight is not None:
            rows = np.flatnonzero(weight) if rows is None else rows[weight[rows] > 0]
        n_all = self.n_samples if rows is None else len(rows)
        drawn = np.random.default_rng(0).choice(n_all, min(n_rows, n_all), replace=False)
        rows = np.sort(drawn if rows is None else rows[drawn])
        return self._gather(rows), None if weight is None else weight[rows]

    def _gather(self, rows: Array | slice) -> Rows:
        """Return rows of X as the first layer takes them."""
        if not isinstance(self.X, np.ndarray) or (isinstance(rows, slice) and self.scaling is None):
            X = self.X[rows]
            return X.astype(self.dtype, copy=False) if self.scaling is None else self.scaling(X, self.dtype)
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(len(self.X)))
        gathered = self._buffer(len(rows), self.dtype)
        if self.scaling is None and self.X.dtype == self.dtype:
            return self._take(rows, gathered)
        step = max(1, PIECE // self.X.shape[1])
        for start in range(0, len(rows), step):
            piece = gathered[start : start + step]
            taken = self._take(rows[start : start + step], self._buffer(len(piece), self.X.dtype, "piece"))
            piece[...] = taken if self.scaling is None else self.scaling(taken, self.dtype)
        return gathered

    def _take(self, rows: Array, out: Array) -> Array:
        """Copy rows of X to `out`."""
        if self.X.flags.c_contiguous:
            # mode="clip" writes directly to `out`; the default mode makes a copy first.
            return np.take(self.X, rows, axis=0, out=out, mode="clip")
        out[...] = self.X[rows]  # np.take would first copy all of X to make it contiguous
        return out

    def _buffer(self, n_rows: int, dtype: DTypeLike, name: str = "batch") -> Array:
        """Return memory for n_rows rows, which is reused as long as it is large enough."""
        memory = self._memory.get(name)
        if memory is None or len(memory) < n_rows:
            memory = self._memory[name] = np.empty((n_rows, self.X.shape[1]), dtype)
        return memory[:n_rows]
