"""Checkpoint files, from which a search or a training can be resumed."""

import glob
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from sknn6 import plaindata
from sknn6.identity import describe
from sknn6.warn import warn_user

__all__ = ["Checkpoint", "check_seed"]

# Suffix of a file that is still being written.
UNFINISHED = ".sknn6-unfinished"

# Such a file counts as abandoned this many seconds after its last change.
LEFT_AFTER = 3600.0


class Checkpoint:
    """A file with the state of a search or training, which is complete at every moment.

    It contains only plain data (`sknn6.plaindata`), so that reading it cannot run code.

    Parameters
    ----------
    path : str or path-like
    kind : str
        "search" or "training".
    identity : dict
        The parameters and data that identify the search or training. A file with others is refused. Values
        are compared by the texts of `sknn6.identity.describe`.
    """

    def __init__(self, path: str | os.PathLike[str], kind: str, identity: dict[str, Any]) -> None:
        self.path, self.kind, self.failed = Path(path), kind, False
        self.key = {name: describe(name, value) for name, value in identity.items()}

    def load(self) -> Any:
        """Return the last saved state, or None if there is no file.

        Raises
        ------
        ValueError
            If the path is not a regular file, or the file is damaged or belongs to another search or
            training.
        """
        saved = self.read()
        if saved is None:
            return None
        kind, key = saved["kind"], saved["key"]
        if kind != self.kind:
            raise self.error(f"must be of this {self.kind}; the file is of a {kind}. Name another.")
        other = sorted(name for name in self.key.keys() | key.keys() if self.key.get(name) != key.get(name))
        if other:
            differences = ", ".join(name + difference(key.get(name), self.key.get(name)) for name in other)
            raise self.error(
                f"must be of this {self.kind}; the file is of one that differs in {differences}. "
                "Remove it, or name another."
            )
        return saved["state"]

    def read(self) -> dict[str, Any] | None:
        """Return the content of the file, or None if there is no file."""
        try:
            mode = self.path.stat().st_mode
            file = open(self.path, "rb") if stat.S_ISREG(mode) else None  # noqa: SIM115
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise self.error(f"must be a file that can be read ({error}).") from error
        if file is None:
            what = "a folder" if stat.S_ISDIR(mode) else "no regular file"
            raise self.error(f"must be a file, got {what}. Name another.")
        with file:
            if plaindata.is_pickle(file):
                raise self.error(
                    f"must be a file that a {self.kind} has saved; this one is a pickle, as older versions "
                    "have saved. It could run code and is not loaded. Remove it, or name another."
                )
            try:
                saved = plaindata.read(file)
                return {name: saved[name] for name in ("kind", "key", "state")}
            except MemoryError:
                raise
            except Exception as error:
                raise self.damaged(error) from error

    def write(self, state: Any) -> None:
        """Write the state to a new file, then replace the old file by it.

        Raises
        ------
        OSError
            If it cannot be written; the old file is unchanged.
        TypeError
            If the state contains anything but plain data.
        """
        with replacing(self.path) as file:
            plaindata.write(file, {"kind": self.kind, "key": self.key, "state": state}, "checkpoint")

    def begin(self, state: Any) -> None:
        """Write the first state; raise ValueError if the file cannot be written."""
        try:
            self.write(state)
        except OSError as error:
            raise ValueError(
                f"checkpoint must be a file that can be written, got {str(self.path)!r} ({error})."
            ) from error

    def write_or_warn(self, state: Any, consequence: str) -> None:
        """Write a later state; warn of the consequence the first time that it cannot be written."""
        try:
            self.write(state)
        except (OSError, MemoryError, TypeError) as error:
            if not self.failed:
                warn_user(f"The checkpoint {str(self.path)!r} could not be written ({error}). {consequence}")
            self.failed = True

    def damaged(self, error: Exception) -> ValueError:
        """Return the error for a damaged file."""
        return self.error(
            f"must be a file that a {self.kind} has saved; this one is damaged "
            f"({type(error).__name__}: {error}). Remove it, or name another."
        )

    def error(self, what: str) -> ValueError:
        """Return the error for the parameter `checkpoint`."""
        return ValueError(f"checkpoint={str(self.path)!r} {what}")


def difference(there: str | None, here: str | None) -> str:
    """Return both values in brackets, or nothing if one is missing or only a hash."""
    if there is None or here is None or "#" in (there[0], here[0]):
        return ""
    return f" ({there} in the file, {here} here)"


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Return a context with a new file that replaces the one at `path` once it is complete.

    Symbolic links are followed and the mode of the old file is kept. Abandoned files of killed processes are
    removed, once they are so old that no process can still be writing them.
    """
    path = Path(os.path.realpath(path))
    for name in glob.glob(f".{glob.escape(path.name)}.*{UNFINISHED}", root_dir=path.parent):
        left = path.parent / name
        with suppress(OSError):
            if left.stat().st_mtime < time.time() - LEFT_AFTER:
                left.unlink()
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}{UNFINISHED}")
    try:
        with open(unfinished, "x+b") as file:
            if path.exists():
                shutil.copymode(path, unfinished)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def check_seed(random_state: object) -> None:
    """Raise ValueError unless random_state is an int or None, which a resumed run can reproduce."""
    if not (random_state is None or isinstance(random_state, int | np.integer)):
        raise ValueError(
            f"random_state must be an int or None to go on from a checkpoint, got {random_state!r}."
        )
