"""Make the settings of a training from the parameters of an estimator, and adapt them to a call.

Which values "auto" has depends on the recipe, and on whether a training begins, goes on or is a stream.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from sknn6._sklearn_compat import python_number
from sknn6.estimators.recipes import RECIPES, WITH_MANY_ROWS, rate_going_on, rate_in_stream, recipe_for
from sknn6.nn.schedules import SCHEDULES
from sknn6.training.settings import Settings

__all__ = [
    "for_continuing", "for_members", "for_partial_fit", "for_stream", "settings_of", "with_fitted_values",
]  # fmt: skip


def settings_of(estimator: BaseEstimator, n_rows: int = 0) -> Settings:
    """Return the settings with the recipe of a training that begins with n_rows rows."""
    names = estimator._parameter_constraints  # the constructor of a subclass may have others
    given = {name: python_number(getattr(estimator, name)) for name in names}
    recipe = recipe_for(recipe_name(estimator), n_rows)
    automatic = frozenset(
        name for name in recipe if isinstance(given.get(name), str) and given[name] == "auto"
    )
    values = given | {name: recipe[name] for name in automatic}
    return Settings(**values | {"recipe": recipe, "automatic": automatic, "given": given})


def recipe_name(estimator: BaseEstimator) -> str:
    """Return the name of an estimator's recipe; "auto" means the recipe of its solver."""
    if estimator.recipe != "auto":
        return estimator.recipe
    return estimator._recipes.get(estimator.solver, "plain")


def with_fitted_values(settings: Settings, fitted: dict[str, Any]) -> Settings:
    """Return the settings of a training that continues, with the fitted network's values for each "auto".

    For `hidden_layer_sizes` these are the sizes of the recipe that, repeated `depth` times, gives the fitted
    layers. If none does, because `depth` has changed, the parameter keeps its value, and `check_same` refuses
    to continue. The activation is a single one if all layers have the same.
    """
    fitted = dict(fitted)
    hidden, activations = fitted.pop("hidden_layer_sizes", None), fitted.get("activation")
    if activations and all(activation == activations[0] for activation in activations):
        fitted["activation"] = activations[0]
    for recipe in (*RECIPES.values(), *WITH_MANY_ROWS.values()):
        sizes = recipe["hidden_layer_sizes"]
        if list(sizes) * (settings.depth or 1) == hidden:
            fitted["hidden_layer_sizes"] = sizes
    values = {name: fitted[name] for name in settings.automatic & fitted.keys()}
    return settings.replaced(continues=True, **values)


def for_continuing(settings: Settings, estimator: BaseEstimator, n_rows: int) -> Settings:
    """Return the settings of a call on n_rows rows in a training that began with `fit`."""
    if settings.is_auto("validation_fraction"):  # it is a fraction of these rows, not of those of the `fit`
        now = recipe_for(recipe_name(estimator), n_rows)
        settings = settings.replaced(validation_fraction=now["validation_fraction"])
    return with_rate(settings, rate_going_on(settings.recipe))


def for_stream(settings: Settings, n_rows: int) -> Settings:
    """Return the settings of a call on n_rows rows in a training that began with `partial_fit`."""
    rows = min(n_rows, settings.batch_size * settings.gradient_accumulation_steps)
    return with_rate(settings, rate_in_stream(settings.recipe, rows))


def with_rate(settings: Settings, rate: float) -> Settings:
    """Return the settings with another rate, if the user left the rate at "auto"."""
    return settings.replaced(learning_rate_init=rate) if settings.is_auto("learning_rate_init") else settings


def for_partial_fit(settings: Settings) -> Settings:
    """Return the settings of a call of `partial_fit`: one epoch, and no schedule that needs a plan."""
    name = "constant" if SCHEDULES[settings.learning_rate].follows_plan else settings.learning_rate
    return settings.replaced(incremental=True, max_iter=1, learning_rate=name)


def for_members(settings: Settings, kept: Sequence[int]) -> Settings:
    """Return the settings of a training that continues with the members that a `fit` has kept."""
    size = settings.ensemble_size
    if settings.is_auto("ensemble_size"):
        size = max(size, max(kept) + 1, np.size(settings.weight_decay))
    if max(kept) >= size:
        raise ValueError(
            f"ensemble_size must be at least {max(kept) + 1} in a training that continues with the "
            f"networks {list(kept)}, which the fit has kept, got {size}. Fit anew with warm_start=False."
        )
    decays = settings.replaced(ensemble_size=size).decays
    decays = decays[kept] if isinstance(decays, np.ndarray) else decays
    automatic = settings.automatic - {"weight_decay"}
    return settings.replaced(ensemble_size=len(kept), weight_decay=decays, automatic=automatic)
