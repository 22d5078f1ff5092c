"""The compiled form of a training, if all of its parts have one.

A `Program` writes the operations of each member of a network to a table for the interpreter, and passes the
batches to the interpreter in slices. A slice takes a fraction of a second; interrupts are checked before each
slice. The members are independent within a slice, so that each can run on its own thread.
"""

import math
from collections.abc import Callable
from functools import partial
from importlib import import_module
from time import perf_counter
from typing import Any, Self

import numpy as np

from sknn6.nn import kernels
from sknn6.nn.annotations import Array, LossFunction
from sknn6.nn.assembler import functions_of, operations_of, parameters_of
from sknn6.nn.batches import Batches
from sknn6.nn.categories import Embedding
from sknn6.nn.descent import GradientDescent, record_of
from sknn6.nn.layers import Activate, Dropout
from sknn6.nn.network import Network
from sknn6.nn.operations import (
    ACTIVATION_CODES,
    ADAM,
    LAYER_CODES,
    LOSS_CODES,
    LOSS_PARAMETERS,
    OPTIMIZER_CODES,
    SOFTMAX,
)
from sknn6.nn.optimizers import SGD, Adam, Optimizer
from sknn6.nn.parallel import WORTH_THREADS, share
from sknn6.nn.sample_weights import per_sample
from sknn6.nn.update import FLUSH_EVERY, Update

__all__ = ["Program", "covers"]

# A slice has at most this many numbers of X, 256 kB in float32, and needs at most this many multiplications
# for a member, which take about 50 ms; but it has at least one batch.
SLICE_NUMBERS = 2**16
SLICE_MULTIPLICATIONS = 2e9

# With several members, a slice may have this many times as many numbers. The cache has room for the vectors
# of one member only, so those of each member are read anew for each slice.
LONGER_FOR_MANY = 8

# The rows of a slice are in memory together, and an update is never split. So a training with gradient
# accumulation is compiled only if the rows of one update have at most this many numbers before the first
# linear map, 16 MB in float32.
UPDATE_NUMBERS = 2**22

# The package of the interpreter, which needs Numba and so is imported late.
INTERPRETER = "sknn6.nn.interpreter"

# The versions of the interpreter that this process has compiled or loaded: the dtype, and `version_for`.
LOADED: set[tuple[np.dtype[Any], int | None]] = set()


