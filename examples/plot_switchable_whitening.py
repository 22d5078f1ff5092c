"""
Switchable whitening: which normalisation does each layer choose?
=================================================================

``batchnorm="switchable"`` mixes batch whitening, batch normalisation and layer normalisation, with weights
of its own for the mean and for the covariance of each layer. The weights start as thirds and are learned
with the rest. The networks are single ones, without the defaults' dropout, decay and the rest.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from sknn6 import MLPClassifier, Standardizer

warnings.simplefilter("ignore", ConvergenceWarning)
X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
scaler = Standardizer().fit(X_train)
X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)

# %%
# One epoch at a time, to see the weights move. They are the softmax of learned logits, so that they sum to
# 1: ``switchable_weights_`` has the shape (layers, 2, 3), first the mean's, then the covariance's.

params = {"recipe": "plain", "learning_rate_init": 5e-3, "batch_size": 64}
model = MLPClassifier(64, depth=3, batchnorm="switchable", random_state=0, **params)
weights = [np.full((3, 2, 3), 1 / 3)]
for _ in range(40):
    model.partial_fit(X_train, y_train, classes=np.arange(10))
    weights.append(model.switchable_weights_)
weights = np.array(weights)

fig, axes = plt.subplots(2, 3, figsize=(10, 5), sharex=True, sharey=True, layout="constrained")
labels = ["batch whitening", "batch normalisation", "layer normalisation"]
for i in range(3):
    for j, what in enumerate(["mean", "covariance"]):
        ax = axes[j, i]
        ax.stackplot(range(41), weights[:, i, j].T, labels=labels, colors=["#004488", "#ddaa33", "#bb5566"])
        ax.set(title=f"{what}, hidden layer {i + 1}", xlim=(0, 40), ylim=(0, 1))
axes[0, 0].set_ylabel("weight")
axes[1, 0].set_ylabel("weight")
axes[1, 1].set_xlabel("epoch")
fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
fig.suptitle("Weights of the three normalisations while the network learns")

# %%
# How it does beside its parts, each trained alone. On a task this easy they end close together; what the
# mixture saves is the choice.

params |= {"max_iter": 20, "learning_rate": "cosine"}
for label, normalisation in {
    "none": {},
    "layer normalisation": {"layernorm": True},
    "batch normalisation": {"batchnorm": True},
    "batch whitening": {"batchnorm": "whiten"},
    "switchable whitening": {"batchnorm": "switchable"},
}.items():
    scores = [
        MLPClassifier(64, depth=3, random_state=seed, **params, **normalisation)
        .fit(X_train, y_train)
        .score(X_test, y_test)
        for seed in range(3)
    ]
    print(f"{label:21s} accuracy on held-out digits {np.mean(scores):.3f} (three seeds)")

plt.show()
