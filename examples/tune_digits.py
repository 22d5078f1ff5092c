"""
Tune a whole pipeline on handwritten digits
===========================================

Standardise, whiten, learn; and let a Bayesian search choose the learning rate and the rest. The pipeline is
an ordinary scikit-learn one and the search is scikit-optimize's own `BayesSearchCV`: every choice is a number
or a name, so any search can draw it, and no draw of them fails.
"""

from time import perf_counter

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from skopt import BayesSearchCV
from skopt.space import Categorical, Integer, Real

from sknn6 import MLPClassifier, Standardizer, Whitener

N_ITER = 32

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

pipeline = Pipeline(
    [
        ("standardize", Standardizer()),
        ("whiten", Whitener()),
        ("mlp", MLPClassifier(learning_rate="cosine", max_iter=50, random_state=0)),
    ]
)

# %%
# The space is a box. Width and depth are numbers of their own, so that nothing in it is a tuple.

space = {
    "mlp__learning_rate_init": Real(1e-5, 1e-1, "log-uniform"),
    "mlp__activation": Categorical(["relu", "leaky_relu", "elu", "gelu", "tanh"]),
    "mlp__init": Categorical(["auto", "he_normal", "orthogonal", "lsuv"]),
    "mlp__batchnorm": Categorical([False, True]),
    "mlp__hidden_layer_sizes": Integer(32, 256, "log-uniform"),
    "mlp__depth": Integer(1, 3),
    "mlp__alpha": Real(1e-6, 1.0, "log-uniform"),
    "mlp__batch_size": Integer(32, 256, "log-uniform"),
    "whiten__eps": Real(1e-2, 100.0, "log-uniform"),
}

# %%
# One line a candidate tells how the search goes on.

started = perf_counter()


def report(result):
    """Print the last score of the search and the best so far."""
    print(
        f"{len(result.func_vals):3d}/{N_ITER}  accuracy {-result.func_vals[-1]:.4f}  "
        f"best {-result.fun:.4f}  {perf_counter() - started:5.1f} s",
        flush=True,
    )


search = BayesSearchCV(pipeline, space, n_iter=N_ITER, cv=3, n_jobs=2, random_state=0)
search.fit(X_train, y_train, callback=report)

print("\nbest parameters")
for name, value in search.best_params_.items():
    print(f"  {name:26s} {value:.3g}" if isinstance(value, float) else f"  {name:26s} {value}")
print(f"\naccuracy in cross-validation  {search.best_score_:.4f}")
print(f"accuracy on held-out digits   {search.score(X_test, y_test):.4f}")
