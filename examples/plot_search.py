"""
Grid, random and Bayesian search
================================

The same 20 evaluations, spent in three ways on two parameters of a network: the learning rate, which
matters, and the L2 penalty, which here matters less. A grid tries five rates; random search tries 20; a
Bayesian search learns from what it has seen where to look next.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from skopt.space import Real

from sknn6 import BayesSearchCV, MLPClassifier, Standardizer, search_space

warnings.simplefilter("ignore", ConvergenceWarning)
warnings.filterwarnings("ignore", message="The best .* lies on the border")  # of a range as wide as these
X, y = load_digits(return_X_y=True)

# %%
# Both are drawn on a log scale, as the lecture asks: a rate of 0.01 is to 0.001 what 0.1 is to 0.01.
# Random search draws from the very dimensions of the Bayesian search's space.

N = 20
pipeline = make_pipeline(Standardizer(), MLPClassifier(32, solver="sgd", max_iter=8, random_state=0))
rate, alpha = "mlpclassifier__learning_rate_init", "mlpclassifier__alpha"
space = {rate: Real(1e-6, 1e2, "log-uniform"), alpha: Real(1e-5, 1e4, "log-uniform")}


def searches(seed):
    """Return the three, not fitted yet."""
    distributions = search_space(pipeline, as_distributions=True, **space)
    draws = {name: distributions[name] for name in space}
    grid = {rate: np.logspace(-6, 2, 5), alpha: np.logspace(-5, 4, 4)}
    return {
        "grid": GridSearchCV(pipeline, grid, cv=2),
        "random": RandomizedSearchCV(pipeline, draws, n_iter=N, cv=2, random_state=seed),
        "Bayesian": BayesSearchCV(pipeline, space, n_iter=N, cv=2, random_state=seed),
    }


# %%
# One search proves nothing, so random and Bayesian search run with four seeds. The grid is the same each
# time.

fitted = {label: [] for label in searches(0)}
for seed in range(4):
    for label, search in searches(seed).items():
        fitted[label].append(search.fit(X, y) if seed == 0 or label != "grid" else fitted["grid"][0])

# %%
# Where the first of each looked: brighter is better. Once it has seen where that is, the Bayesian search
# spends more of its points there.

fig, axes = plt.subplots(1, 3, figsize=(11, 3.6), sharex=True, sharey=True, layout="constrained")
for ax, (label, runs) in zip(axes, fitted.items(), strict=True):
    params, scores = runs[0].cv_results_["params"], runs[0].cv_results_["mean_test_score"]
    rates, alphas = ([p[name] for p in params] for name in (rate, alpha))
    points = ax.scatter(
        rates, alphas, c=scores, cmap="viridis", vmin=0.1, vmax=1, s=60, edgecolors="k", lw=0.5
    )
    ax.set(title=label, xscale="log", yscale="log", xlabel="learning rate")
axes[0].set_ylabel("alpha")
fig.colorbar(points, ax=axes, label="accuracy, two folds")

# %%
# The best so far, by evaluations, averaged over the seeds. A grid has no order, so its points are shuffled.
# With two parameters and a good region as broad as this one, random search is hard to beat, and is not
# beaten here; what the Bayesian search saves are hopeless points.

fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for (label, runs), style in zip(fitted.items(), ("o:", "s--", "^-"), strict=True):
    curves = []
    for seed, search in enumerate(runs):
        scores = search.cv_results_["mean_test_score"]
        if label == "grid":
            scores = np.random.default_rng(seed).permutation(scores)
        curves.append(np.maximum.accumulate(scores))
    ax.plot(range(1, N + 1), np.mean(curves, axis=0), style, markersize=4, label=label)
    good = np.mean([np.mean(search.cv_results_["mean_test_score"] > 0.8) for search in runs])
    print(f"{label:9s} best accuracy {np.mean(curves, axis=0)[-1]:.4f}, {good:.0%} of the points above 0.8")
ax.set(xlabel="evaluations", ylabel="best accuracy so far", ylim=(0, 1), xticks=[1, *range(5, N + 1, 5)])
ax.legend(loc="lower right")

plt.show()
