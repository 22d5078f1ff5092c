"""Store the version of sknn6 in saved estimators, and warn if another version loads them."""

from inspect import Parameter, signature
from typing import Any

from sklearn.base import BaseEstimator

from sknn6._version import __version__
from sknn6.warn import warn_user

__all__ = ["InconsistentVersionWarning", "Versioned"]


class InconsistentVersionWarning(UserWarning):
    """Warning that an estimator was saved by another version of sknn6."""


class Versioned(BaseEstimator):
    """Base class that stores the version of sknn6 in the pickled state, as "_sknn6_version".

    Loading a state with another version, or with none, gives an `InconsistentVersionWarning`, as in
    scikit-learn.
    """

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_sknn6_version": __version__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        saved = state.pop("_sknn6_version", "unknown")
        if saved != __version__:
            warn_user(
                f"{type(self).__name__} was saved by sknn6 {saved} and is loaded by {__version__}, "
                "which may fail or predict something else. Load it with that version, or fit it anew.",
                InconsistentVersionWarning,
            )
        super().__setstate__(defaults(type(self)) | state)  # parameters added since then get their defaults


def defaults(cls: type) -> dict[str, Any]:
    """Return the parameters of a class that have defaults."""
    parameters = signature(cls).parameters.values()
    return {each.name: each.default for each in parameters if each.default is not Parameter.empty}
