"""
Gradient accumulation: big batches in small memory
==================================================

Sum the gradients of several mini-batches, then make one update: the update of one big batch, in the memory
of a small one. It has to be weighted by the number of samples, and it cannot help layers that look at the
batch.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

from sknn6 import MLPClassifier, Standardizer
from sknn6.nn.architecture import Architecture
from sknn6.nn.descent import loss_and_gradient
from sknn6.nn.losses import LOSSES

warnings.simplefilter("ignore", ConvergenceWarning)
X, y = load_digits(return_X_y=True)
X = Standardizer().fit_transform(X)

# %%
# Three mini-batches of 4, 4 and 2 samples. The gradient of all ten is the average of theirs *weighted by
# sample count*; the plain average gives the last two samples twice the say of the others.

network = Architecture(64, [32], 10, "relu").build().allocate(np.float64)
network.initialize(np.random.default_rng(0))


def gradient(rows):
    """Return the gradient of the mean loss of some rows."""
    loss_and_gradient(network, LOSSES["softmax"].loss, [(X[rows], y[rows], None)], alpha=0)
    return network.grad.copy()


parts = [slice(0, 4), slice(4, 8), slice(8, 10)]
counts = np.array([4, 4, 2])
whole = gradient(slice(0, 10))
each = np.array([gradient(rows) for rows in parts])
for label, combined in {
    "weighted by count": counts @ each / counts.sum(),
    "plain mean": each.mean(axis=0),
}.items():
    error = np.linalg.norm(combined - whole) / np.linalg.norm(whole)
    print(f"{label:18s} relative error {error:.1e}")

# %%
# So ``batch_size=25, gradient_accumulation_steps=8`` trains as ``batch_size=200`` does, here to the last
# digit of the plot. With batch normalisation it does not: each mini-batch of 25 is normalised by its own
# mean and variance, which are noisier than those of 200. Layer normalisation looks at one sample at a
# time, and does not mind. (Dropout does, as it is drawn anew for each mini-batch; these networks are plain
# ones, without it and the rest of the defaults.)

variants = {
    "plain": {},
    "layer normalisation": {"layernorm": True},
    "batch normalisation": {"batchnorm": True},
}
fig, axes = plt.subplots(1, 3, figsize=(11, 3.8), sharey=True, layout="constrained")
for ax, (label, variant) in zip(axes, variants.items(), strict=True):
    common = {"recipe": "plain", "max_iter": 25, "tol": 0, "random_state": 0, "dtype": "float64"} | variant
    rows = slice(0, 1600)  # whole batches, so that the last one of an epoch is like the others
    for title, style, params in (
        ("200", "-", {"batch_size": 200}),
        ("8 x 25, accumulated", "o", {"batch_size": 25, "gradient_accumulation_steps": 8}),
        ("25", ":", {"batch_size": 25}),
    ):
        model = MLPClassifier(64, **common | params).fit(X[rows], y[rows])
        ax.semilogy(range(1, 26), model.loss_curve_, style, markersize=4, label=f"batches of {title}")
    ax.set(title=label, xlabel="epoch")
axes[0].set_ylabel("training loss")
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)

plt.show()
