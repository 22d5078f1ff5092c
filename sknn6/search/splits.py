"""A cross-validator for a search, in which all candidates have the same splits."""

from typing import Any

__all__ = ["SameSplits"]


class SameSplits:
    """A cross-validator that splits only once, so that all candidates are scored on the same folds."""

    def __init__(self, cv: Any) -> None:
        self.cv = cv
        self.splits: list[Any] | None = None

    def split(self, X: Any, y: Any = None, **params: Any) -> list[Any]:
        """Return the splits of the first call."""
        if self.splits is None:
            self.splits = list(self.cv.split(X, y, **params))
        return self.splits

    def __getattr__(self, name: str) -> Any:
        """Return any other attribute of the cross-validator."""
        if name == "cv":  # not there yet, in a copy
            raise AttributeError(name)
        return getattr(self.cv, name)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the splits, which may be large; each worker receives the indices that it needs."""
        return {"cv": self.cv, "splits": None}
