"""The classifier."""

from collections.abc import Sequence
from numbers import Real
from os import PathLike
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.multiclass import type_of_target

from sknn6._sklearn_compat import (
    Interval,
    StrOptions,
    available_if,
    check_partial_fit_first_call,
    fit_context,
    with_callbacks,
)
from sknn6.annotations import Auto, Matrix, Scoring, Seed
from sknn6.estimators.base import BaseMLP, has_stochastic_solver
from sknn6.estimators.parameters import AUTO, SHARED_CONSTRAINTS, documented
from sknn6.nn.activations import Activation
from sknn6.nn.annotations import Array
from sknn6.nn.initializers import Initializer
from sknn6.rollback import unchanged_if_it_fails
from sknn6.training.settings import Settings
from sknn6.training.targets import Classes, Labels, Targets, check_discrete, classes_in, discrete_targets

__all__ = ["MLPClassifier"]


@documented
class MLPClassifier(ClassifierMixin, BaseMLP):
    """Multi-layer perceptron classifier, a drop-in replacement for scikit-learn's with more options.

    Each hidden layer maps its input to ``f(normalise(X W + b))``. The output is a softmax over the classes,
    or a logistic function for two classes and for each label of multilabel targets. The training minimises
    the mean cross-entropy plus ``alpha / (2 n)`` times the sum of the squared weights of the network, where n
    is the number of samples of a batch, or the sum of their weights.

    The values of parameters that are "auto" depend on the solver. With "adam" they are a modern recipe: four
    networks, trained side by side on scaled input and averaged, 30 epochs in batches of 100 at a rate that
    falls from 0.02 to 0 along a half cosine, twice, dropout 0.1, label smoothing 0.03, and decoupled weight
    decay 0.1. Rows that each network leaves out decide whether the networks after the first fall of the rate
    or those at the end are kept, or both, and calibrate the probabilities. From 5000 rows on they are
    larger networks that differ in weight decay, among which held-out rows choose, and the more rows there
    are, the fewer epochs; the user guide, "Defaults", has all values. With "sgd" and "lbfgs" they are those
    of scikit-learn: one network, unscaled input, a constant rate of 0.001, 200 epochs in batches of 200, and
    no dropout, label smoothing or weight decay.

    Parameters
    ----------
    {shared}
    class_weight : "balanced", dict, list of dict or None, default=None
        Weights of the classes, by which the weights of the samples are multiplied. "balanced" is
        n / (n_classes count), where weighted samples count by their weight. In a dict, a class that is not
        named has the weight 1; classes that y lacks may be named if all classes of y are. For multilabel
        targets, a list with one dict per label.
    label_smoothing : float or "auto", default={label_smoothing}
        s, from 0 to below 1. With C classes, the target of the true class is 1 - s + s / C, and that of each
        other class is s / C. "auto" is 0.03 with few rows, and 0 from 5000 rows on and with the plain recipe.
    temperature_scaling : bool or "auto", default={temperature_scaling}
        Whether to divide the logits by the temperature that gives the least cross-entropy on rows that were
        not trained on (Guo et al., 2017, arXiv:1706.04599). Used by the stochastic solvers, in a `fit` from
        initial weights.

        - These rows are those that are held out for early stopping or ensemble selection. Without such rows,
          each network leaves out its own twentieth of the rows.
        - "auto" is True, and False with the plain recipe. With "auto", no rows are left out for this alone if
          there is a single network or if there are fewer than 100 rows.
        - If the networks leave out rows, the temperature is fitted to the single networks. So the averaged
          probabilities are slightly too cautious.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    coefs_ : list of ndarray of shape (fan_in, fan_out) or (n_networks, fan_in, fan_out)
        The weights of each layer, in the dtype of X. You may replace or change them: prediction and further
        training use these arrays. With several networks there is an axis for them: n_networks is
        `ensemble_size`, or the length of `ensemble_members_` if there are such. With categories or
        `numeric_embedding`, the first layer has more inputs than X has features.
    intercepts_ : list of ndarray of shape (fan_out,) or (n_networks, fan_out)
        The biases of each layer, which you may change in the same way.
    layer_state_ : dict of str to ndarray
        The other arrays of the network by name, such as "batchnorm_0.gamma" and "batchnorm_0.running_mean";
        with `input_scaling`, "input.mean" and "input.scale".
    feature_importances_ : ndarray of shape (`n_features_in_`,)
        How strongly each feature enters the network; they sum to 1.
    switchable_weights_ : ndarray of shape (n_hidden_layers, 2, 3) or (n_networks, n_hidden_layers, 2, 3)
        What ``batchnorm="switchable"`` has learned; only with it.
    ensemble_members_ : list of int or None
        The indices of the networks that are kept, in the order of the axis of `coefs_`. None if nothing was
        chosen, or all networks are kept as they are at the end. With two cycles of the rate (`snapshots`) and
        four networks, [0, 1, 2, 3] means those of the first cycle, [0, 1, 2, 3, 0, 1, 2, 3] those of both.
    temperature_ : float or None
        The temperature by which the weights and biases of the last layer were divided at the end of the `fit`
        from initial weights; None if there was no temperature scaling.
    oob_score_ : float or None
        The accuracy on the rows that the networks left out for `temperature_scaling`, each predicted by the
        network that left it out; None without such rows or without `temperature_scaling`.
    history_ : list of dict
        One record per epoch: "epoch", "loss" and "seconds"; "learning_rate" with a stochastic solver;
        "validation_loss" and "validation_score" with validation data; and the statistics of `track`. The
        records are of all networks as they are after the epoch. "validation_loss" is the loss without the
        penalty, on smoothed targets (`label_smoothing`) and before temperature scaling. So it is larger than
        the log-loss of `predict_proba`.
        ``pandas.DataFrame(model.history_)`` converts it to a table. `partial_fit` keeps the last 10000
        records.
    loss_ : float
        The loss of the last epoch, including the penalty.
    loss_curve_ : list of float
        The loss of each epoch. Does not exist with "lbfgs".
    best_loss_ : float or None
        The lowest loss of the last fit; None with early stopping. Does not exist with "lbfgs".
    validation_scores_ : list of float or None
        The score on the validation data after each epoch; None without early stopping. With "lbfgs" it
        exists only with early stopping on X_val.
    best_validation_score_ : float or None
        The highest of these scores; None without early stopping. With "lbfgs" it exists only with early
        stopping on X_val.
    n_iter_ : int
        Number of epochs or iterations of the last fit.
    t_ : int
        Number of samples seen in all epochs together.
    n_features_in_ : int
        Number of features of X.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if X had names.
    n_layers_ : int
        Number of layers, including input and output.
    n_outputs_ : int
        Number of logits, which is 1 for two classes.
    out_activation_ : {"softmax", "logistic"}
        The function that maps logits to probabilities.

    See Also
    --------
    sklearn.neural_network.MLPClassifier : scikit-learn's classifier, with the same names of parameters.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sknn6 import MLPClassifier, Standardizer
    >>> X, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(Standardizer(), MLPClassifier(random_state=0)).fit(X, y)
    >>> model.score(X, y) > 0.95
    True

    A single network, with batch normalisation:

    >>> mlp = MLPClassifier(32, "gelu", batchnorm=True, ensemble_size=1, max_iter=40, random_state=0)
    >>> model = make_pipeline(Standardizer(), mlp).fit(X, y)
    >>> mlp.coefs_[0].shape, mlp.layer_state_["batchnorm_0.running_mean"].shape
    ((4, 32), (32,))
    """

    _parameter_constraints = SHARED_CONSTRAINTS | {
        "class_weight": [None, StrOptions({"balanced"}), dict, list],
        "label_smoothing": [AUTO, Interval(Real, 0, 1, closed="left")],
        "temperature_scaling": [AUTO, "boolean"],
    }

    _recipes = {"adam": "modern"}

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] | str = "auto",
        activation: str | Activation | Sequence[str | Activation] = "auto",
        *,
        depth: int | None = None,
        init: str | Initializer = "auto",
        init_scale: float = 1.0,
        batchnorm: bool | str = False,
        batchnorm_momentum: float = 0.1,
        batchnorm_group_size: int = 16,
        layernorm: bool = False,
        residual: bool = False,
        recipe: str = "auto",
        ensemble_size: int | Auto = "auto",
        input_scaling: bool | Literal["learned", "auto"] = "auto",
        categorical_features: Literal["from_dtype"] | ArrayLike | None = "from_dtype",
        numeric_embedding: Literal["piecewise", "auto"] | None = "auto",
        ensemble_selection: bool | Auto = "auto",
        snapshots: int | Auto = "auto",
        dropout: float | Auto = "auto",
        weight_decay: float | Sequence[float] | Auto = "auto",
        gradient_accumulation_steps: int = 1,
        clip_norm: float | None = None,
        ema_decay: float = 0.0,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | Auto = "auto",
        learning_rate: str = "auto",
        learning_rate_init: float | Auto = "auto",
        power_t: float = 0.5,
        max_iter: int | Auto = "auto",
        shuffle: bool = True,
        random_state: Seed = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        track: Literal["layers"] | None = None,
        checkpoint: str | PathLike[str] | None = None,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        scoring: Scoring = None,
        validation_fraction: float | Auto = "auto",
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dtype: Literal["float32", "float64"] = "float32",
        class_weight: Literal["balanced"] | dict[Any, float] | list[dict[Any, float]] | None = None,
        label_smoothing: float | Auto = "auto",
        temperature_scaling: bool | Auto = "auto",
    ):
        self._assign(locals())

    @available_if(has_stochastic_solver)
    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X: Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        classes: ArrayLike | None = None,
    ) -> Self:
        """Train for one epoch on X and y, starting from the present weights and optimizer state.

        Parameters
        ----------
        X : {data frame, array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Classes, or a matrix of multilabel indicators.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples, not negative.
        classes : array-like of shape (n_classes,), default=None
            All classes that y will ever have; required in the first call. For multilabel targets, the values
            0 and 1, or the indices of the labels.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            For the same reasons as in `fit`; and if `classes` is missing in the first call or differs from it
            in a later one, if y has a class that is not in `classes`, or if `early_stopping` is set.
        """
        with unchanged_if_it_fails(self):
            if isinstance(self.class_weight, str):
                raise ValueError(
                    "class_weight='balanced' needs all the data, which partial_fit does not see. Compute the "
                    "weights with sklearn.utils.class_weight.compute_class_weight and pass them as a dict."
                )
            self._check_classes(y, classes)
            return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: Matrix) -> Array | sparse.csr_matrix:
        """Return the most probable class of each row.

        Parameters
        ----------
        X : {data frame, array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            Classes. For multilabel targets, indicators of the labels with a probability above 0.5; sparse if
            the y of the training was.
        """
        found = self._predict(X, "decide")
        if found.ndim == 1:
            return self.classes_.take(found)
        return sparse.csr_matrix(found) if self._sparse_labels else found

    def predict_proba(self, X: Matrix) -> Array:
        """Return the probability of each class, in the dtype of X.

        Parameters
        ----------
        X : {data frame, array-like, sparse matrix} of shape (n_samples, n_features)
            The input data. Predictions for float64 are computed in float64.

        Returns
        -------
        P : ndarray of shape (n_samples, n_classes)
            Finite numbers, in the order of `classes_`.
        """
        return self._predict(X, "probabilities")

    def predict_log_proba(self, X: Matrix) -> Array:
        """Return the logarithm of `predict_proba`.

        Parameters
        ----------
        X : {data frame, array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        log_P : ndarray of shape (n_samples, n_classes)
            Minus infinity for a probability that rounds to 0.
        """
        P = self.predict_proba(X)
        with np.errstate(divide="ignore"):
            return np.log(P, out=P)

    def _check_classes(self, y: Any, classes: ArrayLike | None) -> None:
        """Raise ValueError if classes are missing in the first call of partial_fit, or change later."""
        before = getattr(self, "classes_", None)
        if before is not None and (classes is None or np.array_equal(classes, before)):
            return  # saves the check below, which takes a fifth of the time of a small call
        if classes is not None and set(np.unique(classes)) <= {0, 1} and self._takes_indicators(y):
            classes = np.arange(np.shape(y)[1]) if before is None else before
        check_partial_fit_first_call(self, classes)

    def _takes_indicators(self, y: Any) -> bool:
        """Return whether the targets are multilabel, by the first call or, in the first call, by y."""
        if hasattr(self, "_sparse_labels"):
            return isinstance(self._fitted_targets(), Labels)
        return type_of_target(y, input_name="y") == "multilabel-indicator"

    def _find_targets(self, y: Any, settings: Settings) -> Targets:
        goes_on = not settings.starts_anew
        if not (goes_on and y.ndim == 1 and y.dtype.kind in "biuU"):  # else `encode` finds what is no class
            check_discrete(y)
        if not (goes_on and hasattr(self, "_sparse_labels")):
            classes = getattr(self, "classes_", None) if goes_on else None
            return discrete_targets(y, classes, float(settings.label_smoothing), self.class_weight)
        targets = self._fitted_targets(float(settings.label_smoothing))
        warm_start = self.warm_start and not settings.incremental
        if warm_start and y.ndim == 1 and set(classes_in(y)) != set(self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                f"Previously got {self.classes_}, `y` has {classes_in(y)}"
            )
        return targets

    def _fitted_targets(self, smoothing: float = 0.0) -> Classes | Labels:
        targets: Classes | Labels
        if self.out_activation_ == "logistic" and self.n_outputs_ > 1:
            targets = Labels(self.classes_, smoothing, self.class_weight, self._sparse_labels)
        else:
            targets = Classes(self.classes_, smoothing, self.class_weight)
        targets.temperature = getattr(self, "temperature_", None)  # a training that goes on keeps them
        targets.oob_score = getattr(self, "oob_score_", None)
        return targets

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
