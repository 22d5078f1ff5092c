"""Imports of scikit-learn's private modules, all in this one place, and differences between its releases."""

import sys
from collections.abc import Callable
from contextlib import nullcontext
from copy import copy
from functools import wraps
from inspect import signature
from numbers import Integral, Real
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn import get_config
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval as SklearnInterval
from sklearn.utils._param_validation import InvalidParameterError, Options, StrOptions
from sklearn.utils.metaestimators import available_if as sklearn_available_if
from sklearn.utils.multiclass import (
    _check_partial_fit_first_call as check_partial_fit_first_call,
)
from sklearn.utils.validation import _check_n_features as check_n_features
from sklearn.utils.validation import _check_sample_weight as check_sample_weight
from sklearn.utils.validation import _num_samples as number_of_rows

Method = TypeVar("Method", bound=Callable[..., Any])

try:
    from sklearn.callback import CallbackSupportMixin, ProgressBar
    from sklearn.callback import with_callbacks as sklearn_with_callbacks
    from sklearn.callback._callback_support import callback_management_context
except ImportError:  # before scikit-learn 1.9
    callback_management_context = nullcontext

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stand in for the base class of estimators that support callbacks."""

    class ProgressBar:  # type: ignore[no-redef]
        """Stand in for the callback that shows progress, which cannot be set in these releases."""

    def sklearn_with_callbacks(method: Method) -> Method:
        """Return the method unchanged."""
        return method


# Annotated, so that type checkers see the signature of a decorated method.
available_if: Callable[..., Callable[[Method], Method]] = sklearn_available_if
fit_context: Callable[..., Callable[[Method], Method]] = _fit_context
with_callbacks: Callable[[Method], Method] = sklearn_with_callbacks

__all__ = [
    "CALLBACK_STATE",
    "CallbackSupportMixin",
    "Interval",
    "InvalidParameterError",
    "Options",
    "ProgressBar",
    "StrOptions",
    "available_if",
    "begin_callbacks",
    "callback_context",
    "callback_management_context",
    "callbacks_of",
    "check_n_features",
    "check_nonzero_weight",
    "check_parameters",
    "check_partial_fit_first_call",
    "fit_context",
    "number_of_rows",
    "python_number",
    "takes_weights",
    "tells_callbacks",
    "with_callbacks",
    "without_callbacks",
]

# Attributes that scikit-learn needs until it tears down the callbacks, also after a failure.
CALLBACK_STATE = {"_callback_fit_ctx", "_skl_callbacks_to_teardown"}


def callback_context(estimator: Any, **options: Any) -> Any:
    """Return the context by which a fit calls its callbacks; None before scikit-learn 1.9."""
    if not hasattr(estimator, "_init_callback_context"):
        return None
    return estimator._init_callback_context(**options)


def begin_callbacks(
    estimator: Any, X: Any, y: Any, sample_weight: Any, **options: Any
) -> tuple[Any, dict[str, Any]]:
    """Call the callbacks at the beginning of a fit; return their context, or None, and the data for them."""
    metadata = {} if sample_weight is None else {"sample_weight": sample_weight}
    data = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
    context = callback_context(estimator, **options)
    if context is not None:
        context.call_on_fit_task_begin(**data)
    return context, data


def tells_callbacks(fit: Method) -> Method:
    """Decorate a `fit` without epochs so that it calls the callbacks.

    It calls them once at its beginning and once at its end.
    """

    @wraps(fit)
    def told(estimator: Any, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        context, data = begin_callbacks(estimator, X, y, sample_weight)
        result = fit(estimator, X, y, sample_weight)
        if context is not None:
            context.call_on_fit_task_end(**data, reconstruction_attributes={})
        return result

    return sklearn_with_callbacks(told)


class Interval(SklearnInterval):
    """An interval for numbers of every type, such as Fraction, which excludes integers above sys.maxsize."""

    def __contains__(self, value: object) -> bool:
        if isinstance(value, Integral) and abs(int(value)) > sys.maxsize:
            return False
        return super().__contains__(python_number(value))


# Types of values that `python_number` returns unchanged; to look them up is faster than to ask for `Real`.
PLAIN_TYPES = {bool, int, float, str, type(None)}


def python_number(value: Any) -> Any:
    """Return a number as Python's bool, int or float, and anything else unchanged."""
    if type(value) in PLAIN_TYPES or not isinstance(value, Real | np.bool_):
        return value
    if isinstance(value, bool | np.bool_):
        return bool(value)
    return int(value) if isinstance(value, Integral) else float(value)


def callbacks_of(estimator: Any) -> list[Any]:
    """Return the callbacks that are set on an estimator."""
    return list(getattr(estimator, "_skl_callbacks", ()))


def without_callbacks(estimator: Any) -> Any:
    """Return a shallow copy of an estimator on which no callbacks are set."""
    quiet = copy(estimator)
    vars(quiet).pop("_skl_callbacks", None)
    return quiet


def takes_weights(scorer: Callable[..., Any]) -> bool:
    """Return whether a scorer, or the metric on which it is based, has a parameter sample_weight.

    With metadata routing, a scorer may say that it does not want the weights.
    """
    if get_config().get("enable_metadata_routing") and hasattr(scorer, "get_metadata_routing"):
        requests = scorer.get_metadata_routing().score.requests
        if requests.get("sample_weight") is False:
            return False
    return "sample_weight" in signature(getattr(scorer, "_score_func", scorer)).parameters


def check_nonzero_weight(sample_weight: Any, X: Any) -> NDArray[np.float64]:
    """Return the weights as float64; raise ValueError if one is negative, all are 0, or their sum overflows.

    Old releases of scikit-learn accept weights that are all 0.
    """
    weight = check_sample_weight(sample_weight, X, dtype="float64", ensure_non_negative=True)
    if not weight.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    with np.errstate(over="ignore"):
        total = weight.sum()
    if not np.isfinite(total):
        raise ValueError(f"Sample weights must have a sum below {np.finfo(float).max:.1e}, got {total}.")
    return weight


def check_parameters(estimator: Any) -> None:
    """Raise InvalidParameterError if a parameter of an estimator is invalid."""
    estimator._validate_params()
