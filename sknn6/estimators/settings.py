"""The settings of a training: the parameters of the estimator, with a value for each "auto"."""

import operator
import sys
from collections.abc import Sequence
from numbers import Real
from types import SimpleNamespace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from sknn6._sklearn_compat import InvalidParameterError, python_number
from sknn6.estimators.recipes import RECIPES, WITH_MANY_ROWS, rate_going_on, rate_in_stream, recipe_for
from sknn6.nn.activations import ACTIVATIONS, Activation
from sknn6.nn.architecture import Architecture
from sknn6.nn.optimizers import OPTIMIZERS
from sknn6.nn.schedules import SCHEDULES, Progress, Schedule
from sknn6.tables import Columns

__all__ = ["Settings"]

# With fewer epochs there is one cycle of the rate, unless the user has set a number: the networks at the end
# of the first of two would have learned little.
FEWEST_FOR_CYCLES = 20


class Settings(SimpleNamespace):
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
    >>> from sknn6.estimators.settings import Settings
    >>> settings = Settings.of(MLPClassifier("64-32", batch_size=50))
    >>> settings.hidden, settings.batch_size, settings.ensemble_size
    ([64, 32], 50, 4)
    """

    recipe: dict[str, Any]
    automatic: frozenset[str]
    given: dict[str, Any]
    continues: bool
    incremental: bool

    @classmethod
    def of(
        cls, estimator: BaseEstimator, n_rows: int = 0, *, continues: bool = False, incremental: bool = False
    ) -> Self:
        """Return the settings with the recipe of a training that begins with n_rows rows."""
        names = estimator._parameter_constraints  # the constructor of a subclass may have others
        given = {name: python_number(getattr(estimator, name)) for name in names}
        recipe = recipe_for(recipe_name(estimator), n_rows)
        automatic = frozenset(
            name for name in recipe if isinstance(given.get(name), str) and given[name] == "auto"
        )
        values = given | {name: recipe[name] for name in automatic}
        training = {"continues": continues, "incremental": incremental}
        return cls(**values | {"recipe": recipe, "automatic": automatic, "given": given} | training)

    def with_fitted_values(self, fitted: dict[str, Any]) -> Self:
        """Return the settings in which parameters left at "auto" have the values of a fitted network.

        Its hidden layers are those of one of the recipes, repeated `depth` times, unless `depth` has changed.
        """
        fitted = dict(fitted)
        hidden = fitted.pop("hidden_layer_sizes", None)
        for recipe in (*RECIPES.values(), *WITH_MANY_ROWS.values()):
            sizes = recipe["hidden_layer_sizes"]
            if list(sizes) * (self.depth or 1) == hidden:
                fitted["hidden_layer_sizes"] = sizes
        return self._replaced(**{name: fitted[name] for name in self.automatic & fitted.keys()})

    def for_continuing(self) -> Self:
        """Return the settings of a training that continues from the weights of a `fit`."""
        return self._with_rate(rate_going_on(self.recipe))

    def for_members(self, kept: Sequence[int]) -> Self:
        """Return the settings of a training that continues with the members that a `fit` has kept."""
        size = self.ensemble_size
        if "ensemble_size" in self.automatic:
            size = max(size, max(kept) + 1, np.size(self.weight_decay))
        if max(kept) >= size:
            raise ValueError(
                f"ensemble_size must be at least {max(kept) + 1} in a training that continues with the "
                f"networks {list(kept)}, which the fit has kept, got {size}. Fit anew with warm_start=False."
            )
        decays = self._replaced(ensemble_size=size).decays
        decays = decays[kept] if isinstance(decays, np.ndarray) else decays
        automatic = self.automatic - {"weight_decay"}
        return self._replaced(ensemble_size=len(kept), weight_decay=decays, automatic=automatic)

    def for_stream(self, n_rows: int) -> Self:
        """Return the settings of a call on n_rows rows in a training that began with `partial_fit`."""
        rows = min(n_rows, self.batch_size * self.gradient_accumulation_steps)
        return self._with_rate(rate_in_stream(self.recipe, rows))

    def _with_rate(self, rate: float) -> Self:
        """Return the settings with another rate, if the user left the rate at "auto"."""
        return self._replaced(learning_rate_init=rate) if "learning_rate_init" in self.automatic else self

    def for_partial_fit(self) -> Self:
        """Return the settings of a call of `partial_fit`: one epoch, and no schedule that needs a plan."""
        name = "constant" if SCHEDULES[self.learning_rate].follows_plan else self.learning_rate
        return self._replaced(max_iter=1, learning_rate=name)

    def _replaced(self, **changed: Any) -> Self:
        """Return a copy in which some parameters have other values."""
        return type(self)(**vars(self) | changed)

    @property
    def scales_targets(self) -> bool:
        """Whether the targets are to be scaled; those of a classifier are not."""
        return bool(vars(self).get("target_scaling", False))

    @property
    def scales_temperature(self) -> bool:
        """Whether the logits are to be divided by a temperature; those of a regressor are not."""
        return self.stochastic and bool(vars(self).get("temperature_scaling", False))

    @property
    def cycles(self) -> int:
        """The number of cycles of the rate: one if its schedule has no end, and with early stopping."""
        has_end = self.follows_plan and not self.early_stopping
        is_short = "snapshots" in self.automatic and self.max_iter < FEWEST_FOR_CYCLES
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
        asked = self.scales_temperature and "temperature_scaling" not in self.automatic
        return asked or (self.cycles > 1 and "snapshots" not in self.automatic)

    @property
    def stochastic(self) -> bool:
        """Whether the solver trains on mini-batches."""
        return self.solver in OPTIMIZERS

    @property
    def network_dtype(self) -> np.dtype:
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
    def decays(self) -> float | NDArray:
        """The weight decay of all networks, or an ndarray with one for each.

        If the ensemble has another size than the recipe's list, the decays are spaced geometrically between
        the first and the last of the list; a single network has the geometric mean of these two.
        """
        if not np.ndim(self.weight_decay):
            return float(self.weight_decay)
        decays = np.asarray(self.weight_decay, float)
        if "weight_decay" in self.automatic and len(decays) != self.ensemble_size:
            if self.ensemble_size == 1:
                return float(np.sqrt(decays[0] * decays[-1]))
            return np.geomspace(decays[0], decays[-1], self.ensemble_size)
        return decays if len(decays) > 1 else float(decays[0])

    def check_decays(self) -> None:
        """Raise InvalidParameterError if weight_decay is a sequence without one number for each network."""
        if isinstance(self.weight_decay, Real) or "weight_decay" in self.automatic:
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
        self, n_inputs: int, n_outputs: int, pieces: list[int] | None = None, columns: Columns | None = None
    ) -> Architecture:
        """Return the architecture that the parameters describe.

        `pieces` are the numbers of intervals of an embedding, `columns` those of a table with categories.
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
            pieces=pieces,
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
            sizes = [operator.index(size) for size in np.atleast_1d(np.array(sizes, dtype=object))]
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
        if not isinstance(self.activation, list | tuple):
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


def recipe_name(estimator: BaseEstimator) -> str:
    """Return the name of an estimator's recipe; "auto" means the recipe of its solver."""
    if estimator.recipe != "auto":
        return estimator.recipe
    return estimator._recipes.get(estimator.solver, "plain")
