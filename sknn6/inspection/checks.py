"""The single checks of `sanity_check`: each is a function of a `Subject` and returns a `Finding`.

The module is long because it is a list of a dozen checks, each with its advice.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse
from scipy.stats import rankdata
from sklearn.base import clone, is_classifier
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.preprocessing import scale
from sklearn.utils import resample

from sknn6.estimators.fitted import columns_of, targets_of
from sknn6.inspection.learning_rate import rising_rates, try_rates
from sknn6.inspection.probe import Probe
from sknn6.inspection.statistics import layer_statistics
from sknn6.inspection.wrappers import is_fitted
from sknn6.nn.annotations import Array, Rows
from sknn6.nn.batches import Batch
from sknn6.nn.observe import SATURATED, relative_slopes
from sknn6.nn.optimizers import OPTIMIZERS
from sknn6.training.targets import Labels, Numbers

__all__ = ["CHECKS", "Finding", "Subject"]

# Number of rows that the network must be able to overfit.
FEW = 20

# Numbers of updates of the attempts to overfit them. Most networks succeed in the first.
ROUNDS = (100, 300, 600)

# Number of parameters whose gradient is compared with finite differences.
N_PARAMETERS = 30

# In a regression, the initial outputs may have this root mean square. The loss grows as its square or, with
# predictions e^z, as e^z, so that it varies too much between initial weights.
LARGEST_OUTPUTS = 3

# The gradient of a larger loss is not checked: the differences of such losses are rounding errors.
LARGEST_LOSS = 1e6

# The initial rate may be at most this many times the rate with the smallest loss in the range test.
TOO_HIGH = 5

# Number of permutations of the held-out targets.
N_SHUFFLES = 100

# Predictions this many standard deviations better than on permuted targets are better than chance.
BETTER = 4

# With this many standard deviations, the remaining folds are skipped.
CERTAIN = 8

# The network that shows whether X has information on y: it must beat chance, and need not be accurate.
QUICK = {"ensemble_size": 1, "input_scaling": True, "max_iter": 15, "random_state": 0}


class Finding(NamedTuple):
    """The outcome of a check: whether it succeeded, what was measured and expected, and what to change.

    `ok` is None if the check does not apply.
    """

    ok: bool | None
    measured: float
    expected: str
    advice: str


def skipped(needs: str, measured: float = np.nan) -> Finding:
    """Return the finding of a check that does not apply, as it needs something that is not there."""
    return Finding(None, measured, needs, "")


class Subject:
    """A perceptron and a sample of its data, on which all checks run.

    `fresh` is a Probe with initial weights, `batch` its rows as one batch, `start` the statistics of its
    layers, `names` the columns of X, if they have names.
    """

    def __init__(self, mlp: Any, X: Rows, y: Array, names: Sequence[str] = ()) -> None:
        self.mlp, self.X, self.y, self.names = mlp, X, y, names
        if not is_classifier(mlp):
            self.target_sizes = np.sqrt(np.mean(np.square(y, dtype=float), axis=0))
            if not of_unit_size(self.target_sizes):
                # Only check_targets should fail for targets of an unusual size, so the others see them
                # rescaled.
                y = self.y = y / np.where(self.target_sizes > 0, self.target_sizes, 1)
        self.fresh = Probe(mlp, X, y, fresh=True, deterministic=True)
        self.batch = self.fresh.subsample(len(y))
        self.start = layer_statistics(clone(mlp), X, y)

    def changed(self, **params: Any) -> Any:
        """Return a copy with the values of those parameters that it has."""
        known = self.mlp.get_params()
        return clone(self.mlp).set_params(**{k: v for k, v in params.items() if k in known})

    def name_of(self, column: int) -> str:
        """Return how advice calls a column of the network's input."""
        columns = columns_of(self.fresh.mlp)
        j = column if columns is None else columns.sources[column]
        return repr(self.names[j]) if self.names else str(j)


