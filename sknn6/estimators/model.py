"""What a fitted estimator keeps of a training."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sknn6.estimators.fitted import attributes_of
from sknn6.nn.architecture import Architecture
from sknn6.nn.network import Network
from sknn6.training.state import TrainingState
from sknn6.training.targets import Targets

__all__ = ["Model"]


@dataclass(frozen=True)
class Model:
    """A network with all that the estimator keeps beside it, during a training and at its end.

    Attributes
    ----------
    network : Network
    architecture : Architecture
        That of the network.
    targets : Targets
    state : TrainingState
    stochastic : bool
        Whether the solver is stochastic; L-BFGS leaves out some attributes of the state.
    dtype : numpy.dtype
        The dtype of X, which `coefs_` have too.
    """

    network: Network
    architecture: Architecture
    targets: Targets
    state: TrainingState
    stochastic: bool
    dtype: np.dtype

    def attributes(self) -> dict[str, Any]:
        """Return the fitted attributes that the estimator would have if the training ended now."""
        return (
            self.targets.attributes()
            | self.state.attributes(self.stochastic)
            | attributes_of(self.network, self.architecture, self.dtype, self.targets.arrays())
        )
