"""What `fit` prepares before it trains: settings, targets, data and network."""

from dataclasses import dataclass
from functools import cache
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from sknn6.estimators.building import build, fitted_parameters
from sknn6.estimators.fitted import attributes_of, columns_of, pieces_of
from sknn6.estimators.settings import Settings
from sknn6.estimators.target_scaling import adapt_to_scaling, learn_level, multiply_outputs, scale_targets
from sknn6.moments import moments
from sknn6.nn.architecture import Architecture
from sknn6.nn.batches import Batches
from sknn6.nn.categories import Embedding, OneHot
from sknn6.nn.inputs import InputScaling
from sknn6.nn.network import Network
from sknn6.nn.optimizers import OPTIMIZERS, Optimizer
from sknn6.nn.piecewise import Piecewise, find_knots
from sknn6.nn.update import Update
from sknn6.tables import Columns
from sknn6.training.data import Data, make_batches
from sknn6.training.held_out import Split, split
from sknn6.training.left_out import kept_rows, parts_of_rows
from sknn6.training.scaling import scale_input
from sknn6.training.state import TrainingState
from sknn6.training.targets import Targets

__all__ = ["Prepared", "prepare"]


# Numbers of random rows from which the knots of an embedding are computed, and over which its columns are
# standardised.
ROWS_FOR_KNOTS = 2**16
ROWS_FOR_COLUMNS = 2**13

# If there are fewer rows, networks leave out none by themselves: each row matters, and the few that could be
# left out would tell neither the temperature nor the cycle.
FEWEST_TO_LEAVE_OUT = 100


