"""What `fit` prepares before it trains: settings, targets, data and network."""

from dataclasses import dataclass
from functools import cache
from inspect import signature
from typing import Any

import numpy as np

from sknn6.estimators.building import build, fitted_parameters
from sknn6.estimators.fitted import bins_of, columns_of
from sknn6.estimators.input_layers import bins_between, find_embedding, place_codes, place_knots
from sknn6.estimators.model import Model
from sknn6.estimators.settings import (
    for_continuing,
    for_members,
    for_partial_fit,
    for_stream,
    settings_of,
    with_fitted_values,
)
from sknn6.estimators.target_scaling import adapt_to_scaling, learn_level, multiply_outputs, scale_targets
from sknn6.moments import moments
from sknn6.nn.annotations import Array
from sknn6.nn.architecture import Architecture
from sknn6.nn.batches import Batches
from sknn6.nn.inputs import InputScaling
from sknn6.nn.network import Network
from sknn6.nn.optimizers import OPTIMIZERS, Optimizer
from sknn6.nn.update import Update
from sknn6.tables import Columns
from sknn6.training.data import Data, make_batches
from sknn6.training.division import Division
from sknn6.training.scaling import scale_input
from sknn6.training.settings import Settings
from sknn6.training.state import TrainingState
from sknn6.training.targets import Targets

__all__ = ["Prepared", "prepare"]


@dataclass(frozen=True)
class Prepared:
    """A training before its first epoch.

    Attributes
    ----------
    settings : Settings
    targets : Targets
    data : Data
    architecture : Architecture
    network : Network
        With initial weights or, in a continued training, with the fitted weights.
    state : TrainingState
    n_numbers : int
        Number of columns of X that are numbers. They come first; the other columns are codes of categories.
    knots : ndarray or None
        The ends of the intervals of a new embedding, see `find_knots`; None without a new embedding.
    output_ratio : ndarray or None
        The earlier scale of the targets divided by the new one; None if the scale has not changed.
    """

    settings: Settings
    targets: Targets
    data: Data
    architecture: Architecture
    network: Network
    state: TrainingState
    n_numbers: int
    knots: Array | None
    output_ratio: Array | None

    @property
    def model(self) -> Model:
        """The network with all that the estimator keeps beside it."""
        return Model(
            network=self.network,
            architecture=self.architecture,
            targets=self.targets,
            state=self.state,
            stochastic=self.settings.stochastic,
            dtype=self.data.X.dtype,
        )

    def fit_inputs(self, rows: Array | None = None, update: Update | None = None) -> None:
        """Learn what comes before the first linear map: scaling, intervals of the embedding, categories.

        The scaling is learned from the given rows, or from all.
        """
        self._learn_scaling(rows, update)
        if self.knots is not None:
            place_knots(self.network, self.knots, self.data)
            self.state.moments = None  # the intervals are final, so the scaling must be too
        if not self.settings.continues and self.n_numbers < self.data.X.shape[1]:
            codes = self.data.X[:, self.n_numbers :]
            place_codes(self.network, codes, self.data.weight, bool(self.settings.input_scaling))

    def _learn_scaling(self, rows: Array | None, update: Update | None) -> None:
        """Learn the scaling of the numbers, or go on learning it, if there is one."""
        if self.settings.input_scaling and not self.n_numbers:
            self.network.input_scaling = InputScaling(np.empty(0), np.empty(0))
        elif self.settings.input_scaling:
            average = None if update is None else update.average
            X = self.data.X
            if self.n_numbers < X.shape[1]:  # otherwise a sparse X would be copied
                X = X[:, : self.n_numbers]
            numbers = self.data._replace(X=X)
            self.state.moments = scale_input(self.network, numbers, self.state.moments, rows, average)

    def make_batches(self, division: Division | None = None) -> Batches:
        """Return the mini-batches of the rows to train on, by default all; for L-BFGS, one batch.

        Each network is trained on all of these rows but those that it leaves out.
        """
        division = division or Division()
        kept = division.kept(self.network.members)
        return make_batches(self.data, self.settings, self.network, self.state.rng, division.rows, kept)

    def make_update(self, keeps_state: bool) -> Update:
        """Return the solver's update; if it keeps its state, with that of the last training."""
        settings, network = self.settings, self.network
        optimizer = make_optimizer(settings, network)
        kept = (self.state.optimizer if keeps_state else None) or {}
        if (kept.get("solver"), kept.get("size")) == (settings.solver, network.theta.size):
            optimizer.t = kept["t"]
            for name, vector in optimizer.state.items():
                vector[:] = kept[name]
        return Update(
            network,
            optimizer,
            clip_norm=settings.clip_norm,
            weight_decay=settings.decays,
            ema_decay=float(settings.ema_decay),
            lead=self._rescaled(kept.get("lead")) if optimizer.t else None,
        )

    def _rescaled(self, lead: Array | None) -> Array | None:
        """Return the lead of the weights over their average, adapted to the new scaling of the targets."""
        if lead is None or self.output_ratio is None:
            return lead
        lead = lead.copy()
        # The lead is a difference of weights, so it does not depend on the mean of the targets.
        with self.network.exchanged(lead):
            multiply_outputs(self.network, self.output_ratio)
        return lead

    def validate_held_out(self, estimator: Any, X: Any, y: Any, sample_weight: Any) -> Data:
        """Return the user's validation data, validated against the training data."""
        # The estimator may still have the network of an earlier fit.
        find_fills = None if self.settings.continues else self._columns_filling_means
        try:
            X, y, sample_weight = estimator._validate_arrays(
                X, y, sample_weight, reset=False, find_fills=find_fills
            )
            return Data(X, self.targets.encode(y, self.network.dtype), y, sample_weight, sample_weight)
        except ValueError as error:
            raise ValueError(
                f"X_val, y_val and sample_weight_val must go with the data of the training: {error}"
            ) from error

    def _columns_filling_means(self) -> Columns:
        """Return the `Columns` that replace missing numbers by the means of the training data."""
        _, mean, _ = moments(self.data.X, self.data.weight)
        return Columns.filling(mean)


