"""The settings of a training: the parameters of the estimator, with a value for each "auto"."""

import operator
import sys
from collections.abc import Sequence
from numbers import Real
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from sknn6._sklearn_compat import InvalidParameterError
from sknn6.annotations import Scoring, Seed
from sknn6.nn.activations import ACTIVATIONS, Activation
from sknn6.nn.annotations import Array
from sknn6.nn.architecture import Architecture
from sknn6.nn.initializers import Initializer
from sknn6.nn.optimizers import OPTIMIZERS
from sknn6.nn.schedules import SCHEDULES, Progress, Schedule
from sknn6.tables import Columns

__all__ = ["Settings"]

# With fewer epochs there is one cycle of the rate, unless the user has set a number: the networks at the end
# of the first of two would have learned little.
FEWEST_FOR_CYCLES = 20


class Settings:
    """The values of all parameters of an estimator in one training.

    There is an attribute for each parameter. Numbers have Python's types, because NumPy's small integers may
    overflow. Parameters left at "auto" have the value of the recipe. Only `init` may still be "auto": then
    the activation determines it.

    Attributes
    ----------
    recipe : dict
        The values of the recipe, by the name of the parameter. (The estimator's `recipe` is only its name.)
    automatic : frozenset of str
        Names of the parameters that were left at "auto".
    given : dict
        The parameters as the user gave them.
    continues : bool
        Whether the training continues from the fitted weights.
    incremental : bool
        Whether this is a call of `partial_fit`, which trains for one epoch.

    Examples
    --------
    >>> from sknn6 import MLPClassifier
    >>> from sknn6.estimators.settings import settings_of
    >>> settings = settings_of(MLPClassifier("64-32", batch_size=50))
    >>> settings.hidden, settings.batch_size, settings.ensemble_size
    ([64, 32], 50, 4)
    """

    recipe: dict[str, Any]
    automatic: frozenset[str]
    given: dict[str, Any]
    continues: bool = False
    incremental: bool = False

    # The parameters of both estimators.
    hidden_layer_sizes: int | str | Sequence[int]
    depth: int | None
    activation: str | Activation | Sequence[str | Activation]
    init: str | Initializer
    init_scale: float
    batchnorm: bool | str
    batchnorm_momentum: float
    batchnorm_group_size: int
    layernorm: bool
    residual: bool
    ensemble_size: int
    input_scaling: bool | Literal["learned"]
    categorical_features: Any
    numeric_embedding: Literal["piecewise"] | None
    ensemble_selection: bool
    snapshots: int
    dropout: float
    weight_decay: float | Sequence[float] | Array
    gradient_accumulation_steps: int
    clip_norm: float | None
    ema_decay: float
    solver: str
    alpha: float
    batch_size: int
    learning_rate: str
    learning_rate_init: float
    power_t: float
    max_iter: int
    shuffle: bool
    random_state: Seed
    tol: float
    verbose: bool | int
    track: Literal["layers"] | None
    checkpoint: str | Path | None
    warm_start: bool
    momentum: float
    nesterovs_momentum: bool
    early_stopping: bool
    scoring: Scoring
    validation_fraction: float
    beta_1: float
    beta_2: float
    epsilon: float
    n_iter_no_change: float
    max_fun: int
    dtype: Literal["float32", "float64"]

    # Those that only one of them has; the values here are for the other.
    class_weight: Any = None
    label_smoothing: float = 0.0
    temperature_scaling: bool = False
    loss: str = ""
    quantile: Any = None
    target_scaling: bool = False

    def __init__(self, **values: Any) -> None:
        vars(self).update(values)

    def replaced(self, **changed: Any) -> Self:
        """Return a copy in which some parameters have other values."""
        return type(self)(**vars(self) | changed)

    def is_auto(self, name: str) -> bool:
        """Return whether the user left a parameter at "auto"."""
        return name in self.automatic

    @property
    def scales_targets(self) -> bool:
        """Whether the targets are to be scaled; those of a classifier are not."""
        return bool(self.target_scaling)

    @property
    def scales_temperature(self) -> bool:
        """Whether the logits are to be divided by a temperature; those of a regressor are not."""
        return self.stochastic and bool(self.temperature_scaling)

    @property
    def cycles(self) -> int:
        """The number of cycles of the rate: one if its schedule has no end, and with early stopping."""
        has_end = self.follows_plan and not self.early_stopping
        is_short = self.is_auto("snapshots") and self.max_iter < FEWEST_FOR_CYCLES
        return self.snapshots if has_end and not is_short else 1

    @property
    def follows_plan(self) -> bool:
        """Whether the rate depends on the share of the training that is done."""
        return self.stochastic and self.schedule.follows_plan

    @property
    def starts_anew(self) -> bool:
        """Whether this is a `fit` from initial weights, so that any row is unseen until it is trained on."""
        return not (self.continues or self.incremental)

    @property
    def leaves_out_few(self) -> bool:
        """Whether the user asked for something that needs rows left out, even if there are few."""
        asked = self.scales_temperature and not self.is_auto("temperature_scaling")
        return asked or (self.cycles > 1 and not self.is_auto("snapshots"))

    @property
    def stochastic(self) -> bool:
        """Whether the solver trains on mini-batches."""
        return self.solver in OPTIMIZERS

    @property
    def network_dtype(self) -> np.dtype[Any]:
        """The dtype of the network, with L-BFGS always float64."""
        return np.dtype(self.dtype if self.stochastic else "float64")

    @property
    def schedule(self) -> Schedule:
        """The schedule of the rate; schedules that only "sgd" has are constant for other solvers."""
        schedule = SCHEDULES[self.learning_rate]
        return SCHEDULES["constant"] if schedule.for_sgd and self.solver != "sgd" else schedule

    def rate(self, fraction: float, samples: int = 0, plateaus: int = 0) -> float:
        """Return the learning rate.

        Parameters
        ----------
        fraction : float
            The fraction of the planned updates that are done.
        samples : int
            Number of samples seen in finished epochs.
        plateaus : int
            How often the training stopped improving.
        """
        progress = Progress(float(self.learning_rate_init), fraction, samples, plateaus, self.power_t)
        return self.schedule.rate(progress)

    @property
    def decays(self) -> float | Array:
        """The weight decay of all networks, or an ndarray with one for each.

        If the ensemble has another size than the recipe's list, the decays are spaced geometrically between
        the first and the last of the list; a single network has the geometric mean of these two.
        """
        decays = np.asarray(self.weight_decay, float)
        if not decays.ndim:
            return float(decays)
        if self.is_auto("weight_decay") and len(decays) != self.ensemble_size:
            if self.ensemble_size == 1:
                return float(np.sqrt(decays[0] * decays[-1]))
            return np.geomspace(decays[0], decays[-1], self.ensemble_size)
        return decays if len(decays) > 1 else float(decays[0])

    def check_decays(self) -> None:
        """Raise InvalidParameterError if weight_decay is a sequence without one number for each network."""
        if isinstance(self.weight_decay, Real) or self.is_auto("weight_decay"):
            return
        try:
            decays = np.asarray(self.weight_decay, float)
        except (TypeError, ValueError):  # something else than numbers
            decays = np.empty(())
        if decays.shape != (self.ensemble_size,) or not (np.isfinite(decays) & (decays >= 0)).all():
            raise InvalidParameterError(
                "weight_decay, as a sequence, must have one number >= 0 for each of the networks, here "
                f"ensemble_size={self.ensemble_size}, got {self.weight_decay!r}."
            )

    def architecture(
        self, n_inputs: int, n_outputs: int, bins: list[int] | None = None, columns: Columns | None = None
    ) -> Architecture:
        """Return the architecture that the parameters describe.

        `bins` are the numbers of intervals of an embedding, `columns` those of a table with categories.
        """
        one_hot, embedded = ([], []) if columns is None else columns.sizes
        return Architecture(
            n_inputs=n_inputs,
            hidden=self.hidden,
            n_outputs=n_outputs,
            activation=self.activations,
            batchnorm=self.normalization,
            batchnorm_group_size=self.batchnorm_group_size,
            layernorm=bool(self.layernorm),
            residual=bool(self.residual),
            members=int(self.ensemble_size),
            learned_scale=self.input_scaling == "learned",
            bins=bins,
            one_hot=one_hot or None,
            embedded=embedded or None,
        )

    @property
    def hidden(self) -> list[int]:
        """The units of each hidden layer: `hidden_layer_sizes`, repeated `depth` times."""
        sizes = self.hidden_layer_sizes
        try:
            if isinstance(sizes, str):
                sizes = [int(size) for size in sizes.split("-")]
            sizes = [operator.index(size) for size in (sizes if np.iterable(sizes) else [sizes])]
        except (TypeError, ValueError):
            raise InvalidParameterError(
                "hidden_layer_sizes must be an int, a sequence of ints, or a string such as '256-128', "
                f"got {self.hidden_layer_sizes!r}."
            ) from None
        if not all(0 < size <= sys.maxsize for size in sizes):
            raise ValueError(
                f"hidden_layer_sizes must be > 0 and at most {sys.maxsize}, got {self.hidden_layer_sizes!r}."
            )
        return sizes * (self.depth or 1)

    @property
    def activations(self) -> list[str | Activation]:
        """The activation of each hidden layer."""
        n_hidden = len(self.hidden)
        if isinstance(self.activation, str | Activation):
            return [self.activation] * n_hidden
        known = [act in ACTIVATIONS if isinstance(act, str) else isinstance(act, Activation)
                 for act in self.activation]  # fmt: skip
        if len(known) != n_hidden or not all(known):
            raise InvalidParameterError(
                f"activation, as a list, must have one entry per hidden layer, here {n_hidden}, each an "
                f"Activation or a name among {sorted(ACTIVATIONS)}; got {self.activation!r}."
            )
        return list(self.activation)

    @property
    def normalization(self) -> str | None:
        """The name of the normalisation over the batch, or None."""
        if isinstance(self.batchnorm, str):
            return self.batchnorm
        return "batch" if self.batchnorm else None