@dataclass
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
    fresh : bool
        Whether the training starts from initial weights.
    knots : ndarray or None
        The ends of the intervals of a new embedding, see `find_knots`; None without a new embedding.
    output_ratio : ndarray or None
        The earlier scale of the targets divided by the new one; None if the scale has not changed.
    part : ndarray of int, shape (n_rows,), or None
        The part of each row that a member leaves out, see `parts_of_rows`; None if none does.
    held_out : Data or None
        Rows on which no network is trained; None if networks leave out rows of their own, or none.
    selects : bool
        Whether the held-out rows choose which networks to keep.
    calibrates : bool
        Whether the logits are divided by a temperature.
    """

    settings: Settings
    targets: Targets
    data: Data
    architecture: Architecture
    network: Network
    state: TrainingState
    n_numbers: int
    fresh: bool
    knots: NDArray | None
    output_ratio: NDArray | None
    part: NDArray | None = None
    held_out: Data | None = None
    selects: bool = False
    calibrates: bool = False

    def divide_rows(self, given: Data | None, incremental: bool) -> Split:
        """Choose the rows to train on and the validation data.

        Set the attributes that say which rows are not trained on, and what they are used for. `given` are the
        user's validation data.
        """
        settings, anew = self.settings, self.fresh and not incremental
        self.selects = settings.ensemble_selection and self.network.members > 1 and not incremental
        parts = split(
            self.data, self.targets, settings, self.state.split_seed, given=given, selects=self.selects
        )
        self.held_out, self.selects = parts.held_out, parts.for_selection is not None
        # A training that goes on may have been trained before on the rows that it holds out.
        self.calibrates = settings.scales_temperature and anew
        if parts.held_out is None and anew and (self.calibrates or settings.cycles > 1):
            self.part = self.leave_out()
        return parts

    @property
    def n_cycles(self) -> int:
        """Number of cycles of the rate; 1 if no unseen rows can choose between the networks at their ends."""
        can_choose = self.part is not None or (self.selects and self.fresh)
        few = "snapshots" in self.settings.left and self.few_to_choose
        return self.settings.cycles if can_choose and not few else 1

    @property
    def few_to_choose(self) -> bool:
        """Whether there is one network, or few rows, so that by default none are left out."""
        weight = self.data.weight
        n_rows = self.data.n_rows if weight is None else np.count_nonzero(weight)
        return bool(self.network.members == 1 or n_rows < FEWEST_TO_LEAVE_OUT)

    def fit_inputs(self, rows=None, update: Update | None = None) -> None:
        """Learn what comes before the first linear map: scaling, intervals of the embedding, categories.

        The scaling is learned from the given rows, or from all.
        """
        self._learn_scaling(rows, update)
        if self.knots is not None:
            self._place_knots(self.knots)
            self.state.moments = None  # the intervals are final, so the scaling must be too
        if self.fresh:
            self._place_codes()

    def _learn_scaling(self, rows, update: Update | None) -> None:
        """Learn the scaling of the numbers, or go on learning it, if there is one."""
        if self.settings.input_scaling and not self.n_numbers:
            self.network.input_scaling = InputScaling(np.empty(0), np.empty(0))
        elif self.settings.input_scaling:
            average = update and update.average
            X = self.data.X
            if self.n_numbers < X.shape[1]:  # otherwise a sparse X would be copied
                X = X[:, : self.n_numbers]
            numbers = self.data._replace(X=X)
            self.state.moments = scale_input(self.network, numbers, self.state.moments, rows, average)

    def _place_codes(self) -> None:
        """Set the arrays of the layers of categories, which depend on the number of rows with each code."""
        if self.n_numbers == self.data.X.shape[1]:
            return
        codes, weight = self.data.X[:, self.n_numbers :], self.data.weight
        for layer in self.network.layers:
            if isinstance(layer, OneHot):
                layer.place(codes, weight, bool(self.settings.input_scaling))
            elif isinstance(layer, Embedding):
                layer.place(codes[:, -len(layer.sizes) :], weight)

    def _place_knots(self, knots: NDArray) -> None:
        """Place the intervals of the embedding between the knots of the scaled features."""
        scaling = self.network.input_scaling
        some = self.data.take(random_rows(self.data, ROWS_FOR_COLUMNS))
        knots = knots if scaling is None else scaling.scale_values(knots)
        for layer in self.network.layers:
            if isinstance(layer, Piecewise):
                layer.place(knots, self.network.read(some.X), some.weight)

    def make_batches(self, rows=None) -> Batches:
        """Return the mini-batches of the given rows, or of all; for L-BFGS, one batch.

        Each network has the rows that it does not leave out.
        """
        kept = None if self.part is None else kept_rows(self.part, self.network.members)
        return make_batches(self.data, self.settings, self.network, self.state.rng, rows, kept)

    def leave_out(self) -> NDArray | None:
        """Return the part of each row that a network leaves out, see `parts_of_rows`; None if none does."""
        if self.few_to_choose and not self.settings.leaves_out_few:
            return None
        weight, y = self.data.weight, self.data.y
        strata = y.ravel() if y.size == len(y) and not self.targets.are_numbers else None
        part = parts_of_rows(len(y), weight, strata, self.state.split_seed)
        return part if (~kept_rows(part, self.network.members)).any() else None

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

    def _rescaled(self, lead: NDArray | None) -> NDArray | None:
        """Return the lead of the weights over their average, adapted to the new scaling of the targets."""
        if lead is None or self.output_ratio is None:
            return lead
        lead = lead.copy()
        # The lead is a difference of weights, so it does not depend on the mean of the targets.
        with self.network.exchanged(lead):
            multiply_outputs(self.network, self.output_ratio)
        return lead

    def validate_held_out(self, estimator, X, y, sample_weight) -> Data:
        """Return the user's validation data, validated against the training data."""
        # The estimator may still have the network of an earlier fit.
        find_fills = self._columns_filling_means if self.fresh else None
        try:
            X, y, sample_weight = estimator._validate_arrays(
                X, y, sample_weight, reset=False, find_fills=find_fills
            )
            return Data(X, self.targets.encode(y, self.network.dtype), sample_weight, y)
        except ValueError as error:
            raise ValueError(
                f"X_val, y_val and sample_weight_val must go with the data of the training: {error}"
            ) from error

    def _columns_filling_means(self) -> Columns:
        """Return the `Columns` that replace missing numbers by the means of the training data."""
        _, mean, _ = moments(self.data.X, self.data.weight)
        return Columns.filling(mean)

    def attributes(self) -> dict[str, Any]:
        """Return the fitted attributes that the estimator would have if the training ended now."""
        return (
            self.targets.attributes()
            | self.state.attributes(self.settings.stochastic)
            | attributes_of(self.network, self.architecture, self.data.X.dtype, self.targets.arrays())
        )


