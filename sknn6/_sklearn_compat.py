"""The only place that touches scikit-learn's private names."""

from collections.abc import Callable
from contextlib import nullcontext
from copy import copy
from inspect import signature
from typing import TypeVar

from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, InvalidParameterError, Options, StrOptions
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
    "takes_weights",
    "with_callbacks",
    "without_callbacks",
]


def callbacks_of(estimator):
    """Give the callbacks that are set on an estimator."""
    return list(getattr(estimator, "_skl_callbacks", ()))


def without_callbacks(estimator):
    """Give a shallow copy of an estimator on which no callbacks are set."""
    quiet = copy(estimator)
    vars(quiet).pop("_skl_callbacks", None)
    return quiet


def takes_weights(scorer):
    """Tell whether a scorer, or the metric that it is made of, has a parameter sample_weight."""
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
