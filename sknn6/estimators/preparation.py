"""What `fit` prepares before it trains: settings, targets, data and network."""

from dataclasses import dataclass, replace
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from sknn6.estimators.fitted import arrays_of, attributes_of, columns_of, scaling_of
from sknn6.estimators.settings import Settings
from sknn6.estimators.targets import Numbers, Targets
from sknn6.moments import moments
from sknn6.nn.activations import find_activation
from sknn6.nn.architecture import Architecture
from sknn6.nn.batches import Batches
from sknn6.nn.categories import Embedding, OneHot
from sknn6.nn.embeddings import Piecewise, find_knots
from sknn6.nn.inputs import InputScaling
from sknn6.nn.network import Network
from sknn6.nn.optimizers import OPTIMIZERS
from sknn6.nn.outputs import OutputScaling
from sknn6.nn.update import Update
from sknn6.training.data import Data, make_batches, scale_input
from sknn6.training.scaling import Moments
from sknn6.training.state import TrainingState
from sknn6.training.training import Training
from sknn6.warn import warn_user

__all__ = ["Prepared", "prepare"]


# Rows that the knots of an embedding are taken from, and rows that its pieces are standardised over.
KNOTS_SAMPLE = 2**16
EMBEDDED_SAMPLE = 2**13

# The distance of the quartiles of the normal distribution of variance 1.
IQR_OF_NORMAL = 1.3489795

