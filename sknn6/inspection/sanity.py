"""Checks before a long training: the lecture's list, run on a sample."""

import warnings
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from scipy.stats import rankdata
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.preprocessing import scale
from sklearn.utils import resample

from sknn6.annotations import Matrix
from sknn6.estimators.fitted import targets_of
from sknn6.estimators.targets import Labels
from sknn6.inspection.learning_rate import learning_rate_range_test
from sknn6.inspection.probe import Probe, is_fitted, perceptron_and_input
from sknn6.inspection.progress import progress
from sknn6.inspection.statistics import SAMPLE, layer_statistics
from sknn6.nn.observe import flat
from sknn6.nn.optimizers import OPTIMIZERS
from sknn6.optional import require
from sknn6.threads import products_share_cores

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["SanityReport", "sanity_check"]

# Rows that the network is to learn by heart.
FEW = 20

# Updates that it has for it. Most networks need the first round only; one that fails has all of them.
ROUNDS = (100, 300, 600)

# Parameters whose gradient is compared with differences.
N_PARAMETERS = 30

# A rate of more than so many times the one with the smallest loss in the range test is too high.
TOO_HIGH = 5

# Times that held-out labels are shuffled.
N_SHUFFLES = 100

# Predictions are better than chance from so many standard deviations over shuffles on.
BETTER = 4

# From so many on, one fold of three is enough to tell.
CERTAIN = 8

# The network that shows whether X tells of y: it needs to find something, not to be accurate.
QUICK = {"ensemble_size": 1, "input_scaling": True, "max_iter": 15, "random_state": 0}


class Finding(NamedTuple):
    """What a check found: a measured value, whether it is as expected, and what to change if it is not.

    `ok` is None where a check does not apply.
    """

    ok: bool | None
    measured: float
    expected: str
    advice: str


@dataclass(frozen=True, repr=False)
class SanityReport:
    """What `sanity_check` found.

    Attributes
    ----------
    findings : dict of str to Finding
        By the name of the check: `ok`, `measured`, `expected` and `advice`.
    """

    findings: dict[str, Finding]

    @property
    def ok(self) -> bool:
        """Whether no check failed."""
        return not self.failed

    @property
    def failed(self) -> list[str]:
        """The names of the checks that failed."""
        return [name for name, finding in self.findings.items() if finding.ok is False]

    @property
    def rows(self) -> list[dict]:
        """The findings as a list of dicts, with the keys check, verdict, measured, expected and advice."""
        return [
            {"check": name, "verdict": VERDICTS[ok], "measured": measured, "expected": expected,
             "advice": "" if ok else advice}
            for name, (ok, measured, expected, advice) in self.findings.items()
        ]  # fmt: skip

    def to_frame(self) -> "DataFrame":
        """Return the findings as a pandas DataFrame, a row a check."""
        pd = require("pandas", "pandas")
        return pd.DataFrame(self.rows).set_index("check")

    def __repr__(self):
        lines = [
            f"{row['verdict']:8s}{row['check']:20s}{row['measured']:<11.3g}{row['expected']:31s}{row['advice']}"
            for row in self.rows
        ]
        check, measured, expected, advice = COLUMNS
        return "\n".join([f"{'':8s}{check:20s}{measured:11s}{expected:31s}{advice}", *lines])

    def _repr_html_(self):
        heads = "".join(f"<th>{head}</th>" for head in ("", *COLUMNS))
        body = "".join(
            f"<tr><td><b>{row['verdict']}</b></td><td>{escape(row['check'])}</td><td>{row['measured']:.3g}</td>"
            f"<td>{escape(row['expected'])}</td><td>{escape(row['advice'])}</td></tr>"
            for row in self.rows
        )
        return f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


COLUMNS = "check", "measured", "expected", "what to change"
VERDICTS = {True: "ok", False: "fails", None: "skipped"}


class Subject:
    """What is checked: a perceptron, and a sample of its data."""

    def __init__(self, mlp, X, y):
        self.mlp, self.X, self.y = mlp, X, y
        if not is_classifier(mlp):
            self.target_sizes = np.sqrt(np.mean(np.square(y, dtype=float), axis=0))
            if not of_unit_size(self.target_sizes):
                # The size of the targets has a check of its own, which should be the only one to fail.
                y = self.y = y / np.where(self.target_sizes > 0, self.target_sizes, 1)
        self.fresh = Probe(mlp, X, y, fresh=True)
        self.fresh.settle()
        self.batch = self.fresh.sample(len(y))
        self.start = layer_statistics(clone(mlp), X, y)

    def changed(self, **params):
        """Return a copy with the values of those parameters that it has."""
        known = self.mlp.get_params()
        return clone(self.mlp).set_params(**{k: v for k, v in params.items() if k in known})


