"""Recipes: values of the parameters that a user may leave to "auto".

To add a recipe, give it a row in `RECIPES`: the parameter `recipe` of the estimators then takes its name. To
let another parameter be "auto", give it a value in each recipe.
"""

import math

from sknn6.nn.initializers import SKLEARN
from sknn6.nn.schedules import SCHEDULES

__all__ = [
    "ALL_EPOCHS", "MANY_ROWS", "MODERN", "MODERN_REGRESSION", "MODERN_WITH_MANY_ROWS", "PLAIN", "RECIPES",
    "WITH_MANY_ROWS", "rate_going_on", "rate_in_parts", "recipe_for",
]  # fmt: skip

# scikit-learn's defaults, and nothing that it does not have.
PLAIN = {
    "hidden_layer_sizes": (100,),
    "numeric_embedding": None,
    "init": SKLEARN,
    "ensemble_size": 1,
    "ensemble_selection": False,
    "target_scaling": False,
    "input_scaling": False,
    "dropout": 0.0,
    "label_smoothing": 0.0,
    "weight_decay": 0.0,
    "learning_rate": "constant",
    "learning_rate_init": 0.001,
    "batch_size": 200,
    "max_iter": 200,
}

# Found on real data sets of 500 to 2000 rows; what each part buys stands in docs/guide/defaults.rst.
MODERN = {
    "hidden_layer_sizes": (128, 128),
    "numeric_embedding": None,
    "init": "auto",  # the activation decides
    "ensemble_size": 4,
    "ensemble_selection": False,
    "target_scaling": True,
    "input_scaling": "learned",
    "dropout": 0.2,
    "label_smoothing": 0.03,
    "weight_decay": 0.1,
    "learning_rate": "cosine",
    "learning_rate_init": 0.02,
    "batch_size": 100,
    "max_iter": 30,
}

# Found on real data sets of 300 to 2000 rows, likewise.
MODERN_REGRESSION = MODERN | {
    "numeric_embedding": "piecewise",
    "dropout": 0.05,
    "learning_rate": "one_cycle",
    "batch_size": 128,
    "max_iter": 40,
}

# Quantiles of the training data are soon learned too well: of those rows more than 80 % lie between the outer
# two, of others fewer (docs/guide/regression.rst). Smoother functions cover better.
MODERN_QUANTILES = MODERN_REGRESSION | {"numeric_embedding": None, "batch_size": 64}

# Found on real data sets of 4500 to 40000 rows. How noisy they are is not known before the fit, so each
# network has a decay of its own, and held-out rows choose among them.
MODERN_WITH_MANY_ROWS = MODERN | {
    "hidden_layer_sizes": (192, 192),
    "numeric_embedding": "piecewise",
    "ensemble_selection": True,
    "dropout": 0.1,
    "label_smoothing": 0.0,
    "weight_decay": (0.1, 0.4, 1.6, 6.4),
    "learning_rate_init": 0.01,
    "batch_size": 256,
    "max_iter": 18,
}

MODERN_REGRESSION_WITH_MANY_ROWS = MODERN_WITH_MANY_ROWS | {
    "dropout": 0.05,
    "learning_rate": "one_cycle",
}

RECIPES = {
    "plain": PLAIN,
    "modern": MODERN,
    "modern_regression": MODERN_REGRESSION,
    "modern_quantiles": MODERN_QUANTILES,
}

# What takes the place of a recipe in a `fit` on at least `MANY_ROWS` rows.
WITH_MANY_ROWS = {
    "modern": MODERN_WITH_MANY_ROWS,
    "modern_regression": MODERN_REGRESSION_WITH_MANY_ROWS,
}
MANY_ROWS = 5000

# With more rows than that, the number of epochs falls as the root of the number of rows.
ALL_EPOCHS = 20_000

# The most that a training that goes on takes: it follows new data and keeps what it has learned.
GOING_ON = 0.001


def recipe_for(name, n_rows=0):
    """Return the values of a recipe in a `fit` on so many rows."""
    if n_rows < MANY_ROWS or name not in WITH_MANY_ROWS:
        return RECIPES[name]
    recipe = WITH_MANY_ROWS[name]
    epochs = recipe["max_iter"] * math.sqrt(min(1.0, ALL_EPOCHS / n_rows))
    return recipe | {"max_iter": max(3, round(epochs))}


def rate_going_on(recipe):
    """Return the learning rate that is "auto" in a training that goes on from what `fit` has learned."""
    return min(recipe["learning_rate_init"], GOING_ON)


def rate_in_parts(recipe, rows):
    """Return the learning rate that is "auto" in calls of partial_fit from fresh weights on.

    A rate that is to fall over a fit is too high for batches of few rows, whose gradients are noisy: it is
    multiplied by the root of their size, relative to the recipe's, up to 1 [1]_.

    Parameters
    ----------
    recipe : dict
    rows : int
        Rows of an update.

    References
    ----------
    .. [1] Malladi, Lyu, Panigrahi & Arora (2022), On the SDEs and Scaling Rules for Adaptive Gradient
       Algorithms, arXiv:2205.10287.
    """
    rate = recipe["learning_rate_init"]
    if not SCHEDULES[recipe["learning_rate"]].follows_plan:
        return rate
    return rate * math.sqrt(min(1.0, rows / recipe["batch_size"]))