def prepare(estimator: Any, X: Any, y: Any, sample_weight: Any = None, *, continues=False, incremental=False):
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
    targets = estimator._find_targets(y, settings, continues, incremental)
    before = targets.scaling
    if settings.scales_targets and targets.can_be_scaled and not (continues and before is None):
        targets = scale_targets(targets, state, y, sample_weight)
    encoded = targets.encode(y, settings.network_dtype)
    data = Data(X, encoded, targets.weigh(sample_weight, y), y, sample_weight)
    columns = columns_of(estimator)
    n_numbers = X.shape[1] if columns is None else columns.n_numbers
    knots = None if continues else find_embedding(data, n_numbers, settings, state.in_parts)
    pieces = pieces_of(estimator) if continues else pieces_between(knots, X.shape[1])
    architecture = settings.architecture(X.shape[1], targets.n_outputs, pieces, columns)
    network = build(estimator, architecture, settings, state.rng, continues)
    if settings.scales_targets and targets.out_activation == "exp":
        targets.level = learn_level(targets, state, y, sample_weight)
        if not continues:  # the first predictions are about the mean of the targets
            network.dense()[-1].b += np.log(targets.level).astype(network.dtype)
    ratio = adapt_to_scaling(network, before, targets.scaling)
    return Prepared(
        settings=settings,
        targets=targets,
        data=data,
        architecture=architecture,
        network=network,
        state=state,
        n_numbers=n_numbers,
        fresh=not continues,
        knots=knots,
        output_ratio=ratio,
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

    The recipe is that for the number of rows of the `fit` that began the training. A training that began with
    `partial_fit` has the recipe for few rows.
    """
    rows_at_first = 0 if incremental else n_rows
    if continues:
        rows_at_first = getattr(estimator, "_n_rows", 0)
    settings = Settings.of(estimator, rows_at_first)
    state = TrainingState.begin(settings, vars(estimator) if continues else {}, incremental)
    state.n_rows = rows_at_first
    if continues:
        settings = settings.with_fitted_values(fitted_parameters(estimator))
    if state.in_parts:
        settings = settings.for_stream(n_rows)
    elif continues:
        settings = settings.for_continuing()
    if incremental:
        settings = settings.for_partial_fit()
    return settings.for_members(state.members) if state.members else settings, state


def find_embedding(data: Data, n_numbers: int, settings: Settings, in_parts: bool) -> NDArray | None:
    """Return the knots of the embedding of the numbers, or None if there is to be no embedding."""
    left = "numeric_embedding" in settings.left
    if not settings.numeric_embedding or (left and (in_parts or issparse(data.X))):
        return None
    if issparse(data.X):
        raise ValueError(
            f"numeric_embedding={settings.numeric_embedding!r} needs dense X, got a sparse one, whose "
            "zeros would become numbers. Use numeric_embedding=None."
        )
    rows = random_rows(data, ROWS_FOR_KNOTS)
    return find_knots(data.X[:, :n_numbers][rows], None if data.weight is None else data.weight[rows])


def pieces_between(knots: NDArray | None, n_columns: int) -> list[int] | None:
    """Return the number of intervals of each column, 0 for codes of categories; None without knots."""
    if knots is None:
        return None
    n_pieces = np.maximum(0, np.isfinite(knots).sum(axis=0) - 1).tolist()
    return n_pieces + [0] * (n_columns - len(n_pieces))


def random_rows(data: Data, n_rows: int) -> NDArray:
    """Return the indices of n_rows random rows of positive weight, or of all; the same at each call."""
    rows = np.arange(data.n_rows) if data.weight is None else np.flatnonzero(data.weight)
    return np.sort(np.random.default_rng(0).permutation(rows)[:n_rows])