# Of fewer rows, the first of a stream, quartiles may be anywhere, where more rows better mean and deviation.
FEWEST_FOR_QUARTILES = 100


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
        With fresh weights or, where the training goes on, those that are fitted.
    state : TrainingState
    n_numbers : int
        The first columns of X, which are numbers; those after them are codes of categories.
    fresh : bool
        Whether the training starts from initial weights.
    knots : ndarray or None
        The ends of the intervals of an embedding that is still to be placed, see `find_knots`.
    output_ratio : ndarray or None
        The scale of the targets before, divided by that now, where it has changed.
    """

    settings: Settings
    targets: Targets
    data: Data
    architecture: Architecture
    network: Network
    state: TrainingState
    n_numbers: int
    fresh: bool
    knots: NDArray | None = None
    output_ratio: NDArray | None = None

    def scale_input(self, rows=None, update: Update | None = None) -> None:
        """Learn from the rows, or from all, how to scale the input, if it is to be scaled."""
        if self.settings.input_scaling and not self.n_numbers:
            self.network.input_scaling = InputScaling(np.empty(0), np.empty(0))
        elif self.settings.input_scaling:
            average = update and update.average
            numbers = self.data._replace(X=self.data.X[:, : self.n_numbers])
            self.state.moments = scale_input(self.network, numbers, self.state.moments, rows, average)
        if self.knots is not None:
            self._place(self.knots)
        if self.fresh:
            self._place_codes()

    def _place_codes(self) -> None:
        """Let the layers of categories know how many rows have each code."""
        codes, weight = self.data.X[:, self.n_numbers :], self.data.weight
        for layer in self.network.layers:
            if isinstance(layer, OneHot):
                layer.place(codes, weight, bool(self.settings.input_scaling))
            elif isinstance(layer, Embedding):
                layer.place(codes[:, -len(layer.sizes) :], weight)

    def _place(self, knots: NDArray) -> None:
        """Put the intervals of the embedding where the scaled features have their knots."""
        scaling = self.network.input_scaling
        sample = self.data.take(sample_of(self.data, EMBEDDED_SAMPLE))
        knots = knots if scaling is None else scaling.of(knots)
        for layer in self.network.layers:
            if isinstance(layer, Piecewise):
                layer.place(knots, self.network.read(sample.X), sample.weight)
        self.state.moments = None  # the intervals stay where they are, and so does the scaling

    def make_batches(self, rows=None) -> Batches:
        """Return the mini-batches of the rows, or of all; for L-BFGS, one batch."""
        return make_batches(self.data, self.settings, self.network, self.state.rng, rows)

    def make_update(self, resume: bool) -> Update:
        """Return the solver's update; to resume, with the optimizer's state of the last training."""
        settings, network = self.settings, self.network
        kind = OPTIMIZERS[settings.solver]
        names = [name for name in signature(kind).parameters if name != "theta"]
        optimizer = kind(network.theta, **{name: getattr(settings, name) for name in names})
        kept = (self.state.optimizer if resume else None) or {}
        if (kept.get("solver"), kept.get("size")) == (settings.solver, network.theta.size):
            optimizer.t = kept["t"]
            for name, vector in optimizer.state.items():
                vector[:] = kept[name]
        lead = kept.get("lead") if optimizer.t else None
        if lead is not None and self.output_ratio is not None:
            lead = lead.copy()
            with network.exchanged(lead):  # a difference of weights: the mean of the targets is no part of it
                network.dense()[-1].W *= self.output_ratio
                network.dense()[-1].b *= self.output_ratio
        return Update(
            network,
            optimizer,
            clip_norm=settings.clip_norm,
            weight_decay=settings.decays,
            ema_decay=float(settings.ema_decay),
            lead=lead,
        )

    def keep_members(self, kept: list[int]) -> None:
        """Leave only these of the networks."""
        self.state.members = [self.state.members[i] for i in kept] if self.state.members else kept
        if len(kept) == self.network.members:
            return
        self.architecture = replace(self.architecture, members=len(kept))
        network = self.architecture.build(input_scaling=self.network.input_scaling)
        self.network = network.attach(self.network.arrays_of_members(kept), self.network.dtype)

    def validate_held_out(self, estimator, X, y, sample_weight) -> Data:
        """Return validation data that the user gives, checked against the data to train on."""
        X, y, sample_weight = estimator._validate_arrays(X, y, sample_weight, reset=False)
        return Data(X, self.targets.encode(y, self.network.dtype), sample_weight, y)

    def keep_optimizer(self, training: Training) -> None:
        """Keep the optimizer's state for the next `partial_fit`, in no more bits than the weights."""
        update = training.update
        if update is None or training.torn or training.state.diverged:
            self.state.optimizer = None  # none, or not that of the weights, or it led to what is not finite
            return
        optimizer, dtype = update.optimizer, self.data.X.dtype
        vectors = optimizer.state if update.lead is None else optimizer.state | {"lead": update.lead}
        self.state.optimizer = {
            "solver": self.settings.solver,
            "size": self.network.theta.size,
            "t": optimizer.t,
        }
        for name, vector in vectors.items():
            narrow = min(dtype, vector.dtype, key=lambda kind: kind.itemsize)
            self.state.optimizer[name] = vector.astype(narrow, copy=False)

    def attributes(self) -> dict[str, Any]:
        """Return the fitted attributes that the training amounts to at present."""
        return (
            self.targets.attributes()
            | self.state.attributes(self.settings.stochastic)
            | attributes_of(self.network, self.architecture, self.data.X.dtype, self.targets.arrays())
        )


