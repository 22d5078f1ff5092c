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
        ``scorer(X, y, weight)`` returns the score of the current model.
    """

    def __init__(self, data: Data, targets: Targets, scorer: Callable[..., float] | None = None):
        self.data, self.targets, self.scorer = data, targets, scorer

    def __call__(self, network: Network) -> dict[str, Any]:
        """Return "validation_loss" and "validation_score" of a network."""
        data, targets = self.data, self.targets
        Z = network.predict_in_blocks(data.X, targets.pool)
        if self.scorer is None:
            score = targets.score(Z, data.y, data.sample_weight)
        else:
            score = self.scorer(data.X, data.given_y, data.sample_weight)
        loss = targets.loss(Z, data.y, data.weight)[0] * targets.unit_of_loss
        return {"validation_loss": loss, "validation_score": score}
