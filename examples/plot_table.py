"""
Loans: a table with categories and missing values
=================================================

A table of loans with categories, a column of many shops, and missing values. Four questions: how good is a
network on it, which columns does it use, what does it say of income and purpose, and does it still work where
half of the values are missing? The loans are made up, so that what is to be found is known.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.inspection import permutation_importance
from sklearn.model_selection import cross_val_score, train_test_split

from sknn6 import MLPClassifier

# %%
# A loan is more likely to be paid back if the income is high and if it is for a house, and less likely if it
# is for a journey. Shops differ in how carefully they choose their customers. Some people did not tell their
# income, more often where it is low.

rng = np.random.default_rng(0)
N, SHOPS = 4000, 100
WORTH = {"house": 1.5, "car": 0.0, "studies": 0.0, "journey": -1.5}
care = rng.standard_normal(SHOPS)
shop = rng.integers(0, SHOPS, N)
loans = pd.DataFrame(
    {
        "income": rng.lognormal(8, 0.6, N),
        "age": rng.integers(18, 80, N),
        "purpose": rng.choice(list(WORTH), N),
        "shop": [f"shop {i}" for i in shop],
        "member": rng.random(N) < 0.3,
    }
)
score = 2 * np.log(loans["income"] / 3000) + loans["purpose"].map(WORTH) + care[shop]
paid = rng.random(N) < expit(2 * score)
loans.loc[rng.random(N) < 0.2 / (1 + loans["income"] / 3000), "income"] = np.nan
loans.loc[rng.random(N) < 0.05, "purpose"] = None
print(loans.head())

# %%
# The frame goes to the network as it is. In cross-validation it is right in about 85 % of the cases. Nobody
# could always be right, as whether a loan is paid back is partly chance.

X_train, X_test, y_train, y_test = train_test_split(loans, paid, random_state=0)
model = MLPClassifier(random_state=0).fit(X_train, y_train)
print("five folds:", cross_val_score(model, loans, paid, cv=5).round(3))
print(f"test rows:  {model.score(X_test, y_test):.3f}")

# %%
# Left: how far the accuracy falls if a column of the test rows is shuffled. Age and membership play no part.
# Right: the mean probability over the test rows if all of them had that income and that purpose (partial
# dependence). The model has learned the order of the purposes, and that income matters for all of them.

found = permutation_importance(model, X_test, y_test, n_repeats=10, random_state=0)
incomes = np.geomspace(1000, 10000, 12)
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
order = np.argsort(found.importances_mean)
left.barh(X_test.columns[order], found.importances_mean[order], xerr=found.importances_std[order])
left.set(xlabel="fall in accuracy if shuffled", title="What the model uses")
for purpose, style in zip(WORTH, ["-", "-", "--", "-"], strict=True):  # car and studies are nearly the same
    rows = [X_test.assign(income=income, purpose=purpose) for income in incomes]
    right.plot(incomes, [model.predict_proba(table)[:, 1].mean() for table in rows], style, label=purpose)
right.set(xscale="log", xlabel="income", ylabel="probability", title="Paid back?", ylim=(0, 1))
right.legend()

# %%
# Values are taken away from training and test rows alike. What is left still says something: the network
# stays better than an answer that is always the same.

shares = np.array([0, 0.1, 0.2, 0.3, 0.4, 0.5])
accuracies = []
for share in shares:
    train, test = (table.mask(rng.random(table.shape) < share) for table in (X_train, X_test))
    accuracies.append(MLPClassifier(random_state=0).fit(train, y_train).score(test, y_test))
figure, axes = plt.subplots(figsize=(5, 3.4), layout="constrained")
axes.plot(100 * shares, accuracies, "o-", label="network")
axes.axhline(max(y_test.mean(), 1 - y_test.mean()), color="grey", ls="--", label="always the same answer")
axes.set(xlabel="missing values, %", ylabel="accuracy", title="With gaps in all columns", ylim=(0.45, 1))
axes.legend()
plt.show()
