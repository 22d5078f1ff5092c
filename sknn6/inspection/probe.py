"""Set a network up as for a training, with its data."""

import copy
import warnings
from typing import Any

import numpy as np
from sklearn.base import clone

from sknn6._sklearn_compat import check_parameters
from sknn6.estimators.preparation import Prepared, prepare
from sknn6.inspection.wrappers import is_fitted
from sknn6.nn.batches import Batch
from sknn6.nn.descent import loss_and_gradient
from sknn6.nn.layers import Dropout
from sknn6.nn.update import Update

__all__ = ["Probe"]


class Probe:
    """A copy of a perceptron with its network, and data prepared as for its training.

    Parameters
    ----------
    mlp : BaseMLP
        It is copied and not changed.
    X, y, sample_weight
        As `fit` takes them.
    fresh : bool
        Whether to use initial weights even if the perceptron is fitted.
    deterministic : bool
        Whether dropout is off and, with fitted weights, every layer is in prediction mode.

    Attributes
    ----------
    mlp : BaseMLP
        The copy.
    fitted : bool
        Whether the network has the fitted weights.
    network : Network
    loss : callable
    batches : Batches
    """

    def __init__(
        self,
        mlp: Any,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        fresh: bool = False,
        deterministic: bool = False,
    ) -> None:
        self.fitted = is_fitted(mlp) and not fresh
        self.mlp = copy.copy(mlp) if self.fitted else clone(mlp)
        # With warm_start, `prepare` would refuse rows that lack some of the classes.
        self.mlp.warm_start = False
        check_parameters(self.mlp)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # fit itself will warn
            self.prepared: Prepared = prepare(self.mlp, X, y, sample_weight, continues=self.fitted)
            if not self.fitted:
                self.prepared.fit_inputs()
            self.batches = self.prepared.make_batches()
        self.network, self.data = self.prepared.network, self.prepared.data
        self.loss = self.prepared.targets.loss
        self.network.calibrate(self.batches)
        if deterministic:
            for leaf in self.network.leaves:
                leaf.training = not (self.fitted or isinstance(leaf, Dropout))

    def subsample(self, n_rows: int) -> Batch:
        """Return X, y and weight of a random sample of n_rows rows, or of all, as one batch."""
        rows = np.arange(self.data.n_rows)
        if len(rows) > n_rows:
            rows = np.sort(np.random.default_rng(0).choice(rows, n_rows, replace=False))
        part = self.data.take(rows)
        return self.network.read(part.X), part.y, part.weight

    def differentiate(self, batch: Batch) -> float:
        """Return the loss of a batch, penalty included; its gradient is left in the network."""
        return loss_and_gradient(self.network, self.loss, [batch], self.mlp.alpha)[0]

    def make_update(self) -> Update:
        """Return the Update with which a training would continue."""
        return self.prepared.make_update(keeps_state=self.fitted)

    @property
    def rate(self) -> float:
        """The learning rate at the start of the training."""
        return float(self.prepared.settings.learning_rate_init)
