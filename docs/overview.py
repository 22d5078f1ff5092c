"""Draw the picture of README and the front page: ``python docs/overview.py``, to docs/_static/overview.png.

Handwritten digits, and the package's own displays: how the defaults learn, at which rates they do,
 what whitening does to the covariance, and what first-layer units look for.
"""

import warnings
from pathlib import Path

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from sknn6 import MLPClassifier, Standardizer, Whitener
from sknn6.inspection import FilterDisplay, LearningRateDisplay, LossCurveDisplay, WhiteningDisplay

TARGET = Path(__file__).parent / "_static" / "overview.png"


def main():
    """Draw and save it."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    X, y = load_digits(return_X_y=True)
    X_train, X_val, y_train, y_val = train_test_split(X, y, stratify=y, random_state=0)
    fig = plt.figure(figsize=(12.5, 6.2), layout="constrained")
    left, right = fig.subfigures(1, 2, width_ratios=(1, 1.4), wspace=0.02)
    curves, rates = left.subplots(2, 1)

    mlp = MLPClassifier(random_state=0).fit(X_train, y_train, X_val=X_val, y_val=y_val)
    LossCurveDisplay.from_estimator(mlp).plot(ax=curves, log=True)
    curves.set_title(f"LossCurveDisplay: digits, held-out accuracy {mlp.score(X_val, y_val):.3f}")
    note = "Training: the mean over an epoch, with dropout.\nValidation: at its end, without."
    curves.text(0.97, 0.5, note, ha="right", color="0.3", transform=curves.transAxes)
    LearningRateDisplay.from_estimator(MLPClassifier(random_state=0), X_train, y_train).plot(ax=rates)
    rates.set_title("LearningRateDisplay: which rate to take")

    above, below = right.subfigures(2, 1, height_ratios=(1, 1))
    Z = Standardizer().fit_transform(X_train)
    WhiteningDisplay.from_estimator(Whitener(eps=0.01).fit(Z), Z).plot(
        ax=above.subplots(1, 3, width_ratios=(1, 1, 0.9))
    )
    above.suptitle("WhiteningDisplay: 64 pixels, before and after")
    single = MLPClassifier(64, ensemble_size=1, alpha=0.3, random_state=0).fit(X_train, y_train)
    FilterDisplay.from_estimator(single).plot(ax=below.subplots(3, 8))
    below.suptitle("FilterDisplay: what units of the first layer look for")
    fig.savefig(TARGET, dpi=90, pil_kwargs={"optimize": True})


if __name__ == "__main__":
    main()
