"""The element-wise operations that are worth compiling, and the choice between NumPy and Numba for them.

`kernel` marks a NumPy function that `sknn6.nn.compiled` has a twin of, by the same name and with the same
arguments. The compiled ones are loaded with the first network that is to be trained, if Numba is installed
(``pip install "sknn6[fast]"``). To have NumPy's all the same, set ``SKNN6_KERNELS=numpy`` in the environment.
"""

import os
import warnings
from collections.abc import Callable
from functools import cache, wraps
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeVar, cast

__all__ = ["are_compiled", "do_without_numba", "kernel", "load", "use"]

NUMPY: dict[str, Callable[..., Any]] = {}
chosen: dict[str, Callable[..., Any]] = {}

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Let a NumPy function be replaced by its compiled twin."""
    name = function.__name__
    NUMPY[name] = chosen[name] = function

    @wraps(function)
    def run(*args: Any) -> Any:
        try:
            return chosen[name](*args)
        except Exception as error:
            if chosen[name] is function:
                raise
            do_without_numba(error)
            return function(*args)

    return cast(Function, run)


def do_without_numba(error: Exception) -> None:
    """Choose NumPy's functions, and warn once: compiled code could not be made, loaded or kept.

    Numba looks for it at the first call, before anything is computed. What it raises for a full disk or a
    damaged file can be any exception.
    """
    use("numpy")
    warnings.warn(
        f"Numba's compiled code cannot be used ({type(error).__name__}: {error}); NumPy computes the same, "
        "more slowly. Make room on the disk, or remove the files *.nbi and *.nbc of Numba's cache; "
        "SKNN6_KERNELS=numpy in the environment keeps to NumPy without a warning.",
        RuntimeWarning,
        stacklevel=3,
    )


def use(library: str) -> None:
    """Choose "numpy" or "numba" for the whole process; raise ImportError if it is not there.

    Examples
    --------
    >>> from sknn6.nn import kernels
    >>> kernels.use("fortran")
    Traceback (most recent call last):
    ...
    ValueError: The library of the kernels must be 'numpy' or 'numba', got 'fortran'.
    """
    if library not in ("numpy", "numba"):
        raise ValueError(f"The library of the kernels must be 'numpy' or 'numba', got {library!r}.")
    chosen.update(NUMPY)
    if library == "numba":
        compiled = import_module("sknn6.nn.compiled")
        chosen.update({name: getattr(compiled, name) for name in NUMPY})


def are_compiled() -> bool:
    """Return whether Numba's functions are chosen."""
    return chosen != NUMPY


@cache
def load() -> None:
    """Choose, once in a process, what the environment says, or else Numba where it can be used."""
    library = os.environ.get("SKNN6_KERNELS")
    if library is not None:
        use(library)
    elif find_spec("numba"):
        try:
            use("numba")
        except (ImportError, RuntimeError):  # not for this NumPy, or no folder to keep compiled code in
            use("numpy")
