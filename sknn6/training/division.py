"""What each row is used for: training all networks or some, early stopping, their choice, calibration."""

from dataclasses import dataclass

import numpy as np

from sknn6.nn.annotations import Array
from sknn6.training.data import Data
from sknn6.training.held_out import hold_out, may_hold_out
from sknn6.training.left_out import kept_rows, parts_of_rows
from sknn6.training.settings import Settings
from sknn6.training.targets import Targets

__all__ = ["Division", "divide"]

# With fewer rows, networks leave rows out only if a parameter asks for it: each row is needed for training,
# and the few left-out rows could not show which temperature or which cycle is best.
FEWEST_TO_LEAVE_OUT = 100


@dataclass(frozen=True)
class Division:
    """What the rows of a training are used for.

    Attributes
    ----------
    rows : ndarray of int or None
        The rows to train on; None means all.
    validation : Data or None
        The data that are evaluated after each epoch.
    held_out : Data or None
        Rows that no network is trained on, or the user's validation data in their place. None if each network
        leaves out rows of its own, or no rows are left out.
    part : ndarray of int, shape (n_rows,), or None
        For each row the number of its part, see `parts_of_rows`: member k is not trained on part k mod 20.
        None if all members are trained on the same rows.
    selects : bool
        Whether the held-out rows choose which networks to keep.
    calibrates : bool
        Whether the logits are divided by a temperature.
    n_cycles : int
        Number of cycles of the rate; 1 if no unseen rows can choose between the networks at their ends.
    """

    rows: Array | None = None
    validation: Data | None = None
    held_out: Data | None = None
    part: Array | None = None
    selects: bool = False
    calibrates: bool = False
    n_cycles: int = 1

    @property
    def has_unseen(self) -> bool:
        """Whether unseen rows are to choose or to calibrate the networks."""
        return self.part is not None or (self.held_out is not None and (self.selects or self.calibrates))

    def kept(self, members: int) -> Array | None:
        """Return whether a member is trained on a row, of shape (n_rows, members); None if all are."""
        return None if self.part is None else kept_rows(self.part, members)


def divide(
    data: Data, targets: Targets, settings: Settings, seed: int, members: int, given: Data | None
) -> Division:
    """Decide what the rows are used for.

    Early stopping and the choice of networks use the same held-out rows. If the user gives validation data,
    early stopping uses those instead.

    Parameters
    ----------
    data : Data
    targets : Targets
    settings : Settings
    seed : int
        Seed of the rows that are held or left out.
    members : int
        Number of networks.
    given : Data or None
        The user's validation data.
    """
    stops_early = settings.stochastic and settings.early_stopping
    selects = settings.ensemble_selection and members > 1 and not settings.incremental
    # A training that goes on may have been trained before on the rows that it would hold or leave out.
    calibrates = settings.scales_temperature and settings.starts_anew
    few = members == 1 or n_weighted(data) < FEWEST_TO_LEAVE_OUT
    n_cycles = 1 if few and settings.is_auto("snapshots") else settings.cycles
    rows = held_out = part = None
    if stops_early and given is not None:
        held_out = given
    elif stops_early or (selects and may_hold_out(data, targets, settings)):
        rows, held_out = hold_out(data, targets, settings, seed)
    validation = held_out if stops_early else given
    if held_out is not None:
        can_choose = selects and not settings.continues
        return Division(
            rows=rows,
            validation=validation,
            held_out=held_out,
            selects=selects,
            calibrates=calibrates,
            n_cycles=n_cycles if can_choose else 1,
        )
    if settings.starts_anew and (calibrates or settings.cycles > 1) and (settings.leaves_out_few or not few):
        part = leave_out(data, targets, seed, members)
    return Division(
        validation=validation,
        part=part,
        calibrates=calibrates,
        n_cycles=n_cycles if part is not None else 1,
    )


def n_weighted(data: Data) -> int:
    """Return the number of rows of positive weight."""
    return data.n_rows if data.weight is None else int(np.count_nonzero(data.weight))


def leave_out(data: Data, targets: Targets, seed: int, members: int) -> Array | None:
    """Return the part of each row that a network leaves out, see `parts_of_rows`; None if none does."""
    y = data.y
    strata = y.ravel() if y.size == len(y) and not targets.are_numbers else None
    part = parts_of_rows(len(y), data.weight, strata, seed)
    return part if (~kept_rows(part, members)).any() else None