def check_input(subject: Subject) -> Finding:
    """Check the root mean squares of the columns that the first layer receives."""
    X = subject.batch[0]
    squares = X.multiply(X) if issparse(X) else np.square(X, dtype=float)
    sizes = np.sqrt(np.ravel(squares.mean(axis=0)))[: subject.fresh.prepared.n_numbers]
    if not len(sizes):
        return skipped("columns of numbers")
    largest = float(np.max(sizes))
    return Finding(
        0.1 <= largest <= 10,
        largest,
        "largest column rms 0.1 to 10",
        "put a Standardizer before the network, or set input_scaling=True; the largest column is "
        + subject.name_of(int(np.argmax(sizes))),
    )


def of_unit_size(sizes: Array) -> bool:
    """Return whether the largest root mean square of the columns lies between 0.1 and 10."""
    return bool(0.1 <= np.max(sizes) <= 10)


def check_targets(subject: Subject) -> Finding:
    """Check the root mean squares of the targets of a regression, as the network learns them."""
    targets = subject.fresh.prepared.targets
    if not (isinstance(targets, Numbers) and targets.can_be_scaled):
        return skipped("a regression whose outputs are the numbers themselves")
    sizes = subject.target_sizes
    if targets.scaling is not None:
        sizes = np.sqrt(np.mean(np.square(subject.batch[1], dtype=float), axis=0))
    return Finding(
        of_unit_size(sizes), float(np.max(sizes)), "root mean square 0.1 to 10", "set target_scaling=True"
    )


def check_initial_loss(subject: Subject) -> Finding:
    """Compare the initial loss with the loss of zero logits, which is log C for C classes.

    In a regression, look at the size of the outputs instead. Those of healthy weights are about 1, as large
    as the targets, but the loss is several times that of zero outputs.
    """
    probe, (X, y, weight) = subject.fresh, subject.batch
    Z = probe.network.forward(X, weight)
    advice = "the first outputs are too large: lower init_scale or use init='auto', standardise the input"
    if probe.prepared.targets.are_numbers:
        size = float(np.sqrt(np.mean(np.square(Z, dtype=float))))
        return Finding(size <= LARGEST_OUTPUTS, size, f"outputs of size up to {LARGEST_OUTPUTS}", advice)
    measured, expected = probe.loss(Z.copy(), y, weight)[0], probe.loss(np.zeros_like(Z), y, weight)[0]
    return Finding(
        bool(measured <= 3 * expected + 0.5), measured, f"about {expected:.3g}, logits of 0", advice
    )


def check_penalty(subject: Subject) -> Finding:
    """Check that a larger L2 penalty gives a larger loss."""
    penalty = float(subject.fresh.network.penalise(1.0))
    advice = "all weights start at 0: use init='auto'"
    return Finding(penalty > 0, penalty, "alpha=1 adds more than 0", advice)


def check_gradient(subject: Subject) -> Finding:
    """Compare some components of the gradient with central differences, in float64.

    The numbers of X are replaced by standard normal ones: with large values, the step of a difference would
    often cross a kink of the activation.
    """
    mlp = clone(subject.mlp)
    mlp.dtype = "float64"
    probe = Probe(mlp, subject.X, subject.y, fresh=True, deterministic=True)
    rng = np.random.default_rng(0)
    X, *rest = probe.subsample(FEW)
    normal, n_numbers = rng.standard_normal(X.shape), probe.prepared.n_numbers
    if n_numbers < X.shape[1]:
        normal[:, n_numbers:] = X[:, n_numbers:]  # codes of categories
    batch = normal, *rest
    expected = "relative error below 1e-4"
    if not abs(probe.differentiate(batch)) <= LARGEST_LOSS:  # whose differences would be rounding errors
        return skipped(expected)
    theta, grad = probe.network.theta, probe.network.grad.copy()
    chosen = rng.choice(theta.size, min(N_PARAMETERS, theta.size), replace=False)
    numeric = [difference(probe, batch, i) for i in chosen]
    scale = np.maximum(np.abs(grad[chosen]), np.abs(numeric)) + 1e-6
    error = float(np.median(np.abs(grad[chosen] - numeric) / scale))
    return Finding(
        error < 1e-4,
        error,
        expected,
        "the backward of an activation of your own does not belong to its forward",
    )


