"""Import packages that only some features need."""

from importlib import import_module
from typing import Any

__all__ = ["require"]


def require(module: str, installed_by: str) -> Any:
    """Import a module of an optional package.

    Parameters
    ----------
    module : str
    installed_by : str
        The argument of pip install: an extra of this package, such as "sknn6[plot]", or the package itself.

    Returns
    -------
    module

    Raises
    ------
    ImportError
        If it is not installed; the message says how to install it.

    Examples
    --------
    >>> from sknn6.optional import require
    >>> require("no_such_package", "sknn6[plot]")
    Traceback (most recent call last):
    ...
    ModuleNotFoundError: This needs no_such_package, which is not installed: pip install "sknn6[plot]"
    """
    package = module.partition(".")[0]
    try:
        import_module(package)
    except ModuleNotFoundError as missing:
        if missing.name != package:
            raise
        raise ModuleNotFoundError(
            f'This needs {package}, which is not installed: pip install "{installed_by}"', name=package
        ) from missing
    return import_module(module)
