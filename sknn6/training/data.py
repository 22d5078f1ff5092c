"""The validated data of a training, and its mini-batches."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike
from scipy.sparse import issparse

from sknn6.nn.annotations import Array
from sknn6.nn.batches import Batches
from sknn6.nn.network import Network
from sknn6.training.settings import Settings
from sknn6.warn import warn_user

__all__ = ["Data", "SelectedRows", "make_batches"]


class Data(NamedTuple):
    """Validated data.

    Attributes
    ----------
    X : {ndarray, sparse matrix, SelectedRows} of shape (n_rows, n_features)
    y : ndarray of shape (n_rows, ...)
        The targets, encoded for the loss.
    given_y : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        The targets as the user gave them, for scorers.
    weight : ndarray of shape (n_rows,) or None
        The weights in the loss: sample weights times class weights. Class weights do not count in validation
        data.
    sample_weight : ndarray of shape (n_rows,) or None
        The weights as the user gave them, for scores and calibration.
    """

    X: Any
    y: Array
    given_y: Array
    weight: Array | None
    sample_weight: Array | None

    @property
    def n_rows(self) -> int:
        """Number of rows of X."""
        return self.X.shape[0]

    def overflows(self, dtype: DTypeLike) -> bool:
        """Return whether X has values beyond the range of `dtype`."""
        values = self.X.data if issparse(self.X) else self.X
        return bool(max(values.max(initial=0), -values.min(initial=0)) > np.finfo(dtype).max)

    def take(self, rows: Array | slice) -> "Data":
        """Return some of the rows."""
        return Data._make(part if part is None else part[rows] for part in self)


class SelectedRows:
    """Selected rows of X, copied only when a slice of them is read."""

    def __init__(self, X: Array, rows: Array) -> None:
        self.X, self.rows = X, rows
        self.shape = len(rows), X.shape[1]

    def __getitem__(self, part: slice | Array) -> Array:
        return self.X[self.rows[part]]


def make_batches(
    data: Data,
    settings: Settings,
    network: Network,
    rng: np.random.Generator,
    rows: Array | None = None,
    kept: Array | None = None,
) -> Batches:
    """Return the mini-batches of the training rows, or one batch for L-BFGS.

    Parameters
    ----------
    data : Data
    settings : Settings
    network : Network
        The batches have its input scaling and its dtype.
    rng : numpy.random.Generator
        Draws the order of the rows.
    rows : ndarray of int, optional
        The training rows; None means all.
    kept : ndarray of bool, shape (n_rows, members), optional
        Whether a member is trained on a row; None means that all are.

    Warns
    -----
    UserWarning
        If `batch_size` is larger than the data, or is 1 with batch normalisation.
    """
    n_rows = data.n_rows if rows is None else len(rows)
    if not settings.stochastic:
        return Batches(
            data.X, data.y, data.weight, n_rows, network.dtype, rows=rows, scaling=network.input_scaling
        )
    if not settings.is_auto("batch_size") and settings.batch_size > n_rows:
        warn_user(
            f"batch_size={settings.batch_size} is larger than the {n_rows} samples to train on: "
            "all of them make one batch."
        )
    if settings.batchnorm and settings.batch_size == 1 < n_rows:
        warn_user(
            "batchnorm needs batches of two samples or more, got batch_size=1: a single sample is "
            "normalised by running averages, which then never change."
        )
    weight = data.weight
    if kept is not None:
        weight = kept if weight is None else kept * weight[:, None]
        weight = weight if network.members > 1 else weight[:, 0]
    return Batches(
        data.X,
        data.y,
        weight,
        min(settings.batch_size, n_rows),
        network.dtype,
        rng if settings.shuffle else None,
        merge_tail=bool(settings.batchnorm),
        rows=rows,
        scaling=network.input_scaling,
    )
