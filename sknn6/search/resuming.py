"""Save a search to a file, so that it can be resumed.

The file has the point of each candidate, in numbers, and not its parameters, which may be any objects. The
parameters are decoded with the space of the resumed search, so that the file contains nothing that could run
code.
"""

from os import PathLike
from typing import Any

from sknn6.checkpoint import Checkpoint, check_seed
from sknn6.search.proposals import Axis

__all__ = ["SearchFile"]

# Parameters that may differ between the file and the search.
NOT_COMPARED = "n_iter", "n_jobs", "verbose", "pre_dispatch", "checkpoint", "refit"


class SearchFile:
    """The file with the candidates of a search so far; without a path, nothing is saved.

    Parameters
    ----------
    search : BayesSearchCV
    X, y : array-like
        The data.
    params : dict
        The parameters that `fit` passes on.

    Raises
    ------
    ValueError
        If `checkpoint` or `random_state` does not allow a checkpoint.
    """

    def __init__(self, search: Any, X: Any, y: Any, params: dict[str, Any]) -> None:
        self.checkpoint: Checkpoint | None = None
        if search.checkpoint is None:
            return
        if not isinstance(search.checkpoint, str | PathLike):
            raise ValueError(f"checkpoint must be None or the path of a file, got {search.checkpoint!r}.")
        check_seed(search.random_state)
        identity = search.get_params(deep=False)
        for other in NOT_COMPARED:
            del identity[other]
        identity["search_spaces"] = [
            {name: Axis.of(given).describe() for name, given in space.items()}
            for space, _ in search._subspaces()
        ]
        if hasattr(search.cv, "__iter__"):  # explicit splits, which the search compares by their hash
            del identity["cv"]
        identity = {name: by_parameters(value) for name, value in identity.items()}
        self.checkpoint = Checkpoint(search.checkpoint, "search", identity | {"X": X, "y": y} | params)

    def load(self) -> dict[str, Any] | None:
        """Return the last saved state, or None if there is no file.

        Returns
        -------
        dict or None
            Keys: "seed"; "splits", the hash of the splits, None before the first fit; "spaces", a list of
            candidates per space, each as (point, row of results or None if it failed).
        """
        return None if self.checkpoint is None else self.checkpoint.load()

    def begin(self, state: dict[str, Any]) -> None:
        """Write the initial state; raise ValueError if the file cannot be written."""
        if self.checkpoint:
            self.checkpoint.begin(state)

    def save(self, state: dict[str, Any]) -> None:
        """Write the state; warn the first time it cannot be written."""
        if self.checkpoint:
            consequence = "The search goes on; the file, if it is there, has fewer candidates."
            self.checkpoint.write_or_warn(state, consequence)


def by_parameters(value: Any) -> Any:
    """Return a value in which each estimator is replaced by its class and parameters.

    Pickles of estimators also have callbacks and the version of scikit-learn, which do not matter here.
    """
    if hasattr(value, "get_params") and not isinstance(value, type):
        kind = type(value)
        return kind.__module__, kind.__qualname__, by_parameters(value.get_params(deep=False))
    if isinstance(value, dict):
        return {key: by_parameters(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value).__name__, [by_parameters(part) for part in value]
    return value
