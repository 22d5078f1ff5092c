"""
A rare class: where to set the threshold, and whether probabilities are right
=============================================================================

One row in fourteen is of class 1. Two networks are compared, one without and one with class weights: how many
of the rare rows each finds at the price of how many false alarms, and how right its probabilities are.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.datasets import make_classification
from sklearn.metrics import log_loss, precision_recall_curve, precision_score, recall_score
from sklearn.model_selection import train_test_split

from sknn6 import MLPClassifier

X, y = make_classification(3000, 10, n_informative=5, weights=[0.95], flip_y=0.05, random_state=0)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, stratify=y, random_state=0)
networks = {
    "no weights": MLPClassifier(random_state=0),
    'class_weight="balanced"': MLPClassifier(class_weight="balanced", random_state=0),
}
P = {name: network.fit(X_train, y_train).predict_proba(X_test)[:, 1] for name, network in networks.items()}

# %%
# At the threshold of 0.5, which ``predict`` uses, the weighted network finds more of the rare rows, with more
# false alarms. A lower threshold of the other network does the same, without another training.

for name, threshold in (("no weights", 0.5), ("no weights", 0.1), ('class_weight="balanced"', 0.5)):
    alarms = P[name] > threshold
    found, right = recall_score(y_test, alarms), precision_score(y_test, alarms)
    print(f"{name:24s} threshold {threshold}: {found:.2f} of the rare rows, {right:.2f} of the alarms right")

# %%
# Left: all thresholds at once. The curve of the weighted network is no better, here a little worse: weights
# find nothing that a threshold would not. Right: the share of class 1 in ten groups of rows, over the mean
# probability of the group. Without weights the points are near the diagonal. With them the probabilities are
# far too high.

figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.8), layout="constrained")
for (name, p), marker in zip(P.items(), "os", strict=True):
    precision, recall, _ = precision_recall_curve(y_test, p)
    left.plot(recall, precision, label=name)
    share, mean = calibration_curve(y_test, p, n_bins=10, strategy="quantile")
    right.plot(mean, share, f"{marker}-", label=f"{name}, log-loss {log_loss(y_test, p):.2f}")
left.set(xlabel="found, of the rare rows", ylabel="right, of the alarms", title="All thresholds")
left.set_ylim(0, 1.05)
left.legend(loc="lower left")
right.axline((0.1, 0.1), (1, 1), color="grey", ls="--")
right.set(xlabel="probability of class 1", ylabel="share of class 1", title="Are they right?")
right.set(xscale="log", yscale="log")
right.legend(fontsize="small")

# %%
# If a missed row costs as much as nine false alarms, and the probabilities are right, the threshold of lowest
# cost is 1 / (1 + 9). With class weights it is elsewhere, and has to be found.

thresholds = np.geomspace(0.01, 0.9, 40)
figure, axes = plt.subplots(figsize=(5, 3.4), layout="constrained")
for name, p in P.items():
    missed = np.array([np.sum((p <= t) & (y_test == 1)) for t in thresholds])
    false = np.array([np.sum((p > t) & (y_test == 0)) for t in thresholds])
    axes.plot(thresholds, (9 * missed + false) / len(y_test), label=name)
axes.axvline(0.1, color="grey", ls="--")
axes.set(xscale="log", xlabel="threshold", ylabel="mean cost per row")
axes.set_title("Cost if a missed row costs nine false alarms")
axes.legend()
plt.show()
