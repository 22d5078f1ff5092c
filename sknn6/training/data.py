"""The data of a training: held-out rows, scaling of the input, and mini-batches."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.model_selection import train_test_split

from sknn6.nn.batches import Batches
from sknn6.training.scaling import moments_of, rescaled
from sknn6.warn import warn_user

__all__ = ["Data", "SelectedRows", "Split", "make_batches", "scale_input", "split"]


class Data(NamedTuple):
    """Validated data: y is encoded for the loss; labels and sample weights are as the user gave them.

    `weight` are the weights in the loss: in training data sample weights times class weights, in validation
    data the sample weights.
    """

    X: Any
    y: NDArray
    weight: NDArray | None
    labels: NDArray
    sample_weight: NDArray | None = None

    @property
    def n_rows(self) -> int:
        """Number of rows of X."""
        return self.X.shape[0]

    def overflows(self, dtype) -> bool:
        """Return whether X has values beyond the range of `dtype`."""
        values = self.X.data if issparse(self.X) else self.X
        return bool(max(values.max(initial=0), -values.min(initial=0)) > np.finfo(dtype).max)

    def take(self, rows) -> "Data":
        """Return some of the rows."""
        return Data._make(part if part is None else part[rows] for part in self)


class SelectedRows:
    """Selected rows of X, copied only when a slice of them is read."""

    def __init__(self, X, rows):
        self.X, self.rows = X, rows
        self.shape = len(rows), X.shape[1]

    def __getitem__(self, part):
        return self.X[self.rows[part]]


class Split(NamedTuple):
    """The rows to train on, and the data for validation and ensemble selection.

    Attributes
    ----------
    rows : ndarray of int or None
        The rows to train on; None means all.
    validation : Data or None
        The data that are evaluated after each epoch.
    for_selection : Data or None
        The data by which ensemble selection chooses networks after the last epoch.
    held_out : Data or None
        The held-out rows, or the user's validation data in their place.
    """

    rows: NDArray | None
    validation: Data | None
    for_selection: Data | None
    held_out: Data | None


def split(data, targets, settings, seed, *, given=None, selects=False) -> Split:
    """Choose the rows to train on, and the data for validation and ensemble selection.

    Early stopping and ensemble selection use the same held-out rows. If the user gives validation data, early
    stopping uses those instead.

    Parameters
    ----------
    data, targets, settings, seed
        As in `hold_out`.
    given : Data or None
        The user's validation data.
    selects : bool
        Whether there is an ensemble selection.
    """
    stops_early = settings.stochastic and settings.early_stopping
    rows = held_out = None
    if stops_early and given is not None:
        held_out = given
    elif stops_early or (selects and may_hold_out(data, targets, settings)):
        rows, held_out = hold_out(data, targets, settings, seed)
    validation, for_selection = held_out if stops_early else given, held_out if selects else None
    return Split(rows, validation, for_selection, held_out)


def hold_out(data, targets, settings, seed):
    """Draw the rows that are held out.

    Parameters
    ----------
    data : Data
    targets : Targets
        They determine the strata of the rows.
    settings : Settings
        `validation_fraction` is the share of held-out rows.
    seed : int

    Returns
    -------
    rows : ndarray of int
        The rows to train on.
    held_out : Data

    Raises
    ------
    ValueError
        If a part has too few rows, or all training rows have weight 0.
    """
    strata = targets.strata(data.y, settings.validation_fraction)
    check_parts(data.n_rows, strata, settings.validation_fraction)
    rows, held_out = train_test_split(
        np.arange(data.n_rows), test_size=settings.validation_fraction, random_state=seed, stratify=strata
    )
    if data.weight is not None and not data.weight[rows].any():
        raise ValueError(
            "The training set has no sample with a weight > 0. Decrease 'validation_fraction' or give "
            f"more of them: got {np.count_nonzero(data.weight)}, all held out with a validation_fraction "
            f"of {settings.validation_fraction}."
        )
    copied = settings.scoring is not None or issparse(data.X)  # scorers need arrays
    X = data.X[held_out] if copied else SelectedRows(data.X, held_out)
    parts = data.y, data.sample_weight, data.labels
    y, weight, labels = (part if part is None else part[held_out] for part in parts)
    if weight is not None and not weight.any():
        weight = None
    return rows, Data(X, y, weight, labels)


def may_hold_out(data, targets, settings):
    """Return whether rows can be held out for ensemble selection, or the user asked for it in any case."""
    if "ensemble_selection" not in settings.left:
        return True
    held_out = math.ceil(settings.validation_fraction * data.n_rows)
    if data.weight is not None and np.count_nonzero(data.weight) <= held_out:
        return False  # perhaps no row to train on would have any weight
    strata = targets.strata(data.y, settings.validation_fraction)
    if strata is not None and np.unique(strata, return_counts=True)[1].min() == 1:
        return False
    fewest_held_out, fewest_to_train = fewest_rows(strata)
    return held_out >= fewest_held_out and data.n_rows - held_out >= fewest_to_train


def fewest_rows(strata):
    """Return how many rows must be held out and how many trained on: 2 and 1, and one of each stratum."""
    n_strata = 1 if strata is None else len(np.unique(strata))
    return max(2, n_strata), n_strata


def check_parts(n_rows, strata, fraction):
    """Raise ValueError if a part would have too few rows."""
    held_out = math.ceil(fraction * n_rows)
    if strata is not None and np.unique(strata, return_counts=True)[1].min() == 1:
        return  # train_test_split raises an error for a class of one row, which cannot be in both parts
    fewest_held_out, fewest_to_train = fewest_rows(strata)
    for part, size, needed, change in (
        ("validation", held_out, fewest_held_out, "Increase"),
        ("training", n_rows - held_out, fewest_to_train, "Decrease"),
    ):
        if size < needed:
            raise ValueError(
                f"The {part} set is too small. {change} 'validation_fraction' or give more rows: it "
                f"needs {needed}, got {size} of {n_rows} rows, a validation_fraction of {fraction}."
            )


def scale_input(network, data, known, rows=None, average=None):
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
    before = network.input_scaling
    if before is not None and known is None:
        return None
    if before is None:
        moments = moments_of(data, rows, centred=not issparse(data.X))
        network.input_scaling = moments.scaling(data.X.dtype)
    else:
        # In a stream, most rows change no scaling.
        moments = known.extended(data.X, data.weight) if rows is None else None
        if moments is None:
            moments = known + moments_of(data, rows, known.centred)
            network.input_scaling = rescaled(network, known, moments, data.X.dtype, average)
    return None if moments.enough() else moments


def make_batches(data, settings, network, rng, rows=None, kept=None):
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
    if "batch_size" not in settings.left and settings.batch_size > n_rows:
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
