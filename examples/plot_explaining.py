"""
Which columns matter, and how: importances, partial dependence and the first layer
==================================================================================

The price of a house in this made-up table depends on its size, on its age in a curve, and on its quarter.
Two columns are noise. Four pictures show what a network has made of it.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.inspection import PartialDependenceDisplay, permutation_importance
from sklearn.model_selection import train_test_split

from sknn6 import MLPRegressor
from sknn6.inspection import FilterDisplay

rng = np.random.default_rng(0)
n = 2000
houses = pd.DataFrame(
    {
        "size": rng.uniform(40, 200, n),
        "age": rng.uniform(0, 100, n),
        "quarter": rng.choice(["port", "centre", "hill"], n),
        "door": rng.choice(["red", "green"], n),
        "number": rng.integers(1, 200, n).astype(float),
    }
)
worth = houses["quarter"].map({"port": 0.0, "centre": 60.0, "hill": 120.0})
price = 2 * houses["size"] + 0.04 * (houses["age"] - 50) ** 2 + worth + rng.normal(0, 15, n)
train, test, y_train, y_test = train_test_split(houses, price, random_state=0)
model = MLPRegressor(random_state=0).fit(train, y_train)
print(f"R² on the test rows {model.score(test, y_test):.2f}")

# %%
# Left: how far R² falls on the test rows if a column is shuffled. This is the measure to report: the two
# columns of noise have none. Right: the size of the weights of each column in the first layer. It costs
# nothing and misleads here: initial weights that nothing has changed count too. The number of the house, to
# which the embedding gives many of them, seems to matter.

shuffled = permutation_importance(model, test, y_test, n_repeats=5, random_state=0)
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3), sharey=True, layout="constrained")
left.barh(houses.columns, shuffled.importances_mean, xerr=shuffled.importances_std)
left.set(xlabel="fall of R²", title="permutation_importance")
right.barh(houses.columns, model.feature_importances_)
right.set(xlabel="share of the weights", title="feature_importances_")
left.invert_yaxis()

# %%
# The mean prediction over the values of a column: a line for the size, a curve for the age, steps for the
# quarters, and next to nothing for the number.

figure, axes = plt.subplots(1, 4, figsize=(10, 2.8), sharey=True, layout="constrained")
PartialDependenceDisplay.from_estimator(
    model, test, ["size", "age", "quarter", "number"], categorical_features=["quarter"], ax=axes
)
for panel in axes[1:]:
    panel.set_ylabel("")

# %%
# How strongly the units of one of the networks look at each column. A column of categories, and a number
# with its positions between quantiles, has several weights in a unit, so their norm is drawn.

FilterDisplay.from_estimator(model, n_filters=24)
plt.show()