class Program:
    """The compiled form of gradient descent: operations for each member, and the memory for their arrays.

    Parameters
    ----------
    descent : GradientDescent
        All of its parts have a compiled form, see `covers`.

    Examples
    --------
    >>> import numpy as np
    >>> from sknn6.nn.architecture import Architecture
    >>> from sknn6.nn.losses import softmax_cross_entropy
    >>> from sknn6.nn.optimizers import Adam
    >>> from sknn6.nn.program import covers
    >>> from sknn6.nn.update import Update
    >>> network = Architecture(4, [8], 3, "relu").build().allocate(np.float32)
    >>> covers(network, softmax_cross_entropy, Update(network, Adam(network.theta)))
    True
    """

    def __init__(self, descent: GradientDescent) -> None:
        self.interpreter = import_module(INTERPRETER)
        network, batches = self.network, self.batches = descent.network, descent.batches
        self.update, self.accumulation = descent.update, min(descent.accumulation, len(batches))
        self.shared = [layer for layer in network.layers if not layer.per_member]
        self.dropouts = [layer for layer in network.leaves if isinstance(layer, Dropout)]
        self.embeddings = [layer for layer in network.layers if isinstance(layer, Embedding)]  # one or none
        rows = batches.largest
        self.operations, n_work = operations_of(network, rows)
        self.parameters = parameters_of(network)
        self.work = np.zeros((network.members, n_work), network.dtype)
        self.mean = np.zeros(network.grad.size if self.accumulation > 1 else 0, network.dtype)
        self.rules = rules_of(descent, self.accumulation, self.interpreter)
        self.with_rare = version_for(self.operations, self.rules[0])
        numbers = rows * width_of(network, batches)
        multiplications = 3 * rows * sum(layer.fan_in * layer.width for layer in network.dense())
        most_numbers = SLICE_NUMBERS * (LONGER_FOR_MANY if network.members > 1 else 1)
        most = min(most_numbers / numbers, SLICE_MULTIPLICATIONS / multiplications)
        self.per_slice = max(1, int(most / self.accumulation)) * self.accumulation

    @classmethod
    def of(cls, descent: GradientDescent) -> Self | None:
        """Return the compiled form, None if there is none, if it would be slower, or without Numba."""
        covered = kernels.are_compiled() and covers(descent.network, descent.loss, descent.update)
        if not (covered and suits(descent)):
            return None
        if not try_numba(partial(import_module, INTERPRETER)):
            return None
        program = cls(descent)
        return program if try_numba(program.load) else None

    def load(self) -> None:
        """Compile the interpreter or load its code, once for each version, by running it on no batch."""
        version = self.network.dtype, self.with_rare
        if version in LOADED:
            return
        # The code depends on the dtypes of the arrays and not on their sizes.
        no_rows = np.empty((0, self.network.dense()[0].fan_in), self.network.dtype)
        batches, own, _ = self._slice(no_rows, self.batches.y[:0], None, np.zeros(1, np.int64), np.empty(0))
        self._train(batches, own)
        LOADED.add(version)

    def run_epoch(
        self, learning_rate: Callable[[float], float], check: Callable[[], object] | None = None
    ) -> dict[str, Any]:
        """Train on all batches once, and return the record of the epoch.

        All is as in `GradientDescent.run_epoch`, but `check` is called before each slice.
        """
        started = perf_counter()
        n_updates, done, total, n_rows = math.ceil(len(self.batches) / self.accumulation), 0, 0.0, 0
        slices = self.batches.slices(self.per_slice)
        while done < n_updates and math.isfinite(total):
            if check is not None:
                check()
            X, y, weight, bounds = next(slices)
            n = math.ceil((len(bounds) - 1) / self.accumulation)
            rates = np.array([learning_rate((done + i) / n_updates) for i in range(n)], float)
            for layer in self.shared:
                X = layer.forward(X)
            batches, own, has_weight = self._slice(X, y, weight, np.array(bounds), rates)
            total += self._train(batches, own)
            self._count_updates(has_weight)
            n_rows, done = n_rows + int(np.diff(bounds)[has_weight].sum()), done + n
        return record_of(total, n_rows, float(rates[-1]), started)

    def _slice(
        self, X: Array, y: Array, weight: Array | None, bounds: Array, rates: Array
    ) -> tuple[Any, Array, Array]:
        """Return the batches for the interpreter, the members' own weights, and which batches have weights.

        The members' weights in the loss are normalised and have shape (members, rows), or (members, 0) if the
        members share the weights. A batch has weights if any of its rows has a weight.
        """
        has_weight = np.ones(len(bounds) - 1, bool)
        own = np.empty((self.network.members, 0), self.network.dtype)
        if weight is not None and weight.ndim == 2:
            own = np.ascontiguousarray(normalized_by_batch(weight, bounds).T, self.network.dtype)
        weight = per_sample(weight)
        if weight is None:
            weight = np.empty(0)
        else:
            has_weight = np.add.reduceat(weight, bounds[:-1], dtype=float) != 0
        X, weight = np.ascontiguousarray(X, self.network.dtype), np.ascontiguousarray(weight, np.float64)
        codes = np.hstack([np.empty((len(X), 0), np.int64), *(layer.rows_of(X) for layer in self.embeddings)])
        batches = self.interpreter.Slice(
            X, codes, *self._targets(y), weight, own[0], bounds, rates, self._seeds(has_weight)
        )
        return batches, own, has_weight

    def _train(self, batches: Any, own: Array) -> float:
        """Make the updates of the batches for all members; return the sum of number of rows times loss."""
        t = self.update.optimizer.t

        def train(k: int) -> float:
            own_batches = batches._replace(own=own[k])
            total: float = self.interpreter.train(self._member(k), own_batches, t, self.with_rare)
            return total

        return sum(share(train, range(self.network.members))) / self.network.members

    def _count_updates(self, has_weight: Array) -> None:
        """Count the updates of batches that have any weight; flush tiny numbers now and then."""
        optimizer = self.update.optimizer
        before, updates = optimizer.t, np.arange(0, len(has_weight), self.accumulation)
        optimizer.t += int(np.logical_or.reduceat(has_weight, updates).sum())
        if optimizer.t // FLUSH_EVERY > before // FLUSH_EVERY:
            self.update.flush()

    def _member(self, k: int) -> Any:
        """Return all that the training of member k needs besides the batches, for the interpreter."""
        network, average, none = self.network, self.update.average, np.empty(0, self.network.dtype)
        first, second = [*self.update.optimizer.state.values(), none][:2]
        return self.interpreter.Member(
            self.operations[k],
            self.parameters[k],
            self.rules[k],
            self.interpreter.Vectors(network.theta, network.grad, network.statistics, self.work[k]),
            self.interpreter.State(first, second, none if average is None else average, self.mean),
        )

    def _targets(self, y: Array) -> tuple[Array, Array]:
        """Return the targets as classes and as numbers; one of the two is empty."""
        dtype = self.network.dtype
        if self.rules[0].loss == SOFTMAX:
            return np.ascontiguousarray(y, np.int64), np.empty((0, 0), dtype)
        return np.empty(0, np.int64), np.ascontiguousarray(y, dtype)

    def _seeds(self, has_weight: Array) -> Array:
        """Draw the seeds of the dropout layers for all batches that have any weight."""
        seeds = np.zeros((len(has_weight), len(self.dropouts)), np.uint64)
        for i in np.flatnonzero(has_weight):
            seeds[i] = [layer.draw_seed() for layer in self.dropouts]
        return seeds


