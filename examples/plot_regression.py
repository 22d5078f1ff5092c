"""
Regression: predictions, residuals, quantiles
=============================================

A table of flats, with a category, numbers of different size and missing values, and their prices. Three
questions to a regressor: is it better than the mean, what do its residuals show, and how sure is a
prediction? The flats are made up here, so that what is to be found is known.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import RidgeCV
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sknn6 import MLPRegressor

# %%
# The price of a square metre depends on the district and falls with the distance to the centre; old houses
# are dear again. The noise is a share of the price: dear flats are priced with more of it. Some sellers
# keep the year, or the distance, to themselves.

rng = np.random.default_rng(0)
N = 3000
PRICES = {"old town": 7000, "harbour": 5000, "new town": 4000, "suburbs": 3000}
flats = pd.DataFrame(
    {
        "area": rng.gamma(6, 14, N),
        "district": rng.choice(list(PRICES), N, p=[0.2, 0.2, 0.3, 0.3]),
        "year": rng.integers(1890, 2025, N).astype(float),
        "distance": rng.gamma(2, 1500, N),
    }
)
age = (1960 - flats["year"]).abs()
metre = flats["district"].map(PRICES) * np.exp(-flats["distance"] / 10000) * (0.8 + age / 200)
expected = metre * flats["area"]
price = expected * rng.lognormal(0, 0.15, N)
flats.loc[rng.random(N) < 0.1, "year"] = np.nan
flats.loc[rng.random(N) < 0.1, "distance"] = np.nan
X_train, X_test, y_train, y_test = train_test_split(flats, price, random_state=0)
print(X_train.head())

# %%
# The linear model needs numbers: missing ones become the median, with a column that says so, and districts
# become columns of zeros and ones. The network gets the same columns, for a fair comparison; it could also
# read the frame as it is. It scales columns and prices by itself.


def pipeline(regressor):
    """Return the regressor behind what makes numbers of the table."""
    columns = make_column_transformer(
        (SimpleImputer(strategy="median", add_indicator=True), ["area", "year", "distance"]),
        (OneHotEncoder(sparse_output=False), ["district"]),
    )
    return make_pipeline(columns, regressor)


models = {
    "mean": pipeline(DummyRegressor()),
    "linear": pipeline(RidgeCV(np.logspace(-3, 3, 7))),
    "network": pipeline(MLPRegressor(random_state=0)),
}
for name, model in models.items():
    predicted = model.fit(X_train, y_train).predict(X_test)
    error = mean_absolute_error(y_test, predicted)
    print(f"{name:8s} R² {model.score(X_test, y_test):.3f}, off by {error:,.0f} on average")

# %%
# Predicted against observed, points lie about the diagonal. The residuals of the linear model bend: the
# dearest and the cheapest flats cost more than it says, as prices multiply and do not add. Those of the
# network have no bend left. What they still show is a funnel: the dearer the flat, the larger the error.
# That is no fault of the network; the noise is like that.

thousand = 1e-3
figure, axes = plt.subplots(2, 2, figsize=(8, 7), sharex="row", sharey="row", layout="constrained")
for (above, below), name in zip(axes.T, ["linear", "network"], strict=True):
    predicted = models[name].predict(X_test)
    above.scatter(thousand * predicted, thousand * y_test, s=6, alpha=0.5)
    above.axline((0, 0), slope=1, color="0.4", linewidth=1)
    above.set(title=name, xlabel="predicted price, thousands")
    below.scatter(thousand * predicted, thousand * (y_test - predicted), s=6, alpha=0.5)
    below.axhline(0, color="0.4", linewidth=1)
    below.set(xlabel="predicted price, thousands")
axes[0, 0].set_ylabel("observed price, thousands")
axes[1, 0].set_ylabel("observed less predicted")

# %%
# So one number for the error of all flats would be wrong for most. Three quantiles of the price, from one
# network, say how sure a prediction is: here for flats of 1990, a kilometre and a half from the centre,
# with what was sold there.

BAND = [0.1, 0.5, 0.9]
band = pipeline(MLPRegressor("quantile", quantile=BAND, random_state=0)).fit(X_train, y_train)
area = np.linspace(20, 180, 100)
figure, axes = plt.subplots(1, 2, figsize=(8, 3.6), sharey=True, layout="constrained")
for axis, district in zip(axes, ["old town", "suburbs"], strict=True):
    grid = pd.DataFrame({"area": area, "district": district, "year": 1990.0, "distance": 1500.0})
    low, median, high = thousand * band.predict(grid).T
    axis.fill_between(area, low, high, alpha=0.25, linewidth=0, label="10 to 90 %")
    axis.plot(area, median, label="median")
    truth = thousand * PRICES[district] * np.exp(-0.15) * (0.8 + 30 / 200) * area
    axis.plot(area, truth, "--", color="0.3", linewidth=1, label="true median")
    near = flats[
        (flats["district"] == district)
        & flats["year"].between(1980, 2000)
        & flats["distance"].between(500, 2500)
    ]
    axis.scatter(near["area"], thousand * price[near.index], s=8, color="0.3", alpha=0.6, label="sold")
    axis.set(title=district, xlabel="area, square metres", xlim=(20, 180), ylim=(0, None))
axes[0].set_ylabel("price, thousands")
axes[0].legend(loc="upper left")

# %%
# A tenth of the prices should lie below the band and a tenth above it, among cheap flats as well as among
# dear ones.

quantiles = band.predict(X_test)
dear = quantiles[:, 1] > np.median(quantiles[:, 1])
for name, rows in {"cheap": ~dear, "dear": dear}.items():
    below = (y_test.to_numpy()[rows, None] <= quantiles[rows]).mean(axis=0)
    print(
        f"{name:6s}" + ", ".join(f"{share:.2f} below {q:.0%}" for share, q in zip(below, BAND, strict=True))
    )

# %%
# The mean price is known here, so that the network's own error can be told from the noise. It is small beside
# the noise of 15 %, except where the year or the distance is missing, which no model can make up for.

expected_test = expected[X_test.index]
known = X_test.notna().all(axis=1)
off = np.abs(models["network"].predict(X_test) / (expected_test * np.exp(0.15**2 / 2)) - 1)
print(
    f"off by {off[known].median():.1%} of the mean price, "
    f"{off[~known].median():.1%} where something is missing"
)
plt.show()
