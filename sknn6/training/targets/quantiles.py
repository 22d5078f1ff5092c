"""Targets of which quantiles are predicted, and the parameter `quantile`."""

from functools import partial
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import d2_pinball_score

from sknn6.nn.annotations import Array, LossFunction
from sknn6.nn.outputs import OutputScaling
from sknn6.training.targets.numbers import Numbers

__all__ = ["Quantiles", "mean_d2", "quantiles_in"]


class Quantiles(Numbers):
    """One quantile of each number, or several quantiles of a single number, with one output for each.

    Parameters
    ----------
    loss, n_outputs, scaling
        As in `Numbers`; for several quantiles, n_outputs is their number.
    quantile : float or ndarray of shape (n_outputs,)
    """

    def __init__(
        self, loss: str, n_outputs: int, quantile: float | Array, scaling: OutputScaling | None = None
    ):
        super().__init__(loss, n_outputs, "in_order" if np.ndim(quantile) else None, scaling)
        self.quantile = quantile

    @property
    def loss(self) -> LossFunction:  # type: ignore[override]
        return partial(self.entry.loss, quantile=self.quantile)

    def columns(self, y: Array) -> Array:
        if not self.link.is_sorted:
            return super().columns(y)
        y = y[:, None] if y.ndim == 1 else y
        if y.shape[1] != 1:
            raise ValueError(f"quantile, as a list, needs a single target, got {y.shape[1]}.")
        return y

    def pool(self, Z: Array) -> Array:
        return self.link.predict(super().pool(Z))

    def score(self, Z: Array, y: Array, weight: Array | None) -> float:
        """Return the mean of the D² of the outputs, or NaN if it is not finite."""
        score = mean_d2(np.broadcast_to(y, Z.shape), Z, self.quantile, weight)
        return score if np.isfinite(score) else np.nan


def mean_d2(Y: Array, P: Array, quantile: float | Array, weight: ArrayLike | None) -> float:
    """Return the mean over columns of D² = 1 - pinball loss / pinball loss of the best constant."""
    each = zip(Y.T, P.T, np.broadcast_to(quantile, P.shape[1]), strict=True)
    return float(np.mean([d2_pinball_score(y, p, sample_weight=weight, alpha=q) for y, p, q in each]))


def quantiles_in(quantile: Any) -> float | Array:
    """Return the parameter `quantile` as a float or as an array; raise ValueError if it is neither."""
    given = np.atleast_1d(np.asarray(quantile, dtype=object))
    numbers = [float(q) if isinstance(q, Real) else np.nan for q in given]
    if np.ndim(quantile) == 0 and 0 < numbers[0] < 1:
        return numbers[0]
    if np.ndim(quantile) == 0 or not (numbers and np.all(np.diff([0.0, *numbers, 1.0]) > 0)):
        raise ValueError(
            "quantile must be a number between 0 and 1, or an increasing list of such numbers, "
            f"got {quantile!r}."
        )
    return np.array(numbers)