def suits(descent: GradientDescent) -> bool:
    """Return whether the compiled form would be as fast as the layers, and its memory small.

    That is so if the data are dense, no product is so large that the layers would use several threads, and
    the rows of an update of several batches fit into `UPDATE_NUMBERS`.
    """
    network, batches = descent.network, descent.batches
    accumulation, rows = min(descent.accumulation, len(batches)), batches.largest
    return (
        isinstance(batches.X, np.ndarray)
        and all(layer.fan_in * layer.width * rows < WORTH_THREADS for layer in network.dense())
        and (accumulation == 1 or accumulation * rows * width_of(network, batches) <= UPDATE_NUMBERS)
    )


def try_numba(step: Callable[[], object]) -> bool:
    """Call a function that loads or compiles code, and return whether it succeeds.

    If it fails, warn, and use NumPy from now on.
    """
    try:
        step()
    except Exception as error:  # as in `kernels`: nothing has been computed yet
        kernels.do_without_numba(error)
        return False
    return True


def width_of(network: Network, batches: Batches) -> int:
    """Return how many numbers a row has, at most, before the first linear map."""
    return max(batches.X.shape[1], network.dense()[0].fan_in)


def normalized_by_batch(weight: Array, bounds: Array) -> Array:
    """Return the weights of each member, normalised within each batch, as `normalized_weights` does it."""
    totals = np.add.reduceat(weight.sum(axis=1), bounds[:-1]) / weight.shape[1]
    totals[totals == 0] = 1  # a batch without weight is left out
    return weight / np.repeat(totals, np.diff(bounds))[:, None]


def covers(network: Network, loss: LossFunction, update: Update) -> bool:
    """Return whether all parts of a training have a compiled form."""
    # Layers that the members share come first and learn nothing; they are not compiled.
    layers = [layer for layer in network.layers if layer.per_member]
    leaves = [leaf for layer in layers for leaf in layer.leaves()]
    return (
        loss_of(loss) is not None
        and type(update.optimizer) in OPTIMIZER_CODES
        and all(type(layer) in LAYER_CODES for layer in (*layers, *leaves))
        and all(functions_of(layer) in ACTIVATION_CODES for layer in leaves if isinstance(layer, Activate))
    )


def version_for(operations: Array, rules: Any) -> int | None:
    """Return which version of the interpreter a training needs: 1 with the rare parts, None without them.

    That is the argument `with_rare` of its functions. They are compiled for the type of the argument: if that
    is the type of None, Numba drops every branch ``if with_rare is not None`` before it compiles the rest. A
    bool would be known only when the code runs, and nothing could be dropped.
    """
    is_common = (
        operations["common"].all()
        and rules.optimizer == ADAM
        and rules.clip_norm == math.inf
        and rules.accumulation == 1
    )
    return None if is_common else 1


def loss_of(loss: LossFunction) -> tuple[int, float] | None:
    """Return the number of a loss and its parameter, None if the loss has no compiled form."""
    function, given = (loss.func, loss.keywords) if isinstance(loss, partial) else (loss, {})
    if function not in LOSS_CODES:
        return None
    name, default = LOSS_PARAMETERS.get(LOSS_CODES[function], ("", 0.0))
    return (LOSS_CODES[function], float(given.get(name, default))) if set(given) <= {name} else None


# The fields of `Rules` that an optimizer sets, each from its attribute of the same name.
OPTIMIZER_FIELDS: dict[type[Optimizer], dict[str, type]] = {
    Adam: {"beta_1": float, "beta_2": float, "epsilon": float},
    SGD: {"momentum": float, "nesterovs_momentum": bool},
}


def rules_of(descent: GradientDescent, accumulation: int, interpreter: Any) -> list[Any]:
    """Return the `Rules` of each member.

    Their numbers have the types float and int, for which the interpreter is compiled.
    """
    update, optimizer = descent.update, descent.update.optimizer
    compiled_loss = loss_of(descent.loss)
    assert compiled_loss is not None  # see `covers`
    own = {name: kind(getattr(optimizer, name)) for name, kind in OPTIMIZER_FIELDS[type(optimizer)].items()}
    return [
        interpreter.Rules(
            loss=compiled_loss[0],
            loss_parameter=compiled_loss[1],
            optimizer=OPTIMIZER_CODES[type(optimizer)],
            alpha=float(descent.alpha),
            weight_decay=float(decay),
            clip_norm=math.inf if update.clip_norm is None else float(update.clip_norm),
            ema_decay=float(update.ema_decay),
            accumulation=int(accumulation),
            **own,
        )
        for decay in np.broadcast_to(update.weight_decay, descent.network.members)
    ]
