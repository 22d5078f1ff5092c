"""Compare the defaults with other classifiers over the number of training rows, and plot what changes.

    python benchmarks/rows.py DATA --names letter,magic,adult --out rows.csv --plot docs/guide/rows.svg
    python benchmarks/rows.py --out rows.csv                                  table of existing results

Data, metrics and models as in accuracy.py. All fits of a data set and a seed have the same 4000 test rows and
the first so many of the same training rows. The table has geometric means over the data sets.
"""

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import pathlib
import warnings

import accuracy
import datasets
import numpy as np
from comparison import timed_fit
from records import arguments, completed

from sknn6.estimators.recipes import recipe_for

ROWS = [500, 1000, 2000, 4000, 8000, 13000]
MODELS = {
    accuracy.OURS: "sknn6",
    accuracy.THEIRS: "scikit-learn's MLP",
    "HistGradientBoosting": "HistGradientB.",
}
METRICS = ["error", "log_loss"]
RECIPE = {
    "epochs": lambda recipe: recipe["max_iter"],
    "units of a layer": lambda recipe: recipe["hidden_layer_sizes"][0],
    "rows of a batch": lambda recipe: recipe["batch_size"],
}


def run(folder, name, seed, label):
    """Fit one model on so many rows of a data set; return its scores and seconds."""
    model, rows = label.split(" on ")
    X_train, X_test, y_train, y_test = datasets.split(folder, name, seed=seed, n_train=ROWS[-1])
    X_train, y_train = X_train[: int(rows)], y_train[: int(rows)]
    model, seconds = timed_fit(accuracy.MODELS[model](random_state=seed), X_train, y_train)
    P = np.zeros((len(y_test), y_test.max() + 1))
    P[:, model.classes_] = model.predict_proba(X_test)
    return {**accuracy.scores_of(y_test, P), "seconds": seconds}


def means(results):
    """Return the geometric mean of each metric over the data sets, with a column for each model."""
    parts = results["model"].str.split(" on ", expand=True)
    results = results.assign(of=parts[0], rows=parts[1].astype(int))
    table = results.groupby(["of", "rows", "data"])[[*METRICS, "seconds"]].mean()
    return np.exp(np.log(table).groupby(["of", "rows"]).mean()).unstack("of").rename(columns=MODELS)


def draw(table, path):
    """Save a plot of the metrics, and of the recipe's epochs, units and batches, over the number of rows."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import LogLocator, NullLocator

    figure, axes = plt.subplot_mosaic(
        [[*METRICS, name] for name in RECIPE], figsize=(9, 3.6), layout="constrained"
    )
    for metric in METRICS:
        axis = axes[metric]
        for name, marker in zip(MODELS.values(), "osd", strict=True):
            axis.plot(table.index, table[metric][name], f"{marker}-", label=name, markersize=4)
        axis.set(xscale="log", yscale="log", title=metric.replace("_", "-"), xlabel="training rows")
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5)))
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_locator(NullLocator())
    axes["error"].legend(fontsize="small")
    rows = np.unique(np.geomspace(ROWS[0], 1e6, 400).astype(int))
    recipes = [recipe_for("modern", n) for n in rows]
    for name, value in RECIPE.items():
        values = [value(recipe) for recipe in recipes]
        axes[name].plot(rows, values, color="0.3")
        axes[name].set(xscale="log", ymargin=0.3, yticks=[values[0], values[-1]], title=f"recipe: {name}")
        axes[name].tick_params(labelbottom=name == list(RECIPE)[-1])
    axes[name].set_xlabel("training rows")
    figure.savefig(path)


def main():
    """Run what is missing, then print the table and draw the plot."""
    parser = arguments(__doc__, seeds="0,1,2")
    parser.add_argument("--plot", type=pathlib.Path, help="where to save a picture")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    labels = [f"{model} on {rows}" for model in MODELS for rows in ROWS]
    table = means(completed(args, "model", labels, run))
    print(table.round(3).to_string())
    if args.plot:
        draw(table, args.plot)


if __name__ == "__main__":
    main()