def difference(probe: Probe, batch: Batch, i: int, h: float = 1e-5) -> float:
    """Return the central difference of the loss with respect to parameter i."""
    theta = probe.network.theta
    start, losses = theta[i], []
    for value in (start + h, start - h):
        theta[i] = value
        losses.append(probe.differentiate(batch))
    theta[i] = start
    # The loss is the mean over the ensemble's members, but each member's gradient is that of its own loss.
    return probe.network.members * (losses[0] - losses[1]) / (2 * h)


def check_signal(subject: Subject) -> Finding:
    """Check that no hidden layer of the initial network has nearly constant or huge outputs."""
    std = subject.start.std[:-1]
    if not len(std):
        return skipped("hidden layers")
    worst = float(std[np.abs(np.log(np.maximum(std, 1e-30))).argmax()])
    return Finding(
        bool(1e-2 <= worst <= 1e2),
        worst,
        "std of a layer 0.01 to 100",
        "the signal dies or explodes from layer to layer: use init='auto', init_scale=1, or batchnorm=True",
    )


def check_saturation(subject: Subject) -> Finding:
    """Check that no hidden layer of the initial network is saturated."""
    network = subject.fresh.network
    normal = np.random.default_rng(0).standard_normal((4096, 1))
    activations = [leaf.activation for leaf in network.leaves if hasattr(leaf, "activation")]
    slopes = [relative_slopes(f, np.tile(normal, f.pieces)) for f in activations]
    healthy = np.array([(slope < SATURATED).mean() for slope in slopes])
    excess = subject.start.saturated[:-1] - healthy
    if not len(excess):
        return skipped("hidden layers")
    worst = int(excess.argmax())
    return Finding(
        bool(excess[worst] <= 0.3),
        float(subject.start.saturated[worst]),
        f"share of flat z about {healthy[worst]:.2f}",
        f"hidden layer {worst + 1} starts saturated: lower init_scale, or use init='auto'; standardise X",
    )


def check_dead_units(subject: Subject) -> Finding:
    """Check that at most half of the units of each hidden layer are dead, with the fitted weights if any."""
    statistics = layer_statistics(subject.mlp, subject.X) if is_fitted(subject.mlp) else subject.start
    dead = statistics.dead[:-1]
    if not len(dead):
        return skipped("hidden layers")
    return Finding(
        bool(dead.max() <= 0.5),
        float(dead.max()),
        "share of dead units up to 0.5",
        f"units of hidden layer {dead.argmax() + 1} are dead: lower learning_rate_init, use "
        "activation='leaky_relu', or batchnorm=True",
    )


def check_learning_rate(subject: Subject) -> Finding:
    """Check that the initial rate is within the range in which the loss falls."""
    if subject.mlp.solver not in OPTIMIZERS:
        return skipped("a stochastic solver")
    rate, probe = subject.fresh.rate, Probe(subject.mlp, subject.X, subject.y, fresh=True)
    found = try_rates(probe, rising_rates(probe))
    if found is None:
        return skipped("a finite loss at the start", measured=rate)
    low, high = found.bounds
    if np.isnan(low):
        return skipped("a loss that comes down", measured=rate)
    return Finding(
        bool(low <= rate <= TOO_HIGH * high),
        rate,
        f"{low:.2g} to {TOO_HIGH * high:.2g}",
        f"learning_rate_init={found.suggestion:.1g}",
    )