def check_input(subject):
    """Look at the columns as the first layer gets them: their root mean squares."""
    X = subject.batch[0]
    squares = X.multiply(X) if issparse(X) else np.square(X, dtype=float)
    largest = float(np.sqrt(np.max(squares.mean(axis=0))))
    return Finding(
        0.1 <= largest <= 10,
        largest,
        "largest column rms 0.1 to 10",
        "put a Standardizer before the network, or set input_scaling=True",
    )


def of_unit_size(sizes):
    """Return whether the largest root mean square of the columns lies between 0.1 and 10."""
    return bool(0.1 <= np.max(sizes) <= 10)


def check_targets(subject):
    """Look at the targets of a regression."""
    if is_classifier(subject.mlp):
        return Finding(None, np.nan, "a regression", "")
    return Finding(
        of_unit_size(subject.target_sizes),
        float(np.max(subject.target_sizes)),
        "root mean square 0.1 to 10",
        "standardise y: TransformedTargetRegressor(pipeline, transformer=StandardScaler())",
    )


def check_initial_loss(subject):
    """Compare the loss at the start with that of logits of 0: log C for C classes."""
    probe, (X, y, weight) = subject.fresh, subject.batch
    Z = probe.network.forward(X, weight)
    measured, expected = probe.loss(Z.copy(), y, weight)[0], probe.loss(np.zeros_like(Z), y, weight)[0]
    return Finding(
        bool(measured <= 3 * expected + 0.5),
        measured,
        f"about {expected:.3g}, logits of 0",
        "the first predictions are too sure: lower init_scale or use init='auto', and standardise the input",
    )


def check_penalty(subject):
    """See whether regularisation raises the loss."""
    probe = subject.fresh
    more = probe.differentiate(subject.batch, alpha=float(len(subject.y))) - probe.differentiate(
        subject.batch, alpha=0.0
    )
    return Finding(
        bool(more > 0), more, "alpha=n adds more than 0", "all weights start at 0: use init='auto'"
    )


def check_gradient(subject):
    """Compare some components of the gradient with centred differences, in float64, for standard normal X.

    With X as it is, a difference would often reach over a kink where X is large.
    """
    mlp = clone(subject.mlp)
    mlp.dtype = "float64"
    probe = Probe(mlp, subject.X, subject.y, fresh=True)
    probe.settle()
    rng = np.random.default_rng(0)
    X, *rest = probe.sample(FEW)
    batch = rng.standard_normal(X.shape), *rest
    probe.differentiate(batch)
    theta, grad = probe.network.theta, probe.network.grad.copy()
    chosen = rng.choice(theta.size, min(N_PARAMETERS, theta.size), replace=False)
    numeric = [difference(probe, batch, i) for i in chosen]
    scale = np.maximum(np.abs(grad[chosen]), np.abs(numeric)) + 1e-6
    error = float(np.median(np.abs(grad[chosen] - numeric) / scale))
    return Finding(
        error < 1e-4,
        error,
        "relative error below 1e-4",
        "the backward of an activation of your own does not belong to its forward",
    )


def difference(probe, batch, i, h=1e-5):
    """Return the centred difference of the loss in a parameter."""
    theta = probe.network.theta
    start, losses = theta[i], []
    for value in (start + h, start - h):
        theta[i] = value
        losses.append(probe.differentiate(batch))
    theta[i] = start
    # The gradients of several networks are each one's own, and the loss is their mean.
    return probe.network.members * (losses[0] - losses[1]) / (2 * h)


def check_signal(subject):
    """Look for a hidden layer at the start whose outputs are all alike or huge."""
    std = subject.start.std[:-1]
    if not len(std):
        return Finding(None, np.nan, "hidden layers", "")
    worst = float(std[np.abs(np.log(np.maximum(std, 1e-30))).argmax()])
    return Finding(
        bool(1e-2 <= worst <= 1e2),
        worst,
        "std of a layer 0.01 to 100",
        "the signal dies or explodes from layer to layer: use init='auto', init_scale=1, or batchnorm=True",
    )


