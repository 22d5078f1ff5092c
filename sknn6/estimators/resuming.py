"""Keeping a training on disk, so that it can be taken up again."""

from time import perf_counter

import sknn6
from sknn6.checkpoint import Checkpoint, check_seed
from sknn6.estimators.warn import warn_user
from sknn6.nn.schedules import ALONG_MAX_ITER

__all__ = ["TrainingFile"]

# Attributes of an estimator that a training counts and collects in.
COUNTS = (
    "n_iter_", "t_", "loss_", "history_", "loss_curve_", "validation_scores_", "best_loss_",
    "best_validation_score_", "_no_improvement_count", "_plateaus", "_split_seed",
)  # fmt: skip

# Those of a monitor.
FOLLOWED = ("first", "unchanged", "stopped", "last", "best")

# Of the time since a save, the part that the next one may take.
SHARE = 0.05


class TrainingFile:
    """The state of a training after an epoch, in a file: all that the next epoch depends on.

    It is written at the start, which shows that it can be, after an epoch wherever the time for it is a
    twentieth of that since the last time, and at the end.

    Parameters
    ----------
    estimator : BaseMLP
        As it is before the training.
    network : Network
        With the weights that the training starts from.
    data, validation : Data
        Validation data that the user has given, or None.

    Raises
    ------
    ValueError
        If the file is damaged, or of another training.
    """

    def __init__(self, estimator, network, data, validation):
        check_seed(estimator.random_state)
        identity = estimator.get_params(deep=False)
        for other in ("checkpoint", "verbose"):
            del identity[other]
        if estimator._value("learning_rate") not in ALONG_MAX_ITER:
            del identity["max_iter"]
        identity |= {"X": data.X, "y": data.labels, "sample_weight": data.weight}
        identity |= {"validation data": validation, "the version of sknn6": sknn6.__version__}
        if estimator.warm_start and hasattr(estimator, "coefs_"):
            identity["the weights it starts from"] = network.theta
        self.checkpoint = Checkpoint(estimator.checkpoint, "training", identity)
        self.state = self.checkpoint.load()
        self.due, self.failed = 0.0, False
        if self.state is not None:
            estimator._split_seed = self.state["estimator"]["_split_seed"]

    def begin(self, monitor, update):
        """Put back what the file has, if anything, and write it.

        Raises
        ------
        ValueError
            If the file cannot be written.
        """
        if self.state is not None:
            put_back(self.state, monitor, update)
        try:
            self.checkpoint.save(gather(monitor, update))
        except OSError as error:
            raise ValueError(
                f"checkpoint must be a file that can be written, got {str(self.checkpoint.path)!r} ({error})."
            ) from error

    def save(self, monitor, update, at_once):
        """Write the state, if it is time to or `at_once`; warn the first time that it cannot be written."""
        started = perf_counter()
        if started < self.due and not at_once:
            return
        try:
            self.checkpoint.save(gather(monitor, update))
        except OSError as error:
            if not self.failed:
                warn_user(
                    f"The checkpoint {str(self.checkpoint.path)!r} could not be written ({error}). The "
                    "training goes on; the file has the state of an earlier epoch."
                )
            self.failed = True
        now = perf_counter()
        self.due = now + (1 / SHARE - 1) * (now - started)


def gather(monitor, update):
    """Give all that a training changes, as it is after an epoch."""
    estimator, optimizer = monitor.estimator, update.optimizer
    return {
        "estimator": {name: getattr(estimator, name) for name in COUNTS if hasattr(estimator, name)},
        "rng": estimator._rng.bit_generator.state,
        "monitor": {name: getattr(monitor, name) for name in FOLLOWED},
        "tracked": monitor.tracker and monitor.tracker.weights,
        "network": monitor.network.snapshot(),
        "update": {"average": update.average, "lead": update.lead},
        "optimizer": {"t": optimizer.t, "state": optimizer.state},
    }


def put_back(state, monitor, update):
    """Undo `gather`."""
    vars(monitor.estimator).update(state["estimator"])
    monitor.estimator._rng.bit_generator.state = state["rng"]
    vars(monitor).update(state["monitor"])
    if monitor.tracker:
        monitor.tracker.weights = state["tracked"]
    monitor.network.restore(state["network"])
    vars(update).update(state["update"])
    vars(update.optimizer).update(state["optimizer"])
