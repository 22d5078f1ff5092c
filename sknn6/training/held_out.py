"""The rows that are held out, for early stopping and for the choice of networks."""

import math
from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.model_selection import train_test_split

from sknn6.nn.annotations import Array
from sknn6.training.data import Data, SelectedRows
from sknn6.training.settings import Settings
from sknn6.training.targets import Targets

__all__ = ["hold_out", "may_hold_out"]


def hold_out(data: Data, targets: Targets, settings: Settings, seed: int) -> tuple[Array, Data]:
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
    weight = None if data.sample_weight is None else data.sample_weight[held_out]
    if weight is not None and not weight.any():
        weight = None
    return rows, Data(X, data.y[held_out], data.given_y[held_out], weight, weight)


def may_hold_out(data: Data, targets: Targets, settings: Settings) -> bool:
    """Return whether to hold out rows for ensemble selection.

    It is True if the user asked for the selection; with "auto", only if both parts get enough rows.
    """
    if not settings.is_auto("ensemble_selection"):
        return True
    fraction = settings.validation_fraction
    if data.weight is not None and np.count_nonzero(data.weight) <= math.ceil(fraction * data.n_rows):
        return False  # perhaps no row to train on would have any weight
    strata = targets.strata(data.y, fraction)
    return not has_single_row(strata) and shortage(data.n_rows, strata, fraction) is None


def has_single_row(strata: Array | None) -> bool:
    """Return whether there is a stratum of a single row, which cannot be in both parts."""
    return strata is not None and np.unique(strata, return_counts=True)[1].min() == 1


class Shortage(NamedTuple):
    """A part of the rows that has too few."""

    part: str
    size: int
    needed: int


def shortage(n_rows: int, strata: Array | None, fraction: float) -> Shortage | None:
    """Return the part that would have too few rows, None if both have enough.

    At least two rows must be held out and one trained on, and in each part at least one of each stratum.
    """
    n_strata = 1 if strata is None else len(np.unique(strata))
    held_out = math.ceil(fraction * n_rows)
    parts = [
        Shortage("validation", held_out, max(2, n_strata)),
        Shortage("training", n_rows - held_out, n_strata),
    ]
    return next((part for part in parts if part.size < part.needed), None)


def check_parts(n_rows: int, strata: Array | None, fraction: float) -> None:
    """Raise ValueError if a part would have too few rows."""
    if has_single_row(strata):
        return  # train_test_split has an error for it
    short = shortage(n_rows, strata, fraction)
    if short is not None:
        change = "Increase" if short.part == "validation" else "Decrease"
        raise ValueError(
            f"The {short.part} set is too small. {change} 'validation_fraction' or give more rows: it needs "
            f"{short.needed}, got {short.size} of {n_rows} rows, a validation_fraction of {fraction}."
        )
