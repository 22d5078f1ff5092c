"""What a saved estimator says of the version that saved it."""

from inspect import Parameter, signature

from sknn6._version import __version__
from sknn6.warn import warn_user

__all__ = ["InconsistentVersionWarning", "Versioned"]


class InconsistentVersionWarning(UserWarning):
    """An estimator was saved by another version of sknn6 than the one that loads it."""


class Versioned:
    """Mixin of the estimators: their state has the version of sknn6 as "_sknn6_version".

    Where it is another than the one that loads it, or there is none, the estimator is loaded with an
    `InconsistentVersionWarning`, as by scikit-learn.
    """

    def __getstate__(self):
        return {**super().__getstate__(), "_sknn6_version": __version__}

    def __setstate__(self, state):
        state = dict(state)
        saved = state.pop("_sknn6_version", "unknown")
        if saved != __version__:
            warn_user(
                f"{type(self).__name__} was saved by sknn6 {saved} and is loaded by {__version__}, "
                "which may fail or predict something else. Load it with that version, or fit it anew.",
                InconsistentVersionWarning,
            )
        super().__setstate__(defaults(type(self)) | state)  # for parameters that have come since then


def defaults(cls):
    """Return the parameters of a class that have defaults."""
    parameters = signature(cls).parameters.values()
    return {each.name: each.default for each in parameters if each.default is not Parameter.empty}
