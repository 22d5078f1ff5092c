"""Recipes: the values of the parameters that are left at "auto".

To add a recipe, give it a row in `RECIPES`; the parameter `recipe` of the estimators then accepts its name.
To allow "auto" for another parameter, give the parameter a value in each recipe.
"""

import math
from typing import Any

from sknn6.nn.initializers import SKLEARN
from sknn6.nn.schedules import SCHEDULES

__all__ = [
    "ALL_EPOCHS", "MANY_ROWS", "MODERN", "MODERN_REGRESSION", "MODERN_WITH_MANY_ROWS", "PLAIN", "RECIPES",
    "WITH_MANY_ROWS", "rate_going_on", "rate_in_stream", "recipe_for",
]  # fmt: skip

# scikit-learn's defaults; everything that scikit-learn does not have is off.
PLAIN = {
    "hidden_layer_sizes": (100,),
    "activation": "relu",
    "numeric_embedding": None,
    "init": SKLEARN,
    "ensemble_size": 1,
    "snapshots": 1,
    "ensemble_selection": False,
    "temperature_scaling": False,
    "target_scaling": False,
    "input_scaling": False,
    "dropout": 0.0,
    "label_smoothing": 0.0,
    "weight_decay": 0.0,
    "learning_rate": "constant",
    "learning_rate_init": 0.001,
    "batch_size": 200,
    "max_iter": 200,
    "validation_fraction": 0.1,
}

# Found on real data sets of 500 to 2000 rows; docs/guide/defaults.rst says how much each value contributes.
MODERN = {
    "hidden_layer_sizes": (128, 128),
    "activation": "relu",
    "numeric_embedding": None,
    "init": "auto",  # the activation decides
    "ensemble_size": 4,
    "snapshots": 2,
    "ensemble_selection": False,
    "temperature_scaling": True,
    "target_scaling": True,
    "input_scaling": "learned",
    "dropout": 0.1,
    "label_smoothing": 0.03,
    "weight_decay": 0.1,
    "learning_rate": "cosine",
    "learning_rate_init": 0.02,
    "batch_size": 100,
    "max_iter": 30,
    "validation_fraction": 0.1,
}

# Found on real data sets of 300 to 2000 rows, likewise.
MODERN_REGRESSION = MODERN | {
    "numeric_embedding": "piecewise",
    "dropout": 0.0,
    "learning_rate": "one_cycle",
    "batch_size": 128,
    "max_iter": 40,
}

# Quantiles overfit soon: the interval between the outer two of a training covers more than 80 % of the
# training rows and fewer of other rows (docs/guide/regression.rst). Smoother functions cover better.
MODERN_QUANTILES = MODERN_REGRESSION | {
    "numeric_embedding": None,
    "snapshots": 1,
    "dropout": 0.05,
    "batch_size": 64,
}

# Counts and amounts are noisy. A network that follows the noise predicts means near 0, and a count that
# occurs there all the same has a large loss.
MODERN_POSITIVE = MODERN_QUANTILES | {"dropout": 0.2, "weight_decay": 0.5}

# Found on real data sets of 4500 to 40000 rows. The best weight decay depends on the noise, which is not
# known before the fit. So each network has its own decay, and held-out rows decide which networks are kept.
MODERN_WITH_MANY_ROWS = MODERN | {
    "hidden_layer_sizes": (160, 160),
    "activation": "silu",
    "numeric_embedding": "piecewise",
    "snapshots": 1,
    "ensemble_selection": True,
    "dropout": 0.1,
    "label_smoothing": 0.0,
    "weight_decay": (0.1, 0.4, 1.6, 6.4),
    "learning_rate_init": 0.01,
    "batch_size": 128,
}

MODERN_REGRESSION_WITH_MANY_ROWS = MODERN_WITH_MANY_ROWS | {
    "activation": "relu",
    "dropout": 0.05,
    "learning_rate": "one_cycle",
}

RECIPES: dict[str, dict[str, Any]] = {
    "plain": PLAIN,
    "modern": MODERN,
    "modern_regression": MODERN_REGRESSION,
    "modern_quantiles": MODERN_QUANTILES,
    "modern_positive": MODERN_POSITIVE,
}

# The recipes that replace these in a `fit` on at least `MANY_ROWS` rows.
WITH_MANY_ROWS: dict[str, dict[str, Any]] = {
    "modern": MODERN_WITH_MANY_ROWS,
    "modern_regression": MODERN_REGRESSION_WITH_MANY_ROWS,
    "modern_positive": MODERN_REGRESSION_WITH_MANY_ROWS,
}
MANY_ROWS = 5000

# With more rows than this, the number of epochs falls with the square root of the number of rows.
ALL_EPOCHS = 7200

# The largest "auto" rate of a continued training: it adapts to new data without losing what it has learned.
GOING_ON = 0.001


def recipe_for(name: str, n_rows: int = 0) -> dict[str, Any]:
    """Return the values of a recipe in a `fit` on n_rows rows."""
    if n_rows < MANY_ROWS or name not in WITH_MANY_ROWS:
        return RECIPES[name]
    recipe = WITH_MANY_ROWS[name]
    epochs = recipe["max_iter"] * math.sqrt(min(1.0, ALL_EPOCHS / n_rows))
    fraction = recipe["validation_fraction"] * math.sqrt(MANY_ROWS / n_rows)
    return recipe | {"max_iter": max(3, round(epochs)), "validation_fraction": fraction}


def rate_going_on(recipe: dict[str, Any]) -> float:
    """Return the "auto" learning rate of a training that continues from the weights of a `fit`."""
    return min(recipe["learning_rate_init"], GOING_ON)


def rate_in_stream(recipe: dict[str, Any], rows: int) -> float:
    """Return the "auto" learning rate of a training that begins with partial_fit.

    The initial rate of a falling schedule is too high for the noisy gradients of few rows. So it is
    multiplied by sqrt(rows / batch size of the recipe), if that is below 1 [1]_.

    Parameters
    ----------
    recipe : dict
    rows : int
        Number of rows of an update.

    References
    ----------
    .. [1] Malladi, Lyu, Panigrahi & Arora (2022), On the SDEs and Scaling Rules for Adaptive Gradient
       Algorithms, arXiv:2205.10287.
    """
    rate = recipe["learning_rate_init"]
    if not SCHEDULES[recipe["learning_rate"]].follows_plan:
        return rate
    return rate * math.sqrt(min(1.0, rows / recipe["batch_size"]))
