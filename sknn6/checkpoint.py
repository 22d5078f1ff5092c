"""Keeping a search or a training on disk, so that it can be taken up again."""

import os
import pickle
import tempfile
from pathlib import Path

import joblib
import numpy as np

__all__ = ["Checkpoint", "check_seed"]


class Checkpoint:
    """The state of a search or training so far, in a file that is whole at every moment.

    Parameters
    ----------
    path : str or path-like
    kind : str
        "search" or "training".
    identity : dict
        What the search or training is: a file of another one is refused. Hashed by `joblib.hash`.
    """

    def __init__(self, path, kind, identity):
        self.path, self.kind = Path(path), kind
        self.key = {name: digest(name, value) for name, value in identity.items()}

    def load(self):
        """Give the state that was saved last, None if there is no file.

        Raises
        ------
        ValueError
            If the file is damaged, or of another search or training.
        """
        if not self.path.exists():
            return None
        try:
            saved = pickle.loads(self.path.read_bytes())
            key, state = saved["key"], saved["state"]
        except Exception as error:
            raise ValueError(
                f"checkpoint={str(self.path)!r} must be a file that a {self.kind} has saved; this one is "
                f"damaged ({type(error).__name__}: {error}). Remove it, or name another."
            ) from error
        other = sorted(name for name in self.key.keys() | key.keys() if self.key.get(name) != key.get(name))
        if other:
            raise ValueError(
                f"checkpoint={str(self.path)!r} must be of this {self.kind}; the file is of one that differs "
                f"in {', '.join(other)}. Remove it, or name another."
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


def digest(name, value):
    """Give the hash of a parameter or of data; raise ValueError if it has none, as a lambda has not."""
    try:
        return joblib.hash(value)
    except pickle.PicklingError as error:
        raise ValueError(f"{name} must be picklable to go on from a checkpoint, got {value!r}.") from error


def check_seed(random_state):
    """Raise ValueError if what is random could not be random in the same way again."""
    if not (random_state is None or isinstance(random_state, int | np.integer)):
        raise ValueError(
            f"random_state must be an int or None to go on from a checkpoint, got {random_state!r}."
        )
