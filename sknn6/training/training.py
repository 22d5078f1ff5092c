"""The parts of a training, and the steps after each epoch that all solvers share."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sknn6.nn.annotations import Rows
from sknn6.nn.batches import Batches
from sknn6.nn.network import Network, Snapshot
from sknn6.nn.observe import LayerTracker
from sknn6.nn.update import Update
from sknn6.training.callbacks import Callbacks
from sknn6.training.checkpointing import TrainingFile
from sknn6.training.data import Data
from sknn6.training.division import Division
from sknn6.training.evaluation import Evaluation
from sknn6.training.settings import Settings
from sknn6.training.state import TrainingState
from sknn6.training.targets import Targets
from sknn6.warn import warn_user

__all__ = ["Training"]

# With the schedule "adaptive", a training stops at the first plateau at which the rate is at most this.
SMALLEST_ADAPTIVE_RATE = 1e-6

# Smallest and largest number of rows for the statistics of track="layers".
TRACKED_ROWS = 64, 256

# Number of rows on which symptoms are looked for.
SYMPTOM_ROWS = 256


@dataclass
class Training:
    """The parts of a training, with the steps after each of its epochs.

    Attributes
    ----------
    network : Network
    batches : Batches
    targets : Targets
    settings : Settings
    state : TrainingState
    callbacks : Callbacks
    attributes : callable
        Returns the fitted attributes that the estimator would have if the training ended now.
    division : Division
        What the rows are used for.
    update : Update or None
        Makes the steps of a stochastic solver; None for L-BFGS.
    evaluation : Evaluation or None
        Evaluates the validation data; None if there are none.
    file : TrainingFile or None
        Saves the training.
    cycle_ends : list of int
        After how many epochs each cycle of the rate ends; none with L-BFGS.
    torn : bool
        Whether an interrupt stopped the training in the middle of an update.
    tracker : LayerTracker or None
        Computes what track="layers" records.
    """

    network: Network
    batches: Batches
    targets: Targets
    settings: Settings
    state: TrainingState
    callbacks: Callbacks
    attributes: Callable[[], dict[str, Any]]
    division: Division
    update: Update | None = None
    evaluation: Evaluation | None = None
    file: TrainingFile | None = None
    cycle_ends: list[int] = field(default_factory=list)
    torn: bool = False
    tracker: LayerTracker | None = None

    def __post_init__(self) -> None:
        state = self.state
        if self.watches_validation and state.best_validation_score is None:  # as with L-BFGS
            state.best_validation_score = -np.inf
        if self.watches_validation and state.history:
            # A continued training must beat its initial weights, scored on today's validation data.
            today = self.measure()
            self.keep_if_best(today["validation_score"], today["validation_loss"])
        if self.settings.track:
            n_rows = np.clip(self.batches.n_samples // 50, *TRACKED_ROWS)
            self.tracker = LayerTracker(self.network, self.batches.subsample(int(n_rows))[0].copy())

    @property
    def validation(self) -> Data | None:
        """The validation data, None if there are none."""
        return None if self.evaluation is None else self.evaluation.data

    @property
    def subsample(self) -> Rows:
        """A sample of the training rows, as the first layer receives them."""
        return self.batches.subsample(SYMPTOM_ROWS)[0]

    def isfinite(self) -> bool:
        """Return whether weights, statistics and the optimizer's state are finite."""
        return self.network.isfinite() and (self.update is None or self.update.isfinite())

    @property
    def watches_validation(self) -> bool:
        """Whether the validation score decides when to stop and which weights to keep."""
        return bool(self.settings.early_stopping) and self.evaluation is not None

    def measure(self) -> dict[str, Any]:
        """Return the part of an epoch's record that is measured after it: validation and layer statistics."""
        validation = {} if self.evaluation is None else self.evaluation(self.network)
        return validation | ({} if self.tracker is None else self.tracker())

    def record_epoch(self, record: dict[str, Any]) -> None:
        """Add the record of an epoch to the state, and count epochs without improvement."""
        state, tol = self.state, self.settings.tol
        record["loss"] *= self.targets.unit_of_loss
        state.add(record)
        self.report(f"Iteration {state.n_iter}, loss = {state.loss:.8f}")
        if self.watches_validation:
            merit, best = record["validation_score"], state.best_validation_score
            assert best is not None  # see __post_init__
            state.add_score(merit)
            self.report(f"Validation score: {merit:f}")
            self.keep_if_best(merit, record["validation_loss"])
        elif state.best_loss is not None:
            # tol refers to the loss in the units in which the network learns.
            tol *= self.targets.unit_of_loss
            merit, best = -state.loss, -state.lowest_loss
            state.best_loss = min(state.best_loss, state.loss)
            state.lowest_loss = min(state.lowest_loss, state.loss)
        else:
            return
        # A comparison with NaN is false, so that NaN counts as no improvement.
        state.no_improvement = 0 if merit >= best + tol else state.no_improvement + 1

    def saved(self, last: Snapshot) -> dict[str, Any]:
        """Return all that the training changes, for a checkpoint, without copying the vectors.

        `last` is a snapshot of the weights after the last finished epoch, as predictions use them.
        """
        network, update = self.network, self.update
        assert update is not None  # only L-BFGS has none, which has no checkpoints
        vectors, scaling = (network.theta, network.statistics), network.input_scaling
        return {
            "state": self.state.saved(),
            "last": None if all(map(np.array_equal, last, vectors)) else last,
            "tracked": self.tracker and self.tracker.weights,
            "network": vectors,
            "scaling": scaling and (scaling.mean, scaling.scale),
            "update": {"average": update.average, "lead": update.lead},
            "optimizer": {"t": update.optimizer.t, "state": update.optimizer.state},
        }

    def restore(self, saved: dict[str, Any], last: Snapshot) -> Snapshot:
        """Put back what `saved` has returned, and return the last snapshot; other entries are ignored."""
        network, update = self.network, self.update
        assert update is not None
        self.state.restore(saved["state"])
        if self.tracker:
            self.tracker.weights = saved["tracked"]
        network.restore(saved["network"])
        last = saved["last"] or network.snapshot(into=last)
        update.average, update.lead = saved["update"]["average"], saved["update"]["lead"]
        update.optimizer.t = saved["optimizer"]["t"]
        for name, vector in update.optimizer.state.items():
            vector[:] = saved["optimizer"]["state"][name]
        return last

    def progress(self, epoch: int, fraction: float) -> float:
        """Return which share of a cycle of the rate is done in an epoch, of which a fraction is done.

        After a plateau, what is left of the cycle is done in half of `n_iter_no_change` epochs, or in two.
        """
        plateau = self.state.plateau_at
        if plateau is None:
            return self.share_of_cycle(epoch, fraction)
        before = self.share_of_cycle(plateau, 0.0)
        return before + (1 - before) * (epoch - plateau + fraction) / (self.last_epoch - plateau)

    def share_of_cycle(self, epoch: int, fraction: float) -> float:
        """Return which share of its cycle of the rate would be done without a plateau."""
        cycle = bisect_right(self.cycle_ends, epoch)
        start = self.cycle_ends[cycle - 1] if cycle else 0
        return (epoch - start + fraction) / (self.cycle_ends[cycle] - start)

    @property
    def last_epoch(self) -> int:
        """The number of epochs after which the training ends: fewer than `max_iter` after a plateau."""
        plateau = self.state.plateau_at
        if plateau is None:
            return self.settings.max_iter
        end_of_cycle = self.cycle_ends[bisect_right(self.cycle_ends, plateau)]
        return int(min(plateau + max(2, self.settings.n_iter_no_change // 2), end_of_cycle))

    def end_cycle(self) -> None:
        """Keep the network at the end of a cycle of the rate, and count plateaus anew in the next one."""
        state = self.state
        if state.n_iter in self.cycle_ends[:-1] and state.n_iter < self.last_epoch:
            state.snapshots.append(self.network.snapshot())
            state.lowest_loss, state.no_improvement = np.inf, 0

    def keep_if_best(self, score: float, loss: float) -> None:
        """Take a snapshot if the score is the best so far; a lower loss breaks a tie."""
        state = self.state
        if (score, -loss) > (state.best_validation_score, -state.best_validation_loss):
            state.best_validation_score, state.best_validation_loss = score, loss
            state.best = self.network.snapshot(into=state.best)

    def restore_best(self) -> bool:
        """Restore the weights of the best validation score, and return whether there is one.

        If all scores were NaN, the last weights are kept.
        """
        state = self.state
        if state.best is not None:
            self.network.restore(state.best)
        elif state.records:
            warn_user(
                "No validation score was a number, so early stopping kept the last weights. Look at scoring "
                "and at the validation data, which may be too few, of one class, or without some class.",
                ConvergenceWarning,
            )
        return state.best is not None

    def stops(self, rate: float) -> bool:
        """Return whether to stop, or answer a plateau by a lower rate.

        At a plateau, an adaptive schedule divides the rate. A schedule that plans the end of the training
        ends it sooner, as the loss at a high rate says nothing of the loss at a low one. Others stop.
        """
        state, settings = self.state, self.settings
        if state.plateau_at is not None:
            return state.n_iter >= self.last_epoch
        if state.no_improvement <= settings.n_iter_no_change:
            return False
        watched = "Validation score" if self.watches_validation else "Training loss"
        message = (
            f"{watched} did not improve more than tol={settings.tol:f} "
            f"for {settings.n_iter_no_change} consecutive epochs."
        )
        if settings.follows_plan and state.n_iter < settings.max_iter:
            state.plateau_at = state.n_iter
            self.report(f"{message} Ending the training within {self.last_epoch - state.n_iter} epochs.")
            return False
        if not settings.schedule.answers_plateaus or rate <= SMALLEST_ADAPTIVE_RATE:
            self.report(f"{message} Stopping.")
            return True
        state.plateaus += 1
        self.report(f"{message} Setting learning rate to {settings.rate(0.0, state.t, state.plateaus):f}")
        state.no_improvement = 0
        return False

    def report(self, message: str) -> None:
        """Print a message if `verbose` is set."""
        if self.settings.verbose:
            print(message)

    def warn_diverged(self) -> None:
        """Warn that the loss or the weights are not finite, with advice."""
        self.state.diverged, settings = True, self.settings
        warn_user(
            f"The training diverged in epoch {self.state.n_iter + 1}: the loss or weights were not finite. "
            "Finite weights from before are kept. Scale the input (Standardizer), or lower "
            f"learning_rate_init (it is {settings.learning_rate_init}) or init_scale (it is "
            f"{settings.init_scale}).",
            ConvergenceWarning,
        )

    def warn_not_converged(self, what: str, limit: str = "max_iter") -> None:
        """Warn that a limit ended the training before it converged."""
        warn_user(
            f"{what}, and the training hasn't converged yet. Raise {limit}, or tol to accept it sooner.",
            ConvergenceWarning,
        )