def check_saturation(subject):
    """Look for a hidden layer that starts where its nonlinearity is flat."""
    network = subject.fresh.network
    normal = np.random.default_rng(0).standard_normal((4096, 1))
    activations = [leaf.activation for leaf in network.leaves if hasattr(leaf, "activation")]
    healthy = np.array([flat(act, np.tile(normal, act.pieces)).mean() for act in activations])
    excess = subject.start.saturated[:-1] - healthy
    if not len(excess):
        return Finding(None, np.nan, "hidden layers", "")
    worst = int(excess.argmax())
    return Finding(
        bool(excess[worst] <= 0.3),
        float(subject.start.saturated[worst]),
        f"share of flat z about {healthy[worst]:.2f}",
        f"hidden layer {worst + 1} starts saturated: lower init_scale, or use init='auto'; standardise X",
    )


def check_dead_units(subject):
    """Look for a hidden layer, as fitted or at the start, most of whose units let no gradient pass."""
    statistics = layer_statistics(subject.mlp, subject.X) if is_fitted(subject.mlp) else subject.start
    dead = statistics.dead[:-1]
    if not len(dead):
        return Finding(None, np.nan, "hidden layers", "")
    return Finding(
        bool(dead.max() <= 0.5),
        float(dead.max()),
        "share of dead units up to 0.5",
        f"units of hidden layer {dead.argmax() + 1} are dead: lower learning_rate_init, use "
        "activation='leaky_relu', or batchnorm=True",
    )


def check_learning_rate(subject):
    """See whether the initial rate is one that lowers the loss."""
    if subject.mlp.solver not in OPTIMIZERS:
        return Finding(None, np.nan, "a stochastic solver", "")
    found = learning_rate_range_test(clone(subject.mlp), subject.X, subject.y)
    rate, (low, high) = subject.fresh.rate, found.bounds
    if np.isnan(low):
        return Finding(None, rate, "a loss that comes down", "")
    return Finding(
        bool(low <= rate <= TOO_HIGH * high),
        rate,
        f"{low:.1g} to {TOO_HIGH * high:.1g}",
        f"learning_rate_init={found.suggestion:.1g}",
    )


def check_overfit(subject):
    """Learn a few samples by heart, with nothing that holds the network back."""
    X, y = few_rows(subject)
    free = {"alpha": 0.0, "dropout": 0.0, "weight_decay": 0.0, "label_smoothing": 0.0, "ema_decay": 0.0,
            "class_weight": None, "early_stopping": False, "learning_rate": "constant"}  # fmt: skip
    free["quantile"] = 0.5  # all quantiles of one target are that target, and the median is learned soonest
    one_batch = {"batch_size": len(y), "gradient_accumulation_steps": 1, "tol": 0.0}
    rate = subject.fresh.rate  # which "auto" would lower from one round to the next
    mlp = subject.changed(**free, **one_batch, learning_rate_init=rate, warm_start=True, random_state=0)
    for updates in ROUNDS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a training that did not converge
            score = float(mlp.set_params(max_iter=updates).fit(X, y).score(X, y))
        if score > 0.9:
            break
    return Finding(
        score > 0.9,
        score,
        f"score of {len(y)} training samples 1",
        "raise learning_rate_init or the width; if that does not help, the labels contradict each other",
    )


def few_rows(subject):
    """Return a few different rows, of more than one class where there is more than one."""
    X, y = subject.X, subject.y
    if not issparse(X):
        _, first = np.unique(np.asarray(X, float), axis=0, return_index=True)
        X, y = X[np.sort(first)], y[np.sort(first)]
    n = min(FEW, len(y))
    return resample(X, y, replace=False, n_samples=n, random_state=0, stratify=strata(subject, y))


def strata(subject, y):
    """Return what samples are stratified by: classes, if each has two rows and there are not too many."""
    if not is_classifier(subject.mlp) or y.ndim > 1:
        return None
    _, counts = np.unique(y, return_counts=True)
    return y if 2 <= len(counts) <= FEW and counts.min() > 1 else None


