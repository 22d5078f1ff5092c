"""Find the network inside a pipeline, a search or another wrapper, and the data that reach it."""

from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyRegressor
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted, validate_data

from sknn6._sklearn_compat import without_callbacks
from sknn6.estimators.base import BaseMLP
from sknn6.nn.annotations import Array
from sknn6.readers import as_frame

__all__ = ["is_fitted", "path_to", "perceptron_and_input", "perceptron_of"]

# Attributes in which a fitted wrapper keeps the estimator that it trained, and the parameters that hold the
# one to train.
FITTED = "best_estimator_", "regressor_", "estimator_"
TEMPLATES = "estimator", "regressor"


def perceptron_and_input(
    estimator: Any, X: Any, y: Any = None, *, fresh: bool = False
) -> tuple[Any, Any, Any]:
    """Return the perceptron in an estimator, and X and y after the steps before it.

    If the perceptron is fitted, the fitted steps before it transform X; otherwise copies of the steps are
    fitted. Steps that resample, which imbalanced-learn's pipelines may have, are skipped for a fitted
    perceptron, as in prediction.

    Parameters
    ----------
    estimator : MLPClassifier, MLPRegressor, or an estimator that trains one such network
        It may be a Pipeline that ends in the network, a search, a TransformedTargetRegressor, and the like.
    X, y : array-like
    fresh : bool, default=False
        Whether the data are for a new training, so that they are resampled even if the perceptron is fitted.

    Returns
    -------
    mlp : BaseMLP
        A copy without callbacks, checkpoint and feature names; callbacks and checkpoints are for the user's
        fits.
    X, y : array-like

    Raises
    ------
    TypeError
        If there is no perceptron, or there are several.
    """
    *wrappers, mlp = path_to(estimator)
    X, fitted = as_frame(X), is_fitted(mlp)
    for wrapper in wrappers:
        if hasattr(wrapper, "steps"):
            X, y = through_steps(wrapper.steps[:-1], X, y, fitted=fitted, resample=fresh or not fitted)
        elif isinstance(wrapper, TransformedTargetRegressor) and y is not None:
            y = transform_targets(wrapper, X, y)
    if hasattr(mlp, "feature_names_in_") and hasattr(X, "columns"):
        validate_data(mlp, X, reset=False, skip_check_array=True)
    quiet = without_checkpoints(without_callbacks(mlp))
    vars(quiet).pop("feature_names_in_", None)  # the inspections pass arrays
    return quiet, X, y


def without_checkpoints(estimator: Any) -> Any:
    """Set the checkpoints of an estimator and of those within it to None, and return it."""
    names = [name for name in estimator.get_params() if name.rpartition("__")[2] == "checkpoint"]
    return estimator.set_params(**dict.fromkeys(names))


def perceptron_of(estimator: Any) -> Any:
    """Return the perceptron in an estimator; raise TypeError if there is none, or there are several."""
    return path_to(estimator)[-1]


def path_to(estimator: Any) -> list[Any]:
    """Return the chain of nested estimators from the given one to the perceptron."""
    found = [estimator]
    while not isinstance(found[-1], BaseMLP):
        found.append(wrapped(found[-1]))
        if found[-1] is None:
            raise TypeError(
                "estimator must be an MLPClassifier or MLPRegressor of sknn6, a Pipeline that ends in one, "
                "or an estimator that trains one such network, as a search or a TransformedTargetRegressor, "
                f"got {estimator!r}."
            )
    return found


def wrapped(estimator: Any) -> Any:
    """Return the estimator inside a wrapper, fitted if the wrapper is; None if there is none."""
    if hasattr(estimator, "steps"):
        return estimator.steps[-1][1]
    calibrated = getattr(estimator, "calibrated_classifiers_", ())
    if hasattr(estimator, "estimators_") or len(calibrated) > 1:
        where = "calibrated_classifiers_[0].estimator" if calibrated else "estimators_[0]"
        raise TypeError(
            f"estimator must have one network, got {type(estimator).__name__} with several. Pass one of "
            f"them, as {where}, with the X and y that it was trained on."
        )
    if calibrated:
        return calibrated[0].estimator
    for name in FITTED:
        if hasattr(estimator, name):
            return getattr(estimator, name)
    return template(estimator)


def template(estimator: Any) -> Any:
    """Return the estimator that a wrapper will fit; raise TypeError if it was fitted and kept no network."""
    found = next((getattr(estimator, name) for name in TEMPLATES if hasattr(estimator, name)), None)
    if found is not None and has_been_fitted(estimator) and not has_been_fitted(found):
        raise TypeError(
            f"estimator must keep the network that it has trained, got {type(estimator).__name__}, which is "
            "fitted and has none. Fit the network by itself; a search needs refit=True."
        )
    return found


def has_been_fitted(estimator: Any) -> bool:
    """Return whether an estimator of any class is fitted."""
    try:
        check_is_fitted(estimator)
    except (NotFittedError, TypeError):
        return False
    return True


def through_steps(
    steps: list[tuple[str, Any]], X: Any, y: Any, *, fitted: bool, resample: bool
) -> tuple[Any, Any]:
    """Return X and y after the steps of a Pipeline."""
    for _, step in steps:
        if step is None or isinstance(step, str):  # "passthrough"
            continue
        if hasattr(step, "fit_resample"):
            if resample and y is not None:
                X, y = clone(step).fit_resample(X, y)
        else:
            X = step.transform(X) if fitted else without_checkpoints(clone(step)).fit_transform(X, y)
    return X, y


def transform_targets(wrapper: Any, X: Any, y: Any) -> Array:
    """Return y as a TransformedTargetRegressor passes it to its regressor."""
    if not hasattr(wrapper, "transformer_"):
        wrapper = clone(wrapper).set_params(regressor=DummyRegressor()).fit(X, y)
    Y = np.asarray(y)
    T = np.asarray(wrapper.transformer_.transform(Y.reshape(len(Y), -1)))
    return T[:, 0] if T.ndim == 2 and T.shape[1] == 1 else T


def is_fitted(mlp: Any) -> bool:
    """Return whether a perceptron is fitted."""
    return mlp.__sklearn_is_fitted__()
