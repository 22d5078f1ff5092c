"""Checks before a long training: the lecture's list, run on a sample, and the report of what they found."""

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, is_regressor
from sklearn.utils import resample

from sknn6.annotations import Matrix
from sknn6.dates import refuse_dates
from sknn6.inspection.checks import CHECKS, Finding, Subject
from sknn6.inspection.progress import progress
from sknn6.inspection.statistics import N_ROWS
from sknn6.inspection.wrappers import perceptron_and_input
from sknn6.optional import require
from sknn6.tables import as_objects
from sknn6.threads import products_share_cores
from sknn6.training.targets import dense

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["SanityReport", "sanity_check"]


@dataclass(frozen=True, repr=False)
class SanityReport:
    """The findings of `sanity_check`.

    Attributes
    ----------
    findings : dict of str to Finding
        The finding of each check, by its name. A finding has `ok` (None if the check does not apply),
        `measured`, `expected` and `advice`.
    """

    findings: dict[str, Finding]

    @property
    def ok(self) -> bool:
        """Whether all checks that apply succeeded."""
        return not self.failed

    @property
    def failed(self) -> list[str]:
        """The names of the checks that failed."""
        return [name for name, finding in self.findings.items() if finding.ok is False]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The findings as a list of dicts, with the keys check, verdict, measured, expected and advice."""
        return [
            {"check": name, "verdict": VERDICTS[ok], "measured": measured, "expected": expected,
             "advice": "" if ok else advice}
            for name, (ok, measured, expected, advice) in self.findings.items()
        ]  # fmt: skip

    def to_frame(self) -> "DataFrame":
        """Return the findings as a pandas DataFrame with one row per check."""
        pd = require("pandas", "pandas")
        return pd.DataFrame(self.rows).set_index("check")

    def __repr__(self) -> str:
        check, measured, expected, advice = COLUMNS
        width = 2 + max(len(row["expected"]) for row in self.rows)
        lines = [
            f"{row['verdict']:8s}{row['check']:20s}{row['measured']:<11.3g}{row['expected']:{width}s}{row['advice']}"
            for row in self.rows
        ]
        return "\n".join([f"{'':8s}{check:20s}{measured:11s}{expected:{width}s}{advice}", *lines])

    def _repr_html_(self) -> str:
        heads = "".join(f"<th>{head}</th>" for head in ("", *COLUMNS))
        body = "".join(
            f"<tr><td><b>{row['verdict']}</b></td><td>{escape(row['check'])}</td><td>{row['measured']:.3g}</td>"
            f"<td>{escape(row['expected'])}</td><td>{escape(row['advice'])}</td></tr>"
            for row in self.rows
        )
        return f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


COLUMNS = "check", "measured", "expected", "what to change"
VERDICTS = {True: "ok", False: "fails", None: "skipped"}


@products_share_cores()
def sanity_check(estimator: BaseEstimator, X: Matrix, y: ArrayLike) -> SanityReport:
    """Check a network and its data before a long training, or after one that went wrong.

    The checks are the lecture's list [1]_. They run on a sample of at most 2048 rows, in a few seconds:

    - input: the largest root mean square of the columns that the first layer receives is between 0.1 and 10;
    - targets: so is that of the targets of a regression; if not, the other checks see them rescaled;
    - initial loss: it is not far above the loss of zero logits, which is log C for C classes;
    - penalty: an L2 penalty raises the loss;
    - gradient: 30 of its components agree with central differences, in float64;
    - signal: no hidden layer of the initial network has nearly constant or huge outputs;
    - saturated units: in no hidden layer of the initial network is the saturated share of the activations
      more than 0.3 above that for standard normal z;
    - dead units: at most half of the units of each hidden layer pass no gradient for any row;
    - learning rate: the highest rate of the schedule is at least a hundredth of the rate that
      `learning_rate_range_test` suggests, and at most five times the rate of the lowest loss there;
    - overfit: trained without regularisation, its score on up to 20 rows is above 0.9 after at most 1000
      updates;
    - labels: a small network, trained for 15 epochs, predicts held-out targets better than random
      permutations of them, by 4 standard deviations over permutations.

    Parameters
    ----------
    estimator : MLPClassifier, MLPRegressor, or an estimator that trains one such network
        Fitted or not; it is not changed. The check for dead units uses the fitted weights, if there are any;
        all other checks use a network with initial weights. A `ProgressBar` set on the estimator shows the
        progress.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)

    Returns
    -------
    SanityReport

    Raises
    ------
    TypeError
        If there is no multi-layer perceptron in the estimator, or there are several.
    ValueError
        If `fit` would refuse a parameter, X or y.

    References
    ----------
    .. [1] Li, Karpathy & Johnson (2016), CS231n, lecture 6, "Babysitting the learning process".

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.pipeline import make_pipeline
    >>> from sknn6 import MLPClassifier, Standardizer
    >>> from sknn6.inspection import sanity_check
    >>> X, y = load_wine(return_X_y=True)
    >>> sanity_check(make_pipeline(Standardizer(), MLPClassifier(random_state=0)), X, y).ok
    True
    >>> careless = MLPClassifier(input_scaling=False, learning_rate_init=100.0, random_state=0)
    >>> sanity_check(careless, X, y).failed
    ['input', 'initial loss', 'signal', 'learning rate', 'overfit']
    """
    if y is None:
        raise ValueError("y must be the targets of X, got None.")
    mlp, X, y = perceptron_and_input(estimator, X, y, fresh=True)
    refuse_dates(mlp, X)
    if is_regressor(mlp):
        refuse_dates(mlp, y, name="y")
    names = [str(name) for name in getattr(X, "columns", ())]
    if issparse(X):
        X = X.tocsr()
    else:
        X, mlp.categorical_features = as_objects(X, mlp.categorical_features)
    targets = np.asarray(dense(y), float if is_regressor(mlp) else None)
    if targets.ndim == 2 and targets.shape[1] == 1:
        targets = targets[:, 0]
    if len(targets) > N_ROWS:
        X, targets = resample(X, targets, replace=False, n_samples=N_ROWS, random_state=0)
    findings = {}
    with np.errstate(all="ignore"), progress(estimator, "sanity_check", len(CHECKS)) as done:
        subject = Subject(mlp, X, targets, names)
        for name, check in CHECKS.items():
            findings[name] = check(subject)
            done()
    return SanityReport(findings)
