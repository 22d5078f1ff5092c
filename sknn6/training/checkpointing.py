"""Save a training to a checkpoint file, and resume it from there."""

from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from sknn6._version import __version__
from sknn6.checkpoint import Checkpoint, check_seed
from sknn6.nn.inputs import InputScaling
from sknn6.nn.network import Network, Snapshot
from sknn6.nn.schedules import SCHEDULES
from sknn6.training.data import Data
from sknn6.training.state import TrainingState

if TYPE_CHECKING:
    from sknn6.training.training import Training

__all__ = ["TrainingFile"]

# Largest share of the training time that saving may take.
SHARE = 0.05


class TrainingFile:
    """The checkpoint file of a training: all that the next epoch depends on.

    It is written at the start, so that errors show early; after an epoch, unless saving would then take more
    than a twentieth of the time; and at the end. The file of a finished training is only read.

    Parameters
    ----------
    settings : Settings
    network : Network
        The network with its initial weights. It receives the input scaling of the file.
    state : TrainingState
        It receives the split seed of the file.
    data : Data
    validation : Data or None
        Validation data given by the user.

    Raises
    ------
    ValueError
        If the file is damaged, belongs to another training, or has more epochs than `max_iter`.
    """

    def __init__(
        self, settings: Any, network: Network, state: TrainingState, data: Data, validation: Data | None
    ) -> None:
        check_seed(settings.random_state)
        identity = dict(settings.given)
        for other in ("checkpoint", "verbose"):
            del identity[other]
        if not SCHEDULES[settings.learning_rate].follows_plan:
            del identity["max_iter"]
        identity |= {"X": (data.X.dtype.name, data.X), "y": data.labels, "sample_weight": data.sample_weight}
        identity |= {"validation data": validation, "the version of sknn6": __version__}
        if settings.continues:
            identity["the weights it starts from"] = network.theta
        self.checkpoint = Checkpoint(settings.checkpoint, "training", identity)
        self.saved = self.checkpoint.load()
        self.due = 0.0
        if self.saved is not None:
            self.check_max_iter(settings.max_iter)
            state.split_seed = self.saved["state"]["split_seed"]
            if self.saved["scaling"] is not None:
                network.input_scaling = InputScaling(*self.saved["scaling"])

    @property
    def has_training(self) -> bool:
        """Whether the file contains a training to resume."""
        return self.saved is not None

    def check_max_iter(self, max_iter: int) -> None:
        """Raise ValueError if the file has more than `max_iter` epochs."""
        done = self.saved["state"]["n_iter"]
        if done > max_iter:
            raise self.checkpoint.error(
                f"has a training of {done} epochs, so that max_iter must be at least {done}, got {max_iter}. "
                "Raise it, or name another file."
            )

    def begin(self, training: "Training", last: Snapshot) -> Snapshot:
        """Resume the training in the file, if any, and write the file, unless the training is finished.

        Parameters
        ----------
        training : Training
        last : tuple of ndarray
            A snapshot of the network.

        Returns
        -------
        tuple of ndarray
            A snapshot of the last weights of the training, ready for prediction.

        Raises
        ------
        ValueError
            If the file cannot be written.
        """
        if self.saved is not None:
            try:
                last = put_back(self.saved, training, last)
            except (AttributeError, KeyError, TypeError, ValueError) as error:  # not what `gather` returns
                raise self.checkpoint.damaged(error) from error
            self.saved = None  # frees its vectors, which are as large as those of the training
            if training.state.stopped or training.state.n_iter == training.settings.max_iter:
                return last
        self.checkpoint.begin(gather(training, last))
        return last

    def save(self, training: "Training", last: Snapshot, at_once: bool) -> None:
        """Write the state if it is due or `at_once` is set; warn the first time it cannot be written."""
        started = perf_counter()
        if started < self.due and not at_once:
            return
        consequence = "The training goes on; the file has the state of an earlier epoch."
        self.checkpoint.write_or_warn(gather(training, last), consequence)
        now = perf_counter()
        self.due = now + (1 / SHARE - 1) * (now - started)


def gather(training: "Training", last: Snapshot) -> dict[str, Any]:
    """Return all that a training changes, without copying the vectors."""
    network, update = training.network, training.update
    assert update is not None
    vectors, scaling = (network.theta, network.statistics), network.input_scaling
    return {
        "state": training.state.saved(),
        "last": None if all(map(np.array_equal, last, vectors)) else last,
        "tracked": training.tracker and training.tracker.weights,
        "network": vectors,
        "scaling": scaling and (scaling.mean, scaling.scale),
        "update": {"average": update.average, "lead": update.lead},
        "optimizer": {"t": update.optimizer.t, "state": update.optimizer.state},
    }


def put_back(saved: dict[str, Any], training: "Training", last: Snapshot) -> Snapshot:
    """Restore what `gather` returned and return the last snapshot; other entries are ignored."""
    network, update = training.network, training.update
    assert update is not None
    optimizer = update.optimizer
    training.state.restore(saved["state"])
    if training.tracker:
        training.tracker.weights = saved["tracked"]
    network.restore(saved["network"])
    last = saved["last"] or network.snapshot(into=last)
    update.average, update.lead = saved["update"]["average"], saved["update"]["lead"]
    optimizer.t = saved["optimizer"]["t"]
    for name, vector in optimizer.state.items():
        vector[:] = saved["optimizer"]["state"][name]
    return last
