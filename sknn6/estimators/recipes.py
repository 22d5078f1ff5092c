"""What "auto" stands for: for each solver, the values of the parameters that may be left to it.

To add a parameter to them, give it a value in each recipe.
"""

__all__ = ["MODERN", "PLAIN"]

# scikit-learn's defaults, and nothing that it does not have.
PLAIN = {
    "ensemble_size": 1,
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
    "ensemble_size": 4,
    "input_scaling": "learned",
    "dropout": 0.2,
    "label_smoothing": 0.03,
    "weight_decay": 0.1,
    "learning_rate": "cosine",
    "learning_rate_init": 0.02,
    "batch_size": 100,
    "max_iter": 30,
}
