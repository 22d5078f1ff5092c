"""The only place that touches scikit-learn's private names."""

import sys
from collections.abc import Callable
from contextlib import nullcontext
from copy import copy
from functools import wraps
from inspect import signature
from numbers import Integral, Real
from typing import TypeVar

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval as SklearnInterval
from sklearn.utils._param_validation import InvalidParameterError, Options, StrOptions
from sklearn.utils.multiclass import (
    _check_partial_fit_first_call as check_partial_fit_first_call,
)
from sklearn.utils.validation import _check_n_features as check_n_features
from sklearn.utils.validation import _check_sample_weight as check_sample_weight

try:
    from sklearn.callback import CallbackSupportMixin, ProgressBar, with_callbacks
    from sklearn.callback._callback_support import callback_management_context
except ImportError:  # before scikit-learn 1.9
    callback_management_context = nullcontext

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stand in for the base class of estimators that tell callbacks of their progress."""

    class ProgressBar:  # type: ignore[no-redef]
        """Stand in for the callback that shows progress; nobody can have set one."""

    def with_callbacks(method):
        """Leave the method as it is."""
        return method


Method = TypeVar("Method", bound=Callable)

# Typed, so that a method keeps its signature for type checkers.
fit_context: Callable[..., Callable[[Method], Method]] = _fit_context

__all__ = [
    "CallbackSupportMixin",
    "Interval",
    "InvalidParameterError",
    "Options",
    "ProgressBar",
    "StrOptions",
    "callback_management_context",
    "callbacks_of",
    "check_n_features",
    "check_nonzero_weight",
    "check_parameters",
    "check_partial_fit_first_call",
    "check_sample_weight",
    "fit_context",
    "python_number",
    "takes_weights",
    "tells_callbacks",
    "with_callbacks",
    "without_callbacks",
]


def tells_callbacks(fit: Method) -> Method:
    """Let a fit that has no parts tell callbacks when it begins and when it has ended."""

    @wraps(fit)
    def told(estimator, X, y=None, sample_weight=None):
        if not hasattr(estimator, "_init_callback_context"):  # before scikit-learn 1.9
            return fit(estimator, X, y, sample_weight)
        metadata = {} if sample_weight is None else {"sample_weight": sample_weight}
        data = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        context = estimator._init_callback_context()
        context.call_on_fit_task_begin(**data)
        result = fit(estimator, X, y, sample_weight)
        context.call_on_fit_task_end(**data, reconstruction_attributes={})
        return result

    return with_callbacks(told)


class Interval(SklearnInterval):
    """An interval that takes numbers of every kind, fractions too, and refuses integers beyond any index."""

    def __contains__(self, value):
        if isinstance(value, Integral) and abs(int(value)) > sys.maxsize:
            return False
        return super().__contains__(python_number(value))


def python_number(value):
    """Return a number as Python's bool, int or float; give anything else as it is."""
    if not isinstance(value, Real | np.bool_):
        return value
    kind = bool if isinstance(value, bool | np.bool_) else int if isinstance(value, Integral) else float
    return kind(value)


def callbacks_of(estimator):
    """Return the callbacks that are set on an estimator."""
    return list(getattr(estimator, "_skl_callbacks", ()))


def without_callbacks(estimator):
    """Return a shallow copy of an estimator on which no callbacks are set."""
    quiet = copy(estimator)
    vars(quiet).pop("_skl_callbacks", None)
    return quiet


def takes_weights(scorer):
    """Return whether a scorer, or the metric that it is made of, has a parameter sample_weight."""
    return "sample_weight" in signature(getattr(scorer, "_score_func", scorer)).parameters


def check_nonzero_weight(sample_weight, X):
    """Check for float weights, none negative and not all zero, which old versions let pass."""
    weight = check_sample_weight(sample_weight, X, dtype="float64", ensure_non_negative=True)
    if not weight.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weight


def check_parameters(estimator):
    """Raise InvalidParameterError if a parameter is not what the estimator needs."""
    estimator._validate_params()