def check_labels(subject):
    """Compare how well a network predicts held-out targets with how well it predicts them shuffled.

    It is a network of its own, so that what is wrong with the one that is checked makes no difference.
    """
    X, y = subject.X, subject.y if is_classifier(subject.mlp) else scale(subject.y)
    model, rng = type(subject.mlp)(**QUICK), np.random.default_rng(0)
    merits = np.zeros(1 + N_SHUFFLES)
    for train, test in folds(subject, y):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            merit = agreement(model.fit(X[train], y[train]), X[test])
        merits += [merit(y[test]), *(merit(rng.permutation(y[test])) for _ in range(N_SHUFFLES))]
        z = float((merits[0] - merits[1:].mean()) / max(merits[1:].std(), 1e-12))
        if z > CERTAIN:
            break
    return Finding(
        z > BETTER,
        z,
        "4 sd better than shuffled",
        f"in {len(y)} rows X tells nothing of y: see whether the rows of X and y belong together",
    )


def folds(subject, y):
    """Return the rows to learn from and to predict, three times."""
    kind = KFold if strata(subject, y) is None else StratifiedKFold
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes with fewer rows than folds
        yield from kind(min(3, len(y)), shuffle=True, random_state=0).split(subject.X, y)


def agreement(model, X):
    """Return a function of targets: how well the ranks of the predictions for X agree with them.

    Among all rows, the mean rank of the true class's probability; of a regression, of the errors of ranks.
    Ranks, for a few predictions that are too sure should not decide.
    """
    if not is_classifier(model):
        ranks = rankdata(model.predict(X), axis=0)
        return lambda y: -float(np.abs(ranks - rankdata(y, axis=0)).mean())
    P = model.predict_proba(X)
    ranks = rankdata(P, axis=0)
    if isinstance(targets_of(model), Labels):
        return lambda Y: float(np.where(Y, ranks, -ranks).mean())
    columns = {label: column for column, label in enumerate(model.classes_)}

    def mean_rank(y):
        known = [(i, columns[label]) for i, label in enumerate(y) if label in columns]
        return float(np.mean([ranks[at] for at in known]))

    return mean_rank


CHECKS = {
    "input": check_input,
    "targets": check_targets,
    "initial loss": check_initial_loss,
    "penalty": check_penalty,
    "gradient": check_gradient,
    "signal": check_signal,
    "saturated units": check_saturation,
    "dead units": check_dead_units,
    "learning rate": check_learning_rate,
    "overfit": check_overfit,
    "labels": check_labels,
}


@products_share_cores()
def sanity_check(estimator: BaseEstimator, X: Matrix, y: ArrayLike) -> SanityReport:
    """Check a network and its data before a long training, or after one that went wrong.

    The lecture's list [1]_, on a sample of at most 2048 rows, in a few seconds:

    - input: no column as the first layer gets it has a root mean square out of 0.1 to 10;
    - targets: nor have those of a regression; if they do, the other checks see them divided by theirs;
    - initial loss: it is not far above that of logits of 0, which is log C for C classes;
    - penalty: an L2 penalty raises the loss;
    - gradient: 30 of its components agree with centred differences, in float64;
    - signal: no hidden layer starts with outputs that are all alike, or huge;
    - saturated units: no hidden layer starts where its nonlinearity is flat, by 0.3 more than for standard
      normal z;
    - dead units: in no hidden layer more than half of the units are flat for every row;
    - learning rate: by `learning_rate_range_test` the loss comes down at the initial rate;
    - overfit: a training without any regularisation learns 20 rows by heart in at most 1000 updates;
    - labels: a small network, trained for 15 epochs, predicts held-out targets better than the same targets
      shuffled, by 4 standard deviations over shuffles.

    Parameters
    ----------
    estimator : MLPClassifier, MLPRegressor, or an estimator that trains one such network
        Fitted or not; it stays as it is. Of a fitted one, dead units are those of the fitted weights, all
        else is as it would start. A `ProgressBar` that is set on it shows how far the checks are.
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
        If a parameter, X or y is not what `fit` needs.

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
    mlp, X, y = perceptron_and_input(estimator, X, y, fresh=True)
    X = X if issparse(X) else np.asarray(X)
    y = np.asarray(y)
    if len(y) > SAMPLE:
        X, y = resample(X, y, replace=False, n_samples=SAMPLE, random_state=0)
    findings = {}
    with np.errstate(all="ignore"), progress(estimator, "sanity_check", len(CHECKS)) as done:
        subject = Subject(mlp, X, y)
        for name, check in CHECKS.items():
            findings[name] = check(subject)
            done()
    return SanityReport(findings)
