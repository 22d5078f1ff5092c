"""What a training needs of targets, whatever they are."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from sknn6.nn.annotations import Array, LossFunction
from sknn6.nn.links import LINKS, Link
from sknn6.nn.outputs import OutputScaling

__all__ = ["Targets"]


class Targets(ABC):
    """A kind of targets: how they are encoded, weighted, learned, scored and predicted.

    Attributes
    ----------
    n_outputs : int
        Number of logits per row.
    out_activation : str
        Name of the link in `LINKS`, from logits to predictions.
    loss, plain_loss : callable
        ``loss(Z, y, weight) -> (loss, dZ)``, for encoded targets; `plain_loss` is without label smoothing.
    are_numbers : bool
        Whether predictions are numbers instead of classes.
    scaling : OutputScaling or None
        The scaling of the targets that the network learns; None if they are not scaled.
    temperature, oob_score : float or None
        As in `MLPClassifier`, set at the end of a training.
    """

    n_outputs: int
    out_activation: str
    loss: LossFunction
    are_numbers = False
    scaling: OutputScaling | None = None
    temperature: float | None = None
    oob_score: float | None = None

    @property
    def link(self) -> Link:
        """The row of `out_activation` in `LINKS`."""
        return LINKS[self.out_activation]

    @property
    def plain_loss(self) -> LossFunction:
        return self.loss

    @property
    def unit_of_loss(self) -> float:
        """The factor from the loss of encoded targets to the loss in the user's units."""
        return 1.0

    @abstractmethod
    def encode(self, y: Any, dtype: np.dtype) -> Array:
        """Return y in the form that the loss takes; raise ValueError if it does not fit the earlier y."""

    def weigh(self, sample_weight: Array | None, y: Any) -> Array | None:
        """Return the weights of the samples in the loss, None if all are 1."""
        return sample_weight

    def strata(self, y: Array, fraction: float) -> Array | None:
        """Return the strata of the rows, for holding out a fraction of them; None for no stratification."""
        return None

    @abstractmethod
    def score(self, Z: Array, y: Array, weight: Array | None) -> float:
        """Return the score of logits for encoded targets. Early stopping keeps the highest."""

    @abstractmethod
    def decide(self, Z: Array) -> Array:
        """Return the predictions for logits; the predictions of several members are averaged first."""

    def pool(self, Z: Array) -> Array:
        """Return the logits whose predictions are the mean of the members' predictions."""
        return Z if Z.ndim == 2 else self.link.pool(Z)

    def arrays(self) -> dict[str, Array]:
        """Return the arrays, by name, that predictions need in addition to those of the network."""
        return {}

    def attributes(self) -> dict[str, Any]:
        """Return the fitted attributes that describe the targets."""
        return {"n_outputs_": self.n_outputs, "out_activation_": self.out_activation}
