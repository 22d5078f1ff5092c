"""Loss and score of validation data."""

from collections.abc import Callable
from typing import Any

from sknn6.nn.network import Network
from sknn6.training.data import Data
from sknn6.training.targets import Targets

__all__ = ["Evaluation"]


class Evaluation:
    """Compute the validation loss and the validation score for the record of an epoch.

    Parameters
    ----------
    data : Data
        The validation data.
    targets : Targets
        They provide the loss, and the score if there is no scorer.
    scorer : callable or None
        ``scorer(X, labels, weight)`` returns the score of the current model.
    """

    def __init__(self, data: Data, targets: Targets, scorer: Callable[..., float] | None = None):
        self.data, self.targets, self.scorer = data, targets, scorer

    def __call__(self, network: Network) -> dict[str, Any]:
        """Return "validation_loss" and "validation_score" of a network."""
        X, y, weight, labels = self.data[:4]
        Z = network.predict_in_blocks(X, self.targets.pool)
        if self.scorer is None:
            score = self.targets.score(Z, y, weight)
        else:
            score = self.scorer(X, labels, weight)
        loss = self.targets.loss(Z, y, weight)[0] * self.targets.unit_of_loss
        return {"validation_loss": loss, "validation_score": score}