def prepare(
    estimator: Any,
    X: Any,
    y: Any,
    sample_weight: Any = None,
    *,
    continues: bool = False,
    incremental: bool = False,
) -> Prepared:
    """Validate the data of a training and prepare everything that it starts from.

    On the estimator, only what validation learns of X is set, such as `n_features_in_`.

    Parameters
    ----------
    estimator : BaseMLP
    X, y, sample_weight
        As `fit` takes them.
    continues : bool, default=False
        Whether the training continues from the fitted weights.
    incremental : bool, default=False
        Whether it is a call of `partial_fit`.

    Returns
    -------
    Prepared

    Raises
    ------
    ValueError
        If the data are invalid, or a continued training is to have another architecture.
    """
    if continues:
        estimator._go_on_with_columns(X)
    X, y, sample_weight = estimator._validate_arrays(X, y, sample_weight, reset=not continues)
    settings, state = settings_and_state(estimator, X.shape[0], continues, incremental)
    targets = estimator._find_targets(y, settings)
    before = targets.scaling
    if settings.scales_targets and targets.can_be_scaled and not (continues and before is None):
        targets = scale_targets(targets, state, y, sample_weight)
    encoded = targets.encode(y, settings.network_dtype)
    data = Data(X, encoded, y, targets.weigh(sample_weight, y), sample_weight)
    columns = columns_of(estimator)
    n_numbers = X.shape[1] if columns is None else columns.n_numbers
    knots = None if continues else find_embedding(data, n_numbers, settings, state.streamed)
    bins = bins_of(estimator) if continues else bins_between(knots, X.shape[1])
    architecture = settings.architecture(X.shape[1], targets.n_outputs, bins, columns)
    network = build(estimator, architecture, settings, state.rng)
    if settings.scales_targets and targets.link.is_exponential:
        targets.level = learn_level(targets, state, y, sample_weight)
        if not continues:  # the first predictions are about the mean of the targets
            network.dense()[-1].b += np.log(targets.level).astype(network.dtype)
    return Prepared(
        settings=settings,
        targets=targets,
        data=data,
        architecture=architecture,
        network=network,
        state=state,
        n_numbers=n_numbers,
        knots=knots,
        output_ratio=adapt_to_scaling(network, before, targets.scaling),
    )


def make_optimizer(settings: Settings, network: Network) -> Optimizer:
    """Return the solver's optimizer; its arguments are the settings of the same names."""
    kind = OPTIMIZERS[settings.solver]
    return kind(network.theta, **{name: getattr(settings, name) for name in arguments_of(kind)})


@cache
def arguments_of(kind: type[Optimizer]) -> list[str]:
    """Return the names of the arguments of an optimizer but theta."""
    return [name for name in signature(kind).parameters if name != "theta"]


def settings_and_state(
    estimator: Any, n_rows: int, continues: bool, incremental: bool
) -> tuple[Settings, TrainingState]:
    """Return the settings of a call on n_rows rows, and the state that its training starts from.

    The recipe depends on the number of rows with which the training began; one that began with `partial_fit`
    has the recipe for few rows.
    """
    rows_at_first = 0 if incremental else n_rows
    if continues:
        rows_at_first = getattr(estimator, "_n_rows", 0)
    settings = settings_of(estimator, rows_at_first)
    settings.check_decays()
    if incremental:
        settings = for_partial_fit(settings)
    if continues:
        settings = with_fitted_values(settings, fitted_parameters(estimator))
    state = TrainingState.begin(settings, vars(estimator) if continues else {})
    state.n_rows = rows_at_first
    if state.streamed:
        settings = for_stream(settings, n_rows)
    elif continues:
        settings = for_continuing(settings, estimator, n_rows)
    return for_members(settings, state.members) if state.members else settings, state
