"""
Prediction intervals that hold: a network in MAPIE
==================================================

Estimators of this package go into other packages as scikit-learn's do. Here MAPIE makes prediction
intervals from an ``MLPRegressor``: intervals that contain 80 % of new targets on average, even if the network
is poor. They are compared with the quantiles of the network itself. MAPIE is installed by ``pip install
mapie``.
"""

import matplotlib.pyplot as plt
import numpy as np
from mapie.regression import SplitConformalRegressor
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

from sknn6 import MLPRegressor

X, y = load_diabetes(return_X_y=True)
LEVEL = 0.8

# %%
# A network with ``loss="quantile"`` learns the quantiles of 10 % and 90 %: between them 80 % of the targets
# should lie. Their distance differs from row to row. But they are learned from the training rows alone, and
# on a table as small as this one, 442 patients, they come too near to each other.
#
# For MAPIE a third of the rows is held out of the training. On these it finds how far the predictions are
# off, and makes all intervals so wide that 80 % of these rows are inside (split conformal prediction, Vovk et
# al. 2005). As they were not trained on, about 80 % of new rows are inside too.


def learned(X_train, y_train, X_test, seed):
    """Return the lower and upper ends for the test rows: two quantiles of one network."""
    network = MLPRegressor("quantile", quantile=[0.1, 0.9], random_state=seed)
    return network.fit(X_train, y_train).predict(X_test).T


def conformal(X_train, y_train, X_test, seed):
    """Return the lower and upper ends for the test rows: predictions, and what MAPIE adds on both sides."""
    X_fit, X_held_out, y_fit, y_held_out = train_test_split(
        X_train, y_train, test_size=1 / 3, random_state=seed
    )
    regressor = SplitConformalRegressor(MLPRegressor(random_state=seed), confidence_level=LEVEL, prefit=False)
    regressor.fit(X_fit, y_fit).conformalize(X_held_out, y_held_out)
    _, intervals = regressor.predict_interval(X_test)
    return intervals[:, :, 0].T


# %%
# One split into training and test rows can be lucky, so here are twelve.

METHODS = {"two quantiles": learned, "MAPIE": conformal}
covered, width = {name: [] for name in METHODS}, {name: [] for name in METHODS}
for seed in range(12):
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.4, random_state=seed)
    ends = {name: method(X_train, y_train, X_test, seed) for name, method in METHODS.items()}
    for name, (low, high) in ends.items():
        covered[name].append(np.mean((low <= y_test) & (y_test <= high)))
        width[name].append(np.mean(high - low))
for name in METHODS:
    print(f"{name:14s}{np.mean(covered[name]):.2f} inside, intervals of {np.mean(width[name]):.0f}")

# %%
# Left: each mark is a split. Right: the intervals of one split, in the order of their middle, with the
# targets.

figure, axes = plt.subplot_mosaic("ABB", figsize=(9, 3.8), layout="constrained")
for place, name in enumerate(METHODS):
    axes["A"].plot(np.full(12, place), covered[name], "o", alpha=0.5, color=f"C{place}")
axes["A"].axhline(LEVEL, color="grey", ls="--")
axes["A"].set_xticks(range(len(METHODS)), METHODS)
axes["A"].set(xlim=(-0.5, 1.5), ylim=(0.5, 1), title="Share of test targets inside")
order = np.argsort(ends["MAPIE"].mean(axis=0))
for place, (name, (low, high)) in enumerate(ends.items()):
    axes["B"].fill_between(
        range(len(order)), low[order], high[order], alpha=0.35, color=f"C{place}", label=name, step="mid"
    )
axes["B"].plot(range(len(order)), y_test[order], ".", color="0.3", markersize=4)
axes["B"].set(xlabel="test rows", ylabel="progression of the disease", title="The intervals of one split")
axes["B"].legend(loc="upper left")

# %%
# Intervals that keep what they promise have a price: they are wider, and the rows that MAPIE needs are
# missing in the training. Where there are thousands of rows, the quantiles are right by themselves on most
# data. Look at the share inside on rows that were not trained on, whichever you take.

plt.show()
