"""
Babysitting: a sick network is found ill, and cured
===================================================

569 tumours, 30 measurements of each, and a network of three hidden layers with plain SGD, whose accuracy is
that of always guessing the more frequent class. The lecture's list of checks tells why, and the range test
which learning rate to take.
"""

import textwrap
import warnings

import matplotlib.pyplot as plt
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from sknn6 import MLPClassifier, Standardizer
from sknn6.inspection import LearningRateDisplay, LossCurveDisplay, sanity_check

X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)


def fit(model):
    """Fit, and print the accuracy on held-out tumours and what the training warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X_train, y_train)
    print(f"accuracy {model.score(X_test, y_test):.3f}")
    for warning in caught:
        print(textwrap.fill(str(warning.message), 90))
    return model


# %%
# The training itself ends with a warning: all units of a layer are dead.

mlp = MLPClassifier(64, depth=3, solver="sgd", max_iter=30, random_state=0)
sick = fit(mlp)

# %%
# ``sanity_check`` goes through the lecture's list. Areas of some hundreds stand beside fractions in the
# data, so that the first predictions are far too sure. The first updates are far too large, and after them
# the units of a layer are dead.

sanity_check(sick, X_train, y_train)

# %%
# The first cure is the one that the report names: a Standardizer before the network. Only the check of the
# learning rate still fails: 0.001 is too low. The network learns slowly.

standardized = make_pipeline(Standardizer(), MLPClassifier(**mlp.get_params()))
print("fails:", sanity_check(standardized, X_train, y_train).failed)
better = fit(standardized)

# %%
# Which rate is a good one? The range test makes up to 100 updates here, and raises the rate at each of them.
# The plot shows at which rates the loss falls. Left of the shaded range hardly anything happens; right of it
# the loss rises again.

display = LearningRateDisplay.from_estimator(standardized, X_train, y_train)

# %%
# The second cure is to take the suggested rate.

tuned = MLPClassifier(**mlp.get_params()).set_params(learning_rate_init=display.found.suggestion)
well = fit(make_pipeline(Standardizer(), tuned))

# %%
# The three trainings in one picture. The loss of the unscaled network drops to log 2, the loss of guessing,
# and stays there.

fig, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
for name, model in {"as it came": sick, "standardised": better, "and at the suggested rate": well}.items():
    LossCurveDisplay.from_estimator(model, name=name, ax=ax, log=True)
ax.annotate(
    "stopped: no better for ten epochs",
    (sick.n_iter_, sick.loss_),
    xytext=(0, 28),
    textcoords="offset points",
    ha="center",
    arrowprops={"arrowstyle": "->"},
)
ax.set_title("Three trainings of the same network")

plt.show()