def prepare(estimator: Any, X: Any, y: Any, sample_weight: Any = None, *, resume=False, incremental=False):
    """Return what a training of an estimator starts from.

    The estimator gets `n_features_in_` and `feature_names_in_`, and is otherwise left as it is.

    Parameters
    ----------
    estimator : BaseMLP
    X, y, sample_weight
        As `fit` takes them.
    resume : bool, default=False
        Whether the training goes on from the fitted weights.
    incremental : bool, default=False
        Whether it is a call of `partial_fit`.

    Returns
    -------
    Prepared

    Raises
    ------
    ValueError
        If the data are not what they need to be, or a training that goes on is to have another network.
    """
    settings = Settings.of(estimator)
    dtype = np.dtype(settings.dtype if settings.stochastic else "float64")
    X, y, sample_weight = estimator._validate_arrays(X, y, sample_weight, reset=not resume)
    n_rows = getattr(estimator, "_n_rows", 0) if resume else 0 if incremental else X.shape[0]
    settings = Settings.of(estimator, n_rows)
    targets = estimator._find_targets(y, settings, resume, incremental)
    state = TrainingState.begin(settings, vars(estimator) if resume else {}, incremental)
    state.n_rows = n_rows
    before = getattr(targets, "scaling", None)
    if settings.scales_targets and targets.can_be_scaled and not (resume and before is None):
        targets = scale_targets(targets, state, y, sample_weight)
    data = Data(X, targets.encode(y, dtype), targets.weigh(sample_weight, y), y, sample_weight)
    columns = columns_of(estimator)
    n_numbers = X.shape[1] if columns is None else columns.n_numbers
    if state.in_parts:
        settings = settings.in_parts(data.n_rows)
    elif resume:
        settings = settings.going_on()
    if incremental:
        settings = settings.of_one_epoch()
    knots = pieces = None
    if resume:
        pieces = getattr(estimator, "_structure", {}).get("pieces")
        if state.members:
            settings = settings.of_members(state.members)
    elif settings.numeric_embedding and not (state.in_parts and "numeric_embedding" in settings.left):
        knots = embedding_of(data._replace(X=X[:, :n_numbers]), settings)
        if knots is not None:
            pieces = np.zeros(X.shape[1], int)
            pieces[:n_numbers] = np.maximum(0, np.isfinite(knots).sum(axis=0) - 1)
            pieces = pieces.tolist()
    architecture = settings.architecture(X.shape[1], targets.n_outputs, pieces, columns)
    if resume:
        check_same(estimator, architecture, settings)
    network = build(estimator, architecture, settings, dtype, state.rng, resume)
    if settings.scales_targets and targets.out_activation == "exp":
        targets.level = level_of(data)
        if not resume:
            last = network.dense()[-1]
            last.b += np.log(targets.level).astype(last.b.dtype)
    ratio = None
    if before is not None and not targets.scaling.is_near(before):
        targets.scaling.hand_over(network.dense()[-1], before)
        ratio = (before.scale / targets.scaling.scale).astype(dtype)
    return Prepared(
        settings, targets, data, architecture, network, state, n_numbers, not resume, knots, ratio
    )


def embedding_of(data: Data, settings: Settings) -> NDArray | None:
    """Return the knots of the features' embedding, None if they are to have none."""
    if issparse(data.X):
        if "numeric_embedding" in settings.left:
            return None
        raise ValueError(
            f"numeric_embedding={settings.numeric_embedding!r} needs dense X, got a sparse one, whose "
            "zeros would become numbers. Use numeric_embedding=None."
        )
    rows = sample_of(data, KNOTS_SAMPLE)
    return find_knots(data.X[rows], None if data.weight is None else data.weight[rows])


def sample_of(data: Data, n_rows: int) -> NDArray:
    """Return the numbers of so many rows with any weight, or of all that there are; the same at each call."""
    rows = np.arange(data.n_rows) if data.weight is None else np.flatnonzero(data.weight)
    return np.sort(np.random.default_rng(0).permutation(rows)[:n_rows])


def scale_targets(targets: Numbers, state: TrainingState, y: NDArray, weight: NDArray | None) -> Numbers:
    """Return the targets with the scaling that y makes, or more of it, until there is no more to learn."""
    known = state.target_moments
    if targets.scaling is not None and known is None:
        return targets
    Y = targets.columns(y)
    if weight is not None:
        Y, weight = Y[weight > 0], weight[weight > 0]
    enough = len(Y) >= FEWEST_FOR_QUARTILES or not state.in_parts
    if targets.entry.is_robust and known is None and enough:
        low, median, high = (quantile(Y, weight, q) for q in (0.25, 0.5, 0.75))
        if (high > low).all():
            return targets.scaled(OutputScaling(median, (high - low) / IQR_OF_NORMAL))
    total, mean, deviation = moments(Y, weight)
    found = Moments(len(Y), float(np.max(total)), mean, deviation)
    if known is not None:
        found = known + found
    state.target_moments = None if found.enough() else found
    return targets.scaled(OutputScaling(found.mean, found.scale()))


