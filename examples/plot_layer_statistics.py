"""
Inside the layers: small, large and Xavier's weights
====================================================

The lecture's deep tanh network, looked into before it is trained: 1000 rows from N(0, 1) pass through ten
hidden layers of 500 units. Then the first layer of a network that has been trained, as images.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from sknn6 import MLPClassifier
from sknn6.inspection import FilterDisplay, LayerStatisticsDisplay

rng = np.random.default_rng(0)
X, y = rng.standard_normal((1000, 500)), rng.integers(0, 10, 1000)


def show(title, **start):
    """Draw what the layers put out, and print the standard deviations."""
    mlp = MLPClassifier(
        500, "tanh", depth=10, ensemble_size=1, input_scaling=False, dropout=0, random_state=0, **start
    )
    display = LayerStatisticsDisplay.from_estimator(mlp, X, y, n_cols=4)
    display.figure_.suptitle(title)
    print("std", *(f"{std:.2g}" for std in display.statistics.std))
    print("norm of the gradient", *(f"{norm:.2g}" for norm in display.statistics.gradient_norm))


# %%
# **Small weights**, 0.01 N(0, 1): each layer has 0.01 √500 = 0.22 of the standard deviation of the one
# before. After ten layers the units put out the same for every row, and the gradients are gone.

show("0.01 N(0, 1)", init="normal", init_scale=0.01)

# %%
# **Large weights**, N(0, 1): nearly all units are at -1 or 1, where tanh is flat.

show("N(0, 1)", init="normal")

# %%
# **Xavier's weights**: the signal reaches the end, a bit weaker at every layer, and so does the gradient.

show("Xavier", init="xavier_normal")

# %%
# The weights of the first layer of a trained network have a shape that tells what it looks for. These 24
# units have the largest weights of a network that reads handwritten digits; ``alpha`` keeps the weights
# of pixels that say nothing near 0.

X, y = load_digits(return_X_y=True)
mlp = MLPClassifier(64, ensemble_size=1, alpha=0.3, random_state=0).fit(X, y)
display = FilterDisplay.from_estimator(mlp)
display.figure_.suptitle("Weights of the first layer")

plt.show()
