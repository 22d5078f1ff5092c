"""
Batch normalisation: less to get right
======================================

Normalising each unit over the batch, between the linear map and the nonlinearity, makes a deep network
forgiving: rates ten times as high work, small first weights do no harm, and a start from which nothing would
be learned is rescued. Layer normalisation does nearly the same for each sample over the units; with it, rates
three times as high work. The networks are plain ones, without the defaults' dropout, decay and the rest.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from sknn6 import MLPClassifier, Standardizer

warnings.simplefilter("ignore", ConvergenceWarning)  # some of these are meant to fail
X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
scaler = Standardizer().fit(X_train)
X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)

variants = {
    "plain": {"recipe": "plain"},
    "batch normalisation": {"recipe": "plain", "batchnorm": True},
    "layer normalisation": {"recipe": "plain", "layernorm": True},
}
styles = {"plain": "o-", "batch normalisation": "s-", "layer normalisation": "^--"}


def accuracy(params, **others):
    """Return the accuracy on held-out digits after ten epochs, four hidden layers of 64 units."""
    params = params | {"max_iter": 10} | others
    model = MLPClassifier(64, depth=4, random_state=0, **params).fit(X_train, y_train)
    return model.score(X_test, y_test)


# %%
# A range of learning rates, with plain SGD, and a range of scales for the first weights, with Adam. Too large
# first weights do harm with either normalisation too.

rates, scales = np.logspace(-3, 0.5, 8), np.logspace(-3, 1, 9)
by_rate = {
    label: [accuracy(variant, solver="sgd", learning_rate_init=rate) for rate in rates]
    for label, variant in variants.items()
}
by_scale = {
    label: [accuracy(variant, init="normal", init_scale=scale) for scale in scales]
    for label, variant in variants.items()
}

fig, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
for label in variants:
    axes[0].semilogx(rates, by_rate[label], styles[label], label=label)
    axes[1].semilogx(scales, by_scale[label], styles[label], label=label)
axes[0].set(xlabel="learning rate, sgd", ylabel="accuracy on held-out digits", ylim=(0, 1.02))
axes[1].set(xlabel="scale of the first weights, N(0, 1) times this")
axes[1].legend(loc="lower center")
fig.suptitle("Ten epochs, four hidden layers")

# %%
# The start that killed ten layers of tanh in the example on initialisation: weights of 0.01 N(0, 1).

fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for label, variant in variants.items():
    params = variant | {"init": "normal", "init_scale": 0.01, "max_iter": 20, "tol": 0}
    model = MLPClassifier(64, "tanh", depth=10, random_state=0, **params).fit(X_train, y_train)
    ax.plot(range(1, 21), model.loss_curve_, styles[label], markersize=4, label=label)
    print(f"{label:20s} accuracy {model.score(X_test, y_test):.3f}")
ax.set(
    xlabel="epoch",
    ylabel="training loss",
    title="Ten layers of tanh from a bad start",
    xticks=range(0, 21, 5),
)
ax.legend()

plt.show()
