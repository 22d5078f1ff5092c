"""
A training for the time that there is
=====================================

How long will a fit take, and what is the best use of a given time? Here the seconds of a fit are predicted
from two epochs, and trainings that are planned for a few epochs are compared with a long one that is stopped.
"""

from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split

from sknn6 import MLPClassifier

X, y = make_classification(6000, 20, n_informative=10, n_classes=4, flip_y=0.02, random_state=0)
X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=2000, random_state=0)

# %%
# ``history_`` has the seconds of each epoch. Those of the second epoch, times the number of epochs, are the
# time of the whole training. The first fit of a session also loads compiled code, so there is a short one
# before, which is not timed.

EPOCHS = 20
MLPClassifier(max_iter=1, random_state=0).fit(X_train, y_train)
for units in (32, 64, 128, 256):
    trial = MLPClassifier((units, units), max_iter=2, random_state=0).fit(X_train, y_train)
    expected = EPOCHS * trial.history_[-1]["seconds"]
    start = perf_counter()
    MLPClassifier((units, units), max_iter=EPOCHS, random_state=0).fit(X_train, y_train)
    taken = perf_counter() - start
    print(f"{units:3d} units per layer: {expected:.2f} seconds expected, {taken:.2f} taken")

# %%
# If there is time for fewer epochs than the defaults have, set ``max_iter``: the learning rate then falls
# to 0 within them. Here it does so once (``snapshots=1``). The line is the error on the test rows after each
# epoch of a training of 60 epochs. Each point is a training of its own. All are means over two seeds.

SEEDS = range(2)
PLANNED = [5, 10, 20, 60]
LONG = PLANNED[-1]
course, planned = [], []
for seed in SEEDS:
    long = MLPClassifier(max_iter=LONG, snapshots=1, random_state=seed)
    long.fit(X_train, y_train, X_val=X_test, y_val=y_test)
    course.append([1 - epoch["validation_score"] for epoch in long.history_])
    short = [MLPClassifier(max_iter=n, snapshots=1, random_state=seed).fit(X_train, y_train) for n in PLANNED]
    planned.append([1 - model.score(X_test, y_test) for model in short])

figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
left.plot(range(1, LONG + 1), np.mean(course, axis=0), label=f"one training of {LONG} epochs")
left.plot(PLANNED, np.mean(planned, axis=0), "o", label="planned for so many epochs")
left.set(xlabel="epochs", ylabel="error on test rows", title="Planned or stopped", ylim=(0, 0.2))
left.legend(loc="lower left")
for n, model in zip(PLANNED, short, strict=True):
    rates = [epoch["learning_rate"] for epoch in model.history_]
    right.plot(range(1, n + 1), rates, label=n)
right.set(xlabel="epochs", ylabel="learning rate", title="The rate falls to 0 at the planned end")
right.legend(title="planned epochs")

# %%
# A training that is stopped after 20 epochs has a few more errors than one planned for 20, because its
# rate is still high. With ten epochs or fewer there is no gain: a rate that falls so soon has not moved the
# weights far enough. More than the 30 epochs of the defaults bring little on these data.

for epochs, error in zip(PLANNED, np.mean(planned, axis=0), strict=True):
    print(f"{epochs:3d} epochs: planned {error:.3f}, stopped {np.mean(course, axis=0)[epochs - 1]:.3f}")
plt.show()