def check_overfit(subject: Subject) -> Finding:
    """Check that the network overfits a few samples when it is trained without regularisation."""
    X, y = few_rows(subject)
    free = {"alpha": 0.0, "dropout": 0.0, "weight_decay": 0.0, "label_smoothing": 0.0, "ema_decay": 0.0,
            "class_weight": None, "early_stopping": False, "learning_rate": "constant"}  # fmt: skip
    free["quantile"] = 0.5  # all quantiles of one target are that target; the median is learned fastest
    one_batch = {"batch_size": len(y), "gradient_accumulation_steps": 1, "tol": 0.0}
    rate = subject.fresh.rate  # "auto" would choose a lower rate for each further call of fit
    mlp = subject.changed(**free, **one_batch, learning_rate_init=rate, warm_start=True, random_state=0)
    for updates in ROUNDS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # convergence is not needed
            score = float(mlp.set_params(max_iter=updates).fit(X, y).score(X, y))
        if score > 0.9:
            break
    return Finding(
        score > 0.9,
        score,
        f"score of {len(y)} training samples above 0.9",
        "raise learning_rate_init or the width; if that does not help, the labels contradict each other",
    )


def few_rows(subject: Subject) -> tuple[Rows, Array]:
    """Return a few distinct rows and their targets, stratified by class where possible."""
    X, y = subject.X, subject.y
    if not issparse(X):
        _, first = np.unique(subject.fresh.data.X, axis=0, return_index=True)
        X, y = X[np.sort(first)], y[np.sort(first)]
    n = min(FEW, len(y))
    return resample(X, y, replace=False, n_samples=n, random_state=0, stratify=strata(subject, y))


def strata(subject: Subject, y: Array) -> Array | None:
    """Return the classes to stratify by, or None if y has none, only one, rare ones or too many."""
    if not is_classifier(subject.mlp) or y.ndim > 1:
        return None
    _, counts = np.unique(y, return_counts=True)
    return y if 2 <= len(counts) <= FEW and counts.min() > 1 else None


def check_labels(subject: Subject) -> Finding:
    """Check that a network predicts held-out targets better than random permutations of them.

    It trains a small network with default settings, so that faults of the checked network do not matter.
    """
    X, y = subject.X, subject.y if is_classifier(subject.mlp) else scale(subject.y)
    if len(y) < 2:
        return skipped("2 rows")
    categorical = subject.mlp.categorical_features
    model, rng = type(subject.mlp)(categorical_features=categorical, **QUICK), np.random.default_rng(0)
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
        f"{BETTER} sd better than shuffled",
        f"in {len(y)} rows X tells nothing of y: see whether the rows of X and y belong together",
    )


def folds(subject: Subject, y: Array) -> Iterator[tuple[Array, Array]]:
    """Yield the training and test rows of up to three folds."""
    n_folds, labels = min(3, len(y)), strata(subject, y)
    # Some classes may have fewer rows than there are folds, but not all.
    stratified = labels is not None and np.unique(labels, return_counts=True)[1].max() >= n_folds
    kind = StratifiedKFold if stratified else KFold
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield from kind(n_folds, shuffle=True, random_state=0).split(subject.X, y)


def agreement(model: Any, X: Rows) -> Callable[[Array], float]:
    """Return a function that scores how well the predictions for X agree with given targets.

    For classes, the score is the mean rank, among all rows, of the predicted probability of the true class;
    for a regression, it is minus the mean error of the ranks. Ranks keep a few overconfident predictions from
    dominating the score.
    """
    if not is_classifier(model):
        ranks = rankdata(model.predict(X), axis=0)
        return lambda y: -float(np.abs(ranks - rankdata(y, axis=0)).mean())
    P = model.predict_proba(X)
    ranks = rankdata(P, axis=0)
    if isinstance(targets_of(model), Labels):
        return lambda Y: float(np.where(Y, ranks, -ranks).mean())
    columns = {label: column for column, label in enumerate(model.classes_)}

    def mean_rank(y: Array) -> float:
        known = [(i, columns[label]) for i, label in enumerate(y) if label in columns]
        return float(np.mean([ranks[at] for at in known]))

    return mean_rank


CHECKS: dict[str, Callable[[Subject], Finding]] = {
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
