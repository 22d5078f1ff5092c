"""The base class of the estimators: how a fit proceeds, and which attributes it sets."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from copy import copy
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import softmax
from sklearn import get_config
from sklearn.base import BaseEstimator, is_regressor
from sklearn.metrics import check_scoring
from sklearn.utils import Tags, column_or_1d
from sklearn.utils.validation import check_is_fitted

from sknn6._sklearn_compat import (
    CallbackSupportMixin,
    check_nonzero_weight,
    fit_context,
    takes_weights,
    with_callbacks,
)
from sknn6.annotations import Matrix
from sknn6.dates import refuse_dates
from sknn6.estimators.finishing import finish
from sknn6.estimators.fitted import (
    columns_filling_means,
    columns_of,
    predicting_network,
    squared_weights,
    state_of,
)
from sknn6.estimators.model import Model
from sknn6.estimators.parameters import SHARED_CONSTRAINTS
from sknn6.estimators.pickling import pack_state, unpack_state
from sknn6.estimators.preparation import Prepared, prepare
from sknn6.estimators.scoring import score_rows
from sknn6.nn.annotations import Array, Rows
from sknn6.nn.optimizers import OPTIMIZERS
from sknn6.nn.schedules import cycle_ends
from sknn6.readers import as_frame, as_table, has_missing
from sknn6.rollback import unchanged_if_it_fails
from sknn6.tables import Columns, NewMissingValuesError, find_columns
from sknn6.threads import cores_for, products_share_cores
from sknn6.training.callbacks import Callbacks
from sknn6.training.checkpointing import TrainingFile
from sknn6.training.data import Data
from sknn6.training.division import divide
from sknn6.training.evaluation import Evaluation
from sknn6.training.interrupts import Interrupts
from sknn6.training.lbfgs import train_with_lbfgs
from sknn6.training.minibatch import train_in_batches
from sknn6.training.settings import Settings
from sknn6.training.state import RECORDS, STOCHASTIC_ATTRIBUTES
from sknn6.training.targets import Targets, dense
from sknn6.training.training import Training
from sknn6.validation import is_valid, is_valid_target, validate_data, validate_table
from sknn6.versions import Versioned

__all__ = ["BaseMLP", "FindFills", "has_stochastic_solver"]

# What validation accepts as X. In CSR, the rows of a batch are found quickly; float32 and float64 stay as
# they are.
ACCEPTED: dict[str, Any] = {"accept_sparse": "csr", "dtype": (np.float64, np.float32)}

# Returns the `Columns` that replace missing numbers by means, None if the means are unknown.
FindFills = Callable[[], Columns | None]

# Attributes that are lists to which a training appends one entry per epoch.
LISTS = ("history_", "loss_curve_", "validation_scores_")


def has_stochastic_solver(estimator: Any) -> bool:
    """Return True if partial_fit is available; otherwise raise the same AttributeError as scikit-learn."""
    if estimator.solver not in OPTIMIZERS:
        raise AttributeError(
            f"partial_fit is only available for stochastic optimizers. {estimator.solver} is not stochastic."
        )
    return True


class BaseMLP(Versioned, CallbackSupportMixin, BaseEstimator, ABC):
    """Base class of the multi-layer perceptrons; a subclass defines the kind of targets."""

    # Where the question mark in the HTML representation links to.
    _doc_link_module = "sknn6"
    _doc_link_template = "https://sknn6.readthedocs.io/en/stable/api/sknn6.{estimator_name}.html"

    _parameter_constraints = SHARED_CONSTRAINTS

    # The fields of `Columns`, if the estimator was fitted on a table with categories or missing values.
    _table: dict[str, list[Any]] | None = None

    @property
    def _recipes(self) -> dict[str, str]:
        """The recipe that recipe="auto" means for each solver; "plain" for solvers that are not listed."""
        return {}

    def _assign(self, arguments: dict[str, Any]) -> None:
        """Set the parameters from the arguments of __init__, given as its `locals()`."""
        self.__dict__.update({name: value for name, value in arguments.items() if name != "self"})

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: Matrix | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Train on X and y, starting from new initial weights unless `warm_start` is set.

        Parameters
        ----------
        X : {data frame, array-like, sparse matrix} of shape (n_samples, n_features)
            The input data. A data frame, or an array of objects, may have categories and missing values. An
            array of float32 or float64 is not copied.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples, not negative. A weight of 2 counts as two equal samples, in the loss and
            in the statistics of batch normalisation.
        X_val : {data frame, array-like, sparse matrix} of shape (n_val, n_features), default=None
            Validation data. Their loss and score are recorded in `history_`; `early_stopping` uses them
            instead of held-out samples. In a Pipeline, ``transform_input=["X_val"]`` transforms them.
        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            Targets of the validation data; required with X_val.
        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of the validation data.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If a parameter, X, y or sample_weight is invalid.

        Warns
        -----
        ConvergenceWarning
            If `max_iter` ends the training before it has converged; if the training shows a symptom, such as
            dead units; or if the loss or the weights are no longer finite. The model then has finite weights
            from before.
        UserWarning
            If the training was interrupted.
        """
        if (X_val is None) != (y_val is None):
            given, missing = ("X_val", "y_val") if y_val is None else ("y_val", "X_val")
            raise ValueError(f"X_val and y_val must be given together, got {given} without {missing}.")
        if X_val is None and sample_weight_val is not None:
            raise ValueError("sample_weight_val needs X_val and y_val, got neither.")
        validation = None if X_val is None or y_val is None else (X_val, y_val, sample_weight_val)
        return self._fit(X, y, sample_weight, validation=validation)

    def _fit(
        self,
        X: Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        *,
        incremental: bool = False,
        validation: tuple[Matrix, ArrayLike, ArrayLike | None] | None = None,
    ) -> Self:
        """Prepare, train, and set the fitted attributes; a fit that fails leaves the estimator as it was."""
        with Interrupts() as interrupts, unchanged_if_it_fails(self):
            interrupts.patience = 0  # Ctrl-C may raise at once: nothing has been learned yet
            self._check_call(incremental)
            continues = self._continues(incremental)
            prepared = prepare(self, X, y, sample_weight, continues=continues, incremental=incremental)
            given = None if validation is None else prepared.validate_held_out(self, *validation)
            callbacks = Callbacks(self, prepared.settings.max_iter, X, y, sample_weight)
            interrupts.patience = math.inf
            with products_share_cores(), np.errstate(all="ignore"):
                interrupts.patience = 0
                training = self._set_up(prepared, given, callbacks)
                train = train_in_batches if prepared.settings.stochastic else train_with_lbfgs
                train(training, interrupts)
                finished = finish(prepared.model, training, prepared.data)
                if finished.network is not training.network:
                    interrupts.kept = "the networks that predict unseen rows best (ensemble_members_)"
            self._keep(finished, prepared.data)
            callbacks.end()
            if incremental:
                del self.history_[:-RECORDS]
        interrupts.report(self.n_iter_)
        return self

    def _check_call(self, incremental: bool) -> None:
        """Raise ValueError if parameters do not suit `partial_fit`, or the solver has no checkpoints."""
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        if self.checkpoint is not None and self.solver not in OPTIMIZERS:
            raise ValueError(
                "checkpoint needs a solver whose training can be resumed, one of "
                f"{sorted(OPTIMIZERS)}, got {self.solver!r}."
            )

    def _continues(self, incremental: bool) -> bool:
        """Return whether the training continues from fitted weights; raise ValueError if it cannot."""
        continues = hasattr(self, "coefs_") and (self.warm_start or incremental)
        if continues and not hasattr(self, "intercepts_"):
            raise ValueError("intercepts_ must be set to continue a training from coefs_, got none.")
        return continues

    def _set_up(self, prepared: Prepared, validation: Data | None, callbacks: Callbacks) -> Training:
        """Return the training of a prepared network."""
        settings, targets, data = prepared.settings, prepared.targets, prepared.data
        network, state, model = prepared.network, prepared.state, prepared.model
        file = None
        if settings.checkpoint is not None and not settings.incremental:
            file = TrainingFile(settings, network, state, data, validation)  # it has the seed of the division
        division = divide(data, targets, settings, state.split_seed, network.members, validation)
        update = prepared.make_update(keeps_state=settings.incremental) if settings.stochastic else None
        resumes = file is not None and file.has_training
        if not resumes:  # a file has the scaling already
            prepared.fit_inputs(division.rows, update)
        batches = prepared.make_batches(division)
        if not resumes:
            network.calibrate(batches)
        scorer = self._scorer(model)  # in any case, because it checks `scoring`
        evaluation = division.validation and Evaluation(division.validation, targets, scorer)
        return Training(
            network=network,
            batches=batches,
            targets=targets,
            settings=settings,
            state=state,
            callbacks=callbacks,
            attributes=model.attributes,
            division=division,
            update=update,
            evaluation=evaluation,
            file=file,
            cycle_ends=cycle_ends(settings.max_iter, division.n_cycles),
        )

    def _scorer(self, model: Model) -> Callable[[Rows, Array, Array | None], float] | None:
        """Return a function that scores validation data by `scoring`, or None if `scoring` is None."""
        if self.scoring is None:
            return None
        scorer = check_scoring(self, self.scoring)

        def score(X: Rows, y: Array, weight: Array | None) -> float:
            # The scorer gets a copy that looks fitted and that accepts X as it is after validation: numbers
            # without column names.
            fitted: Any = copy(self)
            vars(fitted).update(model.attributes())
            vars(fitted).update(_table=None, n_features_in_=X.shape[1])
            vars(fitted).pop("feature_names_in_", None)
            weights = {} if weight is None or not takes_weights(scorer) else {"sample_weight": weight}
            return score_rows(scorer, fitted, X, dense(y), weights)

        return score

    def _keep(self, model: Model, data: Data) -> None:
        """Set the fitted attributes; raise ValueError if nothing was learned because X overflows."""
        if model.state.n_iter == 0 and data.overflows(model.network.dtype):
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain large values and "
                f"need to be preprocessed: X reaches beyond the range of {model.network.dtype}."
            )
        for name in STOCHASTIC_ATTRIBUTES:  # L-BFGS does not have them
            self.__dict__.pop(name, None)
        self.__dict__.update(model.attributes())

    @abstractmethod
    def _find_targets(self, y: Any, settings: Settings) -> Targets:
        """Return the `Targets` for the y of a training; raise ValueError if y is invalid."""

    @abstractmethod
    def _fitted_targets(self) -> Targets:
        """Return the `Targets` of the last training, as far as predictions need them."""

    def _validate_arrays(
        self,
        X: Any,
        y: Any,
        sample_weight: ArrayLike | None,
        reset: bool,
        find_fills: FindFills | None = None,
    ) -> tuple[Rows, Rows, Array | None]:
        """Return X, y and weights as validated arrays; a table is encoded, a y of one column is a vector.

        `find_fills()` is called if X has missing numbers but the training data had none. By default, the
        means are those of the fitted network.
        """
        if reset:
            X = as_frame(X)
            refuse_dates(self, X)
            columns = find_columns(X, self.categorical_features, sample_weight)
            self._table = None if columns is None else vars(columns)
        options = {"multi_output": True, "y_numeric": is_regressor(self), "reset": reset}
        X, y = self._validate(X, y, find_fills=find_fills, **options)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if sample_weight is not None:
            sample_weight = check_nonzero_weight(sample_weight, X)
        return X, y, sample_weight

    def _go_on_with_columns(self, X: Any) -> None:
        """Treat columns of a table that were empty so far as numbers, if X has numbers in them."""
        columns, X = columns_of(self), as_table(as_frame(X), object)
        if columns is not None and columns.empty and X.shape[1:] == (self.n_features_in_,):
            self._table = vars(columns.going_on(X))

    def _validate(self, X: Any, *y: Any, find_fills: FindFills | None = None, **options: Any) -> Any:
        """Return X, and y if it is given, as validated arrays; a table is encoded as numbers.

        `find_fills` is as in `_validate_arrays`.
        """
        if not options["reset"] and is_valid(X, self) and all(is_valid_target(each, len(X)) for each in y):
            return (X, *y) if y else X
        columns = columns_of(self)
        if columns is None:
            find = find_fills or partial(columns_filling_means, self)
            try:
                valid = validate_data(self, X, *y, **ACCEPTED, **options)
            except NewMissingValuesError:
                columns = find()
                if columns is None:
                    raise
            else:
                # With assume_finite=True, scikit-learn lets missing values pass.
                if get_config()["assume_finite"] and has_missing(valid[0] if y else valid):
                    columns = find()
                if columns is None:
                    return valid
        return validate_table(self, columns, X, *y, **options)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_structure")

    def _predict(self, X: Matrix, what: str) -> Array:
        """Apply a method of the targets, such as "decide", to the logits of X and return the result."""
        if not self.__sklearn_is_fitted__():
            check_is_fitted(self)  # which raises its error, and takes long
        X = self._validate(X, reset=False)
        finish = getattr(self._fitted_targets(), what)
        with np.errstate(all="ignore"):  # for example, weights may overflow when they are cast to float32
            network = predicting_network(self, X.dtype)
            with cores_for(network.largest_product(X.shape[0])):
                return network.predict_in_blocks(X, finish)

    @property
    def feature_importances_(self) -> Array:
        """How strongly each feature enters the network, an ndarray of shape (n_features,) that sums to 1.

        It is the Euclidean norm of the feature's weights in the first layer, including those of its
        embedding, times its learned factor if `input_scaling` is "learned", averaged over the networks. It is
        meaningful only if all features have the same scale, and most reliable with learned factors: without
        them, or with an embedding, the initial weights may hide what was learned. scikit-learn's ``RFE`` and
        ``SelectFromModel`` use it. Permutation importance is the better measure, because it depends on the
        predictions.
        """
        check_is_fitted(self)
        strengths = np.sqrt(squared_weights(self).sum(axis=-1)).mean(axis=0)
        return strengths / (strengths.sum() or 1.0)

    @property
    def switchable_weights_(self) -> Array:
        """The learned weights of batchnorm="switchable", an ndarray of shape (n_hidden_layers, 2, 3).

        For each hidden layer, the weights in the mixture of the mean and in that of the covariance. The last
        axis, which sums to 1, is batch whitening, batch normalisation, layer normalisation. With an
        `ensemble_size` of more than 1, there is a leading axis for the networks.
        """
        state = state_of(self)
        if "switchablewhitening_0.mean_logits" not in state:
            raise AttributeError(
                f"{type(self).__name__} has switchable_weights_ only after a fit with batchnorm='switchable'."
            )
        logits = np.array(
            [
                [state[f"switchablewhitening_{i}.{kind}_logits"] for kind in ("mean", "cov")]
                for i in range(len(self.coefs_) - 1)
            ]
        )
        if logits.ndim > 3:  # each (ensemble_size, 1, 3)
            logits = np.moveaxis(logits[..., 0, :], 2, 0)
        return softmax(logits, axis=-1)

    def __copy__(self) -> Self:
        """Return a shallow copy, with its own copies of the lists to which a training appends."""
        new = type(self).__new__(type(self))
        new.__dict__.update(vars(self))
        for name in LISTS:
            if isinstance(vars(self).get(name), list):
                setattr(new, name, list(vars(self)[name]))
        return new

    def __getstate__(self) -> dict[str, Any]:
        return pack_state(super().__getstate__())

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(unpack_state(state))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = self.categorical_features is not None
        return tags
