"""The state of a training: its counts, curves, best results and random generator."""

from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, Self

import numpy as np
from sklearn.utils import check_random_state

from sknn6.nn.annotations import Array
from sknn6.packing import pack, unpack
from sknn6.training.scaling import Moments
from sknn6.training.settings import Settings

__all__ = ["ATTRIBUTES", "RECORDS", "STOCHASTIC_ATTRIBUTES", "TrainingState"]

# Number of records that partial_fit keeps, so that a long stream keeps only its loss curve whole.
RECORDS = 10_000


def kept(attribute: str, **facts: bool) -> dict[str, Any]:
    """Return the metadata of a field that an attribute of the fitted estimator keeps.

    Parameters
    ----------
    attribute : str
    **facts : bool
        `stochastic`: only the stochastic solvers report the field, as in scikit-learn. `of_fit`: each fit
        starts it anew, for results on other data cannot be compared. `of_call`: so does each call. `saved`:
        a checkpoint has it, which is the default.
    """
    return {"attribute": attribute} | facts


@dataclass
class TrainingState:
    """All that changes during a training, except the network and the optimizer.

    Attributes
    ----------
    split_seed : int
        Seed of the rows that are held out. A training that goes on keeps it, so that early stopping never
        scores rows that were trained on before.
    rng : numpy.random.Generator
        Draws the initial weights, the order of the rows, and the units that dropout drops.
    streamed : bool
        Whether the training began with `partial_fit`.
    n_iter : int
        Number of epochs or iterations of this fit.
    t : int
        Number of samples seen in all epochs of all fits.
    loss : float
        The loss of the last epoch.
    history : list of dict
        One record per epoch. The training appends to it.
    loss_curve, validation_scores : list of float or None
        The losses and validation scores of the epochs; None if the solver or the settings have none.
    best_loss, best_validation_score : float or None
        The best loss and validation score of this fit.
    no_improvement : int
        Number of consecutive epochs without an improvement.
    plateaus : int
        How often the learning rate was lowered at a plateau.
    plateau_at : int or None
        After how many epochs of this fit a plateau shortened the plan of the rate; None without a plateau.
    n_rows : int
        Number of rows of the fit that started from initial weights, on which the recipe depends; 0 if it
        began with `partial_fit`.
    members : list of int or None
        The indices of the members that ensemble selection kept; None without selection.
    moments : Moments or None
        Moments of the columns of X, as long as they can still change the scaling.
    target_moments : Moments or None
        Moments of the targets, in the same way.
    optimizer : dict or None
        The optimizer's state, kept for the next `partial_fit`.
    first : int
        Index of the first record of this fit in the history.
    unchanged : bool
        Whether the first epoch of this fit left all weights unchanged.
    stopped, diverged : bool
        Whether this fit ended before its last epoch, and whether it met numbers that are not finite.
    best : tuple of ndarray or None
        A snapshot of the network with the best validation score.
    best_validation_loss : float
        The validation loss of that snapshot.
    lowest_loss : float
        The lowest loss of this cycle of the rate.
    snapshots : list of tuple of ndarray
        Snapshots of the network at the ends of the cycles before this one.
    """

    split_seed: int = field(metadata=kept("_split_seed"))
    rng: np.random.Generator = field(metadata=kept("_rng", of_call=True))
    streamed: bool = field(default=False, metadata=kept("_in_parts"))
    n_iter: int = field(default=0, metadata=kept("n_iter_", of_call=True))
    t: int = field(default=0, metadata=kept("t_"))
    loss: float = field(default=np.inf, metadata=kept("loss_"))
    history: list[dict[str, Any]] = field(default_factory=list, metadata=kept("history_"))
    loss_curve: list[float] | None = field(default=None, metadata=kept("loss_curve_", stochastic=True))
    validation_scores: list[float] | None = field(
        default=None, metadata=kept("validation_scores_", stochastic=True)
    )
    best_loss: float | None = field(default=None, metadata=kept("best_loss_", stochastic=True, of_fit=True))
    best_validation_score: float | None = field(
        default=None, metadata=kept("best_validation_score_", stochastic=True, of_fit=True)
    )
    no_improvement: int = field(default=0, metadata=kept("_no_improvement_count", of_fit=True))
    plateaus: int = field(default=0, metadata=kept("_plateaus", of_fit=True))
    n_rows: int = field(default=0, metadata=kept("_n_rows"))
    members: list[int] | None = field(default=None, metadata=kept("ensemble_members_"))
    moments: Moments | None = field(default=None, metadata=kept("_moments"))
    target_moments: Moments | None = field(default=None, metadata=kept("_target_moments"))
    # A checkpoint saves the optimizer's present state beside this one, which an earlier call has left.
    optimizer: dict[str, Any] | None = field(default=None, metadata=kept("_optimizer_state", saved=False))
    plateau_at: int | None = None
    first: int = 0
    unchanged: bool = False
    stopped: bool = False
    diverged: bool = False
    best: tuple[Array, Array] | None = None
    best_validation_loss: float = np.inf
    lowest_loss: float = np.inf
    snapshots: list[tuple[Array, Array]] = field(default_factory=list)

    @classmethod
    def begin(cls, settings: Settings, before: dict[str, Any]) -> Self:
        """Return the initial state of a training.

        Parameters
        ----------
        settings : Settings
        before : dict
            The fitted attributes if the training continues an earlier one, else empty.
        """
        state = cls.fresh(settings, before)
        anew = names_with("of_call") + (() if settings.incremental else names_with("of_fit"))
        anew += () if settings.stochastic else names_with("stochastic")
        for name, attribute in ATTRIBUTES.items():
            if name not in anew and before.get(attribute) is not None:
                setattr(state, name, before[attribute])
        if state.best_loss is not None:
            state.lowest_loss = state.best_loss
        state.streamed = settings.incremental and (state.streamed or not before)
        state.first = len(state.history)
        return state

    @classmethod
    def fresh(cls, settings: Settings, before: dict[str, Any]) -> Self:
        """Return a new state; seed and generator are those of the earlier training, if there is one."""
        seed, rng = before.get("_split_seed"), before.get("_rng")
        if seed is None:
            seed = check_random_state(settings.random_state).randint(2**31 - 1)
        # A copy, so that a fit that fails leaves the generator as it was.
        state = cls(seed, np.random.default_rng(seed) if rng is None else copied(rng))
        if settings.stochastic:
            state.loss_curve = []
            if settings.early_stopping:
                state.validation_scores, state.best_validation_score = [], -np.inf
            else:
                state.best_loss = np.inf
        return state

    @property
    def records(self) -> list[dict[str, Any]]:
        """The records of this fit."""
        return self.history[self.first :]

    def add(self, record: dict[str, Any]) -> None:
        """Append the record of an epoch."""
        epoch = self.history[-1]["epoch"] + 1 if self.history else 1
        self.history.append({"epoch": epoch, **record})
        self.loss = record["loss"]
        if self.loss_curve is not None:
            self.loss_curve.append(self.loss)

    def add_score(self, score: float) -> None:
        """Append a validation score of early stopping."""
        if self.validation_scores is None:
            self.validation_scores = []
        self.validation_scores.append(score)

    def attributes(self, stochastic: bool) -> dict[str, Any]:
        """Return the fitted attributes that keep the state, without those that L-BFGS does not have."""
        kept = {attribute: getattr(self, name) for name, attribute in ATTRIBUTES.items()}
        if not stochastic:
            for name in names_with("stochastic"):
                if getattr(self, name) is None:
                    del kept[ATTRIBUTES[name]]
        return kept

    def saved(self) -> dict[str, Any]:
        """Return the state as plain data, for a checkpoint."""
        saved = {name: getattr(self, name) for name in SAVED}
        moments = {
            name: getattr(self, name) and tuple(vars(getattr(self, name)).values())
            for name in ("moments", "target_moments")
        }
        generator = self.rng.bit_generator.state
        return saved | moments | {"history": pack(self.history), "rng": generator}

    def restore(self, saved: dict[str, Any]) -> None:
        """Restore a state that `saved` has returned; other entries are ignored."""
        saved = {"plateau_at": None} | saved  # files of earlier versions do not have it
        if "in_parts" in saved:  # the name of the field in files of earlier versions
            saved = saved | {"streamed": saved["in_parts"]}
        saved = {name: saved[name] for name in SAVED}
        rng, self.rng = saved.pop("rng"), self.rng
        self.rng.bit_generator.state = rng
        for name in ("moments", "target_moments"):
            saved[name] = saved[name] and Moments(*saved[name])
        vars(self).update(saved | {"history": unpack(saved["history"])})


@cache
def names_with(fact: str) -> tuple[str, ...]:
    """Return the names of the fields of a state for which a fact holds, see `kept`."""
    return tuple(each.name for each in fields(TrainingState) if each.metadata.get(fact, False))


# The attribute of the fitted estimator in which each field of the state is kept.
ATTRIBUTES = {
    each.name: each.metadata["attribute"] for each in fields(TrainingState) if "attribute" in each.metadata
}
STOCHASTIC_ATTRIBUTES = tuple(ATTRIBUTES[name] for name in names_with("stochastic"))

# Fields in a checkpoint.
SAVED = tuple(each.name for each in fields(TrainingState) if each.metadata.get("saved", True))


def copied(rng: np.random.Generator) -> np.random.Generator:
    """Return a copy of a generator, much faster than copy.deepcopy."""
    bits = type(rng.bit_generator)(0)
    bits.state = rng.bit_generator.state
    return np.random.Generator(bits)