def level_of(data: Data) -> NDArray:
    """Return the mean of each target, and 1 where it is 0."""
    mean = np.average(data.y, axis=0, weights=data.weight)
    return np.where(mean > 0, mean, 1)


def quantile(Y: NDArray, weight: NDArray | None, q: float) -> NDArray:
    """Return the least value of each column up to which there is a share of at least q of the weight."""
    order = np.argsort(Y, axis=0)
    weight = np.ones(len(Y)) if weight is None else weight
    reached = np.cumsum(weight[order], axis=0) >= q * weight.sum() * (1 - 1e-12)
    return np.take_along_axis(Y, order, axis=0)[reached.argmax(axis=0), np.arange(Y.shape[1])]


def build(estimator, architecture, settings, dtype, rng, resume):
    """Return the network, with fresh weights or those that are fitted."""
    # L-BFGS needs a loss that is the same at each evaluation, so nothing is dropped; it sees all data at
    # once, so the averages need no memory.
    stochastic = settings.stochastic
    network = architecture.build(
        init=settings.init,
        init_scale=float(settings.init_scale),
        batchnorm_momentum=float(settings.batchnorm_momentum) if stochastic else 1.0,
        dropout=float(settings.dropout) if stochastic else 0.0,
        rng=rng,
        input_scaling=scaling_of(estimator) if resume else None,
    ).allocate(dtype)
    if resume:
        network.load(arrays_of(estimator))
    else:
        network.initialize(rng)
        warn_of_init(network, architecture, settings)
    return network


def warn_of_init(network, architecture, settings):
    """Warn of initial weights that the hidden layers cannot learn well from."""
    given = f"init={settings.given['init']!r} with init_scale={settings.init_scale}"
    hidden = [layer.W for layer in network.dense()[:-1]]
    if any(W.shape[-1] > 1 and (W[..., :1] == W).all() for W in hidden):
        warn_user(
            f"{given} starts all units of a hidden layer the same. They get the same gradient and stay "
            "the same for ever; use init='auto'."
        )
        return
    activations = map(find_activation, architecture.activation)
    shrinking = [act for act in activations if act.gain > 1.1 and "he" in act.init]
    normalised = settings.batchnorm or settings.layernorm
    if settings.init in ("xavier_uniform", "xavier_normal") and shrinking and not normalised:
        warn_user(
            f"{given} is made for activations like tanh. With {shrinking[0].forward.__name__}, of gain "
            f"{shrinking[0].gain:.2f}, the activations shrink from layer to layer. Use init='auto' or "
            "'he_uniform'."
        )


# The parameters that make the fields of an architecture which a training that goes on cannot change.
PARAMETERS = {
    "batchnorm": "batchnorm",
    "batchnorm_group_size": "batchnorm_group_size",
    "layernorm": "layernorm",
    "residual": "residual",
    "hidden": "hidden_layer_sizes and depth",
    "members": "ensemble_size",
    "input_scaling": "input_scaling",
    "numeric_embedding": "numeric_embedding",
}


def check_same(estimator, architecture, settings):
    """Raise if a training that goes on is to have another network than the one that was fitted."""
    now = vars(architecture)
    before = getattr(estimator, "_structure", now)  # coefs_ may have been set before any fit
    scaled = "learned" if before.get("learned_scale") else scaling_of(estimator) is not None
    embedded = before.get("pieces") is not None
    before = before | {"input_scaling": scaled, "numeric_embedding": "piecewise" if embedded else None}
    embedding = settings.numeric_embedding if embedded else None
    now = now | {"input_scaling": settings.input_scaling, "numeric_embedding": embedding}
    for field, parameter in PARAMETERS.items():
        if before[field] != now[field]:
            raise ValueError(
                f"A training that goes on needs the {parameter} that the network was fitted with, "
                f"{before[field]!r}, got {now[field]!r}. Fit anew with warm_start=False."
            )
