"""
Initialisation: what ten layers make of a normal input
======================================================

1000 inputs from N(0, 1) pass through ten layers of 500 units. If the first weights are too small, the
activations die away layer by layer; if they are too big, tanh saturates; with Xavier's variance tanh keeps
its scale, but ReLU, which drops half of the variance at every layer, needs twice as much: He's.
"""

import matplotlib.pyplot as plt
import numpy as np

from sknn6.nn.architecture import Architecture
from sknn6.nn.layers import Activate

settings = [
    ("0.01 N(0, 1), tanh", "normal", 0.01, "tanh"),
    ("N(0, 1), tanh", "normal", 1.0, "tanh"),
    ("Xavier, tanh", "xavier_normal", 1.0, "tanh"),
    ("Xavier, ReLU", "xavier_normal", 1.0, "relu"),
    ("He, ReLU", "he_normal", 1.0, "relu"),
]

# %%
# A network is layers in a row; passing the data from one to the next shows what each of them gives.


def activations(init, init_scale, activation):
    """Return the activations of each hidden layer."""
    network = Architecture(500, [500] * 10, 10, activation).build(init=init, init_scale=init_scale)
    network.allocate(np.float64).initialize(np.random.default_rng(0))
    data, found = np.random.default_rng(1).standard_normal((1000, 500)), []
    for layer in network.layers:
        data = layer.predict(data)
        if isinstance(layer, Activate):
            found.append(data.copy())
    return found


layers = {label: activations(*setting) for label, *setting in settings}

# %%
# Histograms of the activations, layer by layer. Look at the first and the last column.

fig, axes = plt.subplots(len(settings), 10, figsize=(12, 7), sharex=True, layout="constrained")
for place, (row, (label, *_)) in enumerate(zip(axes, settings, strict=True)):
    for i, (ax, A) in enumerate(zip(row, layers[label], strict=True)):
        ax.hist(A.ravel(), bins=np.linspace(-1.5, 1.5, 41), color="C0")
        ax.set(yticks=[], xticks=[-1, 0, 1])
        title = f"{A.std():.2g}" if place else f"layer {i + 1}\n{A.std():.2g}"
        ax.set_title(title, fontsize=9)
    row[0].set_ylabel(label, fontsize=9)
fig.suptitle("Activations by layer, and their standard deviation")

# %%
# The same in one figure: a straight line down is a signal that dies by a constant factor a layer.

fig, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
for marker, (label, *_) in zip("osv^D", settings, strict=True):
    ax.semilogy(range(1, 11), [A.std() for A in layers[label]], marker=marker, label=label)
ax.set(xlabel="layer", ylabel="standard deviation of the activations", xticks=range(1, 11))
ax.legend()

for label, *_ in settings:
    print(f"{label:20s}", " ".join(f"{A.std():8.2g}" for A in layers[label]))

plt.show()
