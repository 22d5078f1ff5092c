"""Save a training to a checkpoint file, and resume it from there."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

from sknn6._version import __version__
from sknn6.checkpoint import Checkpoint, check_seed
from sknn6.nn.inputs import InputScaling
from sknn6.nn.network import Network
from sknn6.nn.schedules import SCHEDULES
from sknn6.training.data import Data
from sknn6.training.settings import Settings
from sknn6.training.state import TrainingState

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
        self, settings: Settings, network: Network, state: TrainingState, data: Data, validation: Data | None
    ) -> None:
        assert settings.checkpoint is not None
        check_seed(settings.random_state)
        identity = dict(settings.given)
        for other in ("checkpoint", "verbose"):
            del identity[other]
        if not SCHEDULES[settings.learning_rate].follows_plan:
            del identity["max_iter"]
        identity |= {"X": (data.X.dtype.name, data.X), "y": data.given_y, "sample_weight": data.sample_weight}
        identity |= {
            "validation data": validation and (validation.X, validation.given_y, validation.sample_weight)
        }
        identity |= {"the version of sknn6": __version__}
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

    def take(self) -> dict[str, Any] | None:
        """Return the training to resume, None if there is none, and forget it.

        Its vectors are as large as those of the training, so they are not kept.
        """
        saved, self.saved = self.saved, None
        return saved

    def begin(self, saved: dict[str, Any]) -> None:
        """Write the first state; raise ValueError if the file cannot be written."""
        self.checkpoint.begin(saved)

    def save(self, gather: Callable[[], dict[str, Any]], at_once: bool) -> None:
        """Write what `gather` returns if it is due or `at_once`; warn the first time it cannot be written."""
        started = perf_counter()
        if started < self.due and not at_once:
            return
        consequence = "The training goes on; the file has the state of an earlier epoch."
        self.checkpoint.write_or_warn(gather(), consequence)
        now = perf_counter()
        self.due = now + (1 / SHARE - 1) * (now - started)

    def damaged(self, error: Exception) -> ValueError:
        """Return the error for a file whose content is not that of a training."""
        return self.checkpoint.damaged(error)
