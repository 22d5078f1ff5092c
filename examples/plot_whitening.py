"""
Whitening: what it does to images, and why not to segment them
==============================================================

Neighbouring pixels of an image say nearly the same. Whitening takes that away: afterwards all features are
uncorrelated and have variance 1. PCA whitening gives coordinates along the principal axes; ZCA whitening
rotates them back, so that the result stays as close to the pixels as it can.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from sknn6 import Whitener

X, _ = load_digits(return_X_y=True)
X = X / 16

# eps is relative to the mean variance. A large one, here 1, smooths what is mostly noise: the many
# directions in which these small images hardly vary.
zca, pca = Whitener("zca", eps=1.0).fit(X), Whitener("pca", eps=1.0).fit(X)
versions = {"pixels": X, "ZCA": zca.transform(X), "PCA": pca.transform(X)}


def show(ax, features, **limits):
    """Show features as an 8 x 8 image; what PCA leaves out stays empty."""
    image = np.full(64, np.nan)
    image[: features.size] = features
    ax.set(xticks=[], yticks=[])
    return ax.imshow(image.reshape(8, 8), cmap="gray_r", **limits)


# %%
# After ZCA a digit is still itself, with its edges sharpened. After PCA whitening there are features in
# place of pixels: the image of them means nothing.

fig, axes = plt.subplots(3, 10, figsize=(9, 3.2), layout="constrained")
for row, (label, data) in zip(axes, versions.items(), strict=True):
    low, high = np.quantile(data[:10], [0.01, 0.99])
    for ax, features in zip(row, data[:10], strict=True):
        shown = show(ax, features, vmin=low, vmax=high)
    fig.colorbar(shown, ax=row, pad=0.01)
    row[0].set_ylabel(label)
fig.suptitle("Ten digits before and after whitening")

# %%
# The covariance of the features before and after, now with a small eps. Before, neighbouring pixels are
# correlated; after, nothing is left off the diagonal. Rows without colour belong to pixels that are 0 in
# every image.

zca, pca = (Whitener(method, eps=1e-3).fit(X) for method in ("zca", "pca"))
versions = {"pixels": X, "ZCA": zca.transform(X), "PCA": pca.transform(X)}
fig, axes = plt.subplots(1, 3, figsize=(9, 3.2), layout="constrained")
for ax, (label, data) in zip(axes, versions.items(), strict=True):
    cov = np.cov(data.T)
    shown = ax.imshow(cov, cmap="RdBu_r", vmin=-np.abs(cov).max(), vmax=np.abs(cov).max())
    fig.colorbar(shown, ax=ax, shrink=0.8)
    ax.set(title=label, xticks=[], yticks=[])
    eigenvalues = np.linalg.eigvalsh(cov)
    used = eigenvalues[eigenvalues > 1e-10 * eigenvalues[-1]]
    print(f"{label:7s} condition number of the covariance {used[-1] / used[0]:9.1f}")
fig.suptitle("Covariance of the features")

# %%
# **Not for segmentation.** To segment an image is to tell for every position whether the object is there.
# Take a bright disc somewhere on a dim ground, with a little noise: a threshold on the pixels finds it.
# Whitened by ZCA, a value tells how a pixel *differs* from what its neighbours let expect, so the inside
# of the disc looks like the ground; whitened by PCA, there is no position left to find.

rng = np.random.default_rng(0)
side, n_images, radius = 16, 4000, 4.5
rows, columns = np.mgrid[:side, :side]
centres = rng.uniform(4, side - 5, (n_images, 2))
distance = np.hypot(rows - centres[:, :1, None], columns - centres[:, 1:, None])
disc = distance < radius
images = disc + 0.15 * rng.standard_normal(disc.shape)
flat = images.reshape(n_images, -1)

segmented = {
    "pixels": flat,
    "ZCA": Whitener("zca", eps=0.1).fit_transform(flat),
    "PCA": Whitener("pca", eps=0.1).fit_transform(flat),
}


def best_overlap(data):
    """Return the best intersection over union that one threshold reaches, and the threshold."""
    found = []
    for threshold in np.quantile(data, np.linspace(0.02, 0.98, 49)):
        inside = data.reshape(disc.shape) > threshold
        found.append((np.sum(inside & disc) / np.sum(inside | disc), threshold))
    return max(found)


fig, axes = plt.subplots(2, 3, figsize=(8.5, 5), layout="constrained")
for (above, below), (label, data) in zip(axes.T, segmented.items(), strict=True):
    overlap, threshold = best_overlap(data)
    image = data[0].reshape(side, side)
    fig.colorbar(above.imshow(image, cmap="gray_r"), ax=(above, below), shrink=0.48, anchor=(0, 1))
    above.contour(disc[0], [0.5], colors="C1", linewidths=1.5)
    below.imshow(image > threshold, cmap="gray_r")
    below.contour(disc[0], [0.5], colors="C1", linewidths=1.5)
    above.set(title=label, xticks=[], yticks=[])
    below.set(xlabel=f"overlap {overlap:.2f}", xticks=[], yticks=[])
    print(f"{label:7s} intersection over union with the disc {overlap:.2f}")
axes[0, 0].set_ylabel("the image")
axes[1, 0].set_ylabel("pixels above\nthe best threshold")
fig.suptitle("Finding the disc (outlined) by a threshold")

# %%
# The more is whitened, the less is found. With eps at ten times the mean variance little is whitened, and
# some of the disc comes back.

for eps in (10.0, 1.0, 0.1, 0.01):
    overlap, _ = best_overlap(Whitener("zca", eps=eps).fit_transform(flat))
    print(f"ZCA with eps {eps:5}: intersection over union {overlap:.2f}")

plt.show()
