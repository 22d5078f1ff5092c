"""
Activations: their curves, their derivatives, and how deep they reach
======================================================================

An activation passes a gradient on where its derivative is not 0. The sigmoid's is at most 1/4 and nothing at
both ends; tanh's reaches 1 in one point; ReLU's is 1 on half the line. Over many layers these factors
multiply.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

from sknn6 import MLPClassifier, Standardizer
from sknn6.nn.activations import ACTIVATIONS

warnings.simplefilter("ignore", ConvergenceWarning)  # a few epochs are enough to compare
names = [name for name in ACTIVATIONS if name not in ("identity", "sigmoid")]  # sigmoid is logistic

# %%
# Every activation is a pair of functions, ``forward(Z) -> (A, saved)`` and ``backward(dA, saved) -> dZ``,
# in a table. Those with learned parameters take them too (prelu: a slope, here where it starts); maxout
# takes two linear maps, of which the second is 0 here, so that it is ReLU.

z = np.linspace(-4, 4, 401)[None]


def curves(activation):
    """Return f(z) and f'(z)."""
    learned = [np.array(start) for _, start in activation.learned]
    Z = np.hstack([z] + [np.zeros_like(z)] * (activation.pieces - 1))
    A, saved = activation.forward(Z, *learned)
    A = A.copy()  # backward may overwrite what is saved
    dZ = activation.backward(np.ones_like(z), saved, *learned)
    return A[0], (dZ[0] if learned else dZ)[0, : z.size]


fig, axes = plt.subplots(3, 4, figsize=(10, 6.5), sharex=True, sharey=True, layout="constrained")
for ax, name in zip(axes.flat, names, strict=True):
    A, slope = curves(ACTIVATIONS[name])
    ax.axhline(0, color="0.8", lw=0.8)
    ax.axvline(0, color="0.8", lw=0.8)
    ax.plot(z[0], A, color="C0", lw=2, label="f(z)")
    ax.plot(z[0], slope, color="C1", ls="--", label="f'(z)")
    ax.set(title=f"{name}, gain {ACTIVATIONS[name].gain:.2f}", ylim=(-2, 3))
for ax in axes[-1]:
    ax.set_xlabel("z")
axes[0, 0].legend(loc="upper left")
fig.suptitle("Activations and their derivatives")

# %%
# The gain is 1 / sqrt(E[f(z)²]) for z ~ N(0, 1). Weights that are multiplied by it keep the variance the same
# from layer to layer. ``init="auto"`` multiplies them with the default recipe of Adam.
#
# Now eight hidden layers of each, on handwritten digits. The lecture's verdict: use ReLU, try its family,
# don't expect much of tanh, and don't use the sigmoid. Eight layers of sigmoids learn nothing. The networks
# are plain ones, without the defaults' dropout, decay and the rest. Their weights start from scikit-learn's
# distribution.

X, y = load_digits(return_X_y=True)
X = Standardizer().fit_transform(X)

fig, ax = plt.subplots(figsize=(8, 4.5), layout="constrained")
final = {}
for name in names:
    model = MLPClassifier(64, name, depth=8, random_state=0, recipe="plain", max_iter=15).fit(X, y)
    final[name] = model.loss_
    style = {"logistic": "-", "tanh": "--"}.get(name, ":")
    highlight = {"logistic": "C3", "tanh": "C1", "relu": "C0"}
    ax.plot(range(1, 16), model.loss_curve_, style if name != "relu" else "-",
            color=highlight.get(name, "0.6"), lw=2 if name in highlight else 1)  # fmt: skip
ax.axhline(np.log(10), color="0.8", lw=0.8)
ax.annotate(
    "log 10: nothing learned", (11, np.log(10)), xytext=(0, 6), textcoords="offset points", color="0.4"
)
ranked = sorted(final, key=final.get)
for place, name in enumerate(ranked):  # the names beside the ends of their curves, evenly spaced
    ax.annotate(
        name,
        (15, final[name]),
        xytext=(1.06, place / (len(ranked) - 1)),
        textcoords="axes fraction",
        va="center",
        color=highlight.get(name, "0.3"),
        arrowprops={"arrowstyle": "-", "color": "0.7", "relpos": (0, 0.5)},
    )
ax.set(
    xlabel="epoch",
    ylabel="training loss",
    yscale="log",
    xlim=(None, 15),
    ylim=(1e-3, 5),
    title="Eight hidden layers of 64 units on digits",
)

for name in ranked:
    print(f"{name:12s} loss after 15 epochs {final[name]:.4f}")

plt.show()
