"""Targets that are numbers, one or several for each row."""

from copy import copy
from functools import partial
from typing import Self

import numpy as np
from sklearn.metrics import r2_score

from sknn6.nn.annotations import Array, LossFunction
from sknn6.nn.losses import REGRESSION_LOSSES, Loss, at_level
from sknn6.nn.outputs import OutputScaling
from sknn6.training.targets.base import Targets

__all__ = ["Numbers"]


class Numbers(Targets):
    """One or several numbers per row.

    Parameters
    ----------
    loss : str
        Name in `REGRESSION_LOSSES`.
    n_outputs : int
        Numbers per row.
    out_activation : str, optional
        The output activation of a fitted network, since the user may have set another loss after the fit.
    scaling : OutputScaling, optional
        The scaling of the numbers for the network.

    Attributes
    ----------
    level : ndarray of shape (n_outputs,) or None
        Unit in which the loss measures predictions and targets: the mean of each target, for "poisson" and
        "gamma", whose targets are not scaled. None means 1.
    """

    are_numbers = True

    def __init__(
        self,
        loss: str,
        n_outputs: int,
        out_activation: str | None = None,
        scaling: OutputScaling | None = None,
    ):
        self.name, self.n_outputs, self.scaling = loss, n_outputs, scaling
        self.level: Array | None = None
        self.out_activation = out_activation or self.entry.out_activation

    @property
    def entry(self) -> Loss:
        """The row of the loss in `REGRESSION_LOSSES`.

        It is looked up only when a training needs it: a fitted model predicts even if `loss` was set to an
        unknown name since.
        """
        return REGRESSION_LOSSES[self.name]

    @property
    def loss(self) -> LossFunction:  # type: ignore[override]
        """The loss of encoded targets, in `unit_of_loss`."""
        if self.level is not None:
            return partial(at_level, loss=self.entry.loss, level=self.level)
        return self.entry.loss if self.scaling is None else partial(self.entry.loss, **self.entry.if_scaled)

    @property
    def unit_of_loss(self) -> float:
        """The mean over the targets of scale^degree or of level^degree; 1 if there is neither.

        It is at least 1e-300 and at most 1e300, so that the losses of all epochs can be compared.
        """
        size = self.level if self.scaling is None else self.scaling.scale
        if size is None:
            return 1.0
        with np.errstate(over="ignore"):
            return float(np.clip((size**self.entry.degree).mean(), 1e-300, 1e300))

    @property
    def can_be_scaled(self) -> bool:
        """Whether the outputs are the numbers themselves, in units of any size."""
        return self.link.is_equivariant

    def scaled(self, scaling: OutputScaling | None) -> Self:
        """Return a copy with another scaling."""
        targets = copy(self)
        targets.scaling = scaling
        return targets

    def columns(self, y: Array) -> Array:
        """Return y as a matrix; raise ValueError if its number of columns differs from that of the fit."""
        y = y[:, None] if y.ndim == 1 else y
        if y.shape[1] != self.n_outputs:
            raise ValueError(f"y must have {self.n_outputs} columns as in the fit before, got {y.shape[1]}.")
        return y

    def encode(self, y: Array, dtype: np.dtype) -> Array:
        """Return y as a matrix in the dtype of the network, scaled if there is a scaling."""
        y = self.columns(y)
        self.check_least(y, dtype)
        if self.scaling is not None:
            return self.scaling(y, dtype)
        if np.abs(y).max() > np.finfo(dtype).max:
            raise ValueError(f"y must lie within the range of {dtype}, got {y.flat[np.abs(y).argmax()]}.")
        return y.astype(dtype, copy=False)

    def check_least(self, y: Array, dtype: np.dtype) -> None:
        """Raise ValueError if the smallest target, rounded to the dtype, is too small for the loss."""
        least, smallest = self.entry.least, y.min()
        if smallest < least:
            raise ValueError(f"y must not be below {least} with loss={self.name!r}, got {smallest}.")
        with np.errstate(over="ignore"):
            is_least = smallest.astype(dtype) == least
        if self.entry.excludes_least and is_least:
            raise ValueError(f"y must be above {least} in {dtype} with loss={self.name!r}, got {smallest}.")

    def score(self, Z: Array, y: Array, weight: Array | None) -> float:
        """Return R², or NaN if it is not finite."""
        score = r2_score(y, self.link.predict(Z), sample_weight=weight)
        return float(score) if np.isfinite(score) else np.nan

    def decide(self, Z: Array) -> Array:
        """Return the numbers."""
        P = self.link.predict(self.pool(Z))
        return P if self.scaling is None else self.scaling.inverse(P)

    def arrays(self) -> dict[str, Array]:
        if self.scaling is None:
            return {}
        return {"output.mean": self.scaling.mean, "output.scale": self.scaling.scale}
