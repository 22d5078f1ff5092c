"""Keeping a search on disk, so that it can be taken up again."""

import os
import pickle
import tempfile
from pathlib import Path

import joblib

__all__ = ["Checkpoint"]


class Checkpoint:
    """The candidates of a search so far, in a file that is whole at every moment.

    Parameters
    ----------
    path : str or path-like
    search : dict
        What the search is: a file of another one is refused. Hashed by `joblib.hash`.
    """

    def __init__(self, path, search):
        self.path = Path(path)
        self.key = {name: joblib.hash(value) for name, value in search.items()}

    def load(self):
        """Give the state that was saved last, None if there is no file.

        Raises
        ------
        ValueError
            If the file is damaged, or of another search.
        """
        if not self.path.exists():
            return None
        try:
            saved = pickle.loads(self.path.read_bytes())
            key, state = saved["key"], saved["state"]
        except Exception as error:
            raise ValueError(
                f"checkpoint={str(self.path)!r} must be a file that a search has saved; this one is damaged "
                f"({type(error).__name__}: {error}). Remove it, or name another."
            ) from error
        other = sorted(name for name in self.key.keys() | key.keys() if self.key.get(name) != key.get(name))
        if other:
            raise ValueError(
                f"checkpoint={str(self.path)!r} must be of this search; the file is of one that differs in "
                f"{', '.join(other)}. Remove it, or name another."
            )
        return state

    def save(self, state):
        """Write the state to a new file, then put it in the place of the old one."""
        data = pickle.dumps({"key": self.key, "state": state})
        with tempfile.NamedTemporaryFile(
            dir=self.path.parent, prefix=f".{self.path.name}.", delete=False
        ) as file:
            try:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
                file.close()
                os.replace(file.name, self.path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
