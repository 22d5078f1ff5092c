"""The passes through the operations of a network: which function computes each, forward and backward."""

from sknn6.nn import compiled as kernels
from sknn6.nn.annotations import Array
from sknn6.nn.interpreter.activations import (
    activate,
    activate_backward,
    activation,
    activation_backward,
)
from sknn6.nn.interpreter.categories import embed, embed_backward
from sknn6.nn.interpreter.decorators import compiled, inlined
from sknn6.nn.interpreter.dense import affine, affine_backward
from sknn6.nn.interpreter.normalization import (
    batch_norm,
    batch_norm_backward,
    layer_norm,
    layer_norm_backward,
)
from sknn6.nn.interpreter.tuples import Batch, Vectors
from sknn6.nn.interpreter.views import part_of
from sknn6.nn.operations import (
    ACTIVATE,
    ADD,
    BATCH_NORM,
    BRANCH,
    DENSE,
    DROPOUT,
    EMBEDDING,
    LAYER_NORM,
    SCALED_DENSE,
    Operation,
)

__all__ = ["backward", "forward"]

# The layers' kernel has a wrapper for Python; here it needs none.
drop_of_member = compiled(kernels.drop_of_member.py_func)


@inlined
def forward(operations: Array, vectors: Vectors, batch: Batch, with_rare: int | None) -> None:
    """Compute the operations on a batch, from the first to the last.

    The common ones get arrays, which are taken from the tuples once for a batch: with the tuples, as the rare
    ones get them, an epoch of a small network would take a tenth longer.
    """
    theta, work, X, seeds = vectors.theta, vectors.work, batch.X, batch.seeds
    for k in range(len(operations)):
        op = operations[k]
        size = len(X) * op.units
        if op.kind == DENSE or op.kind == SCALED_DENSE:
            affine(op, theta, work, X)
        elif op.kind == DROPOUT:
            A, mask, out = (
                part_of(work, op.source, size),
                part_of(work, op.mask, size),
                part_of(work, op.out, size),
            )
            scale = work.dtype.type(2**16 / (2**16 - op.threshold))
            drop_of_member(A, seeds[op.dropout], op.member, op.threshold, scale, mask, out)
        elif op.kind == ACTIVATE and op.common:
            activate(op.activation, part_of(work, op.source, size), part_of(work, op.out, size))
        elif with_rare is not None:
            forward_rare(op, vectors, batch)


@compiled
def forward_rare(op: Operation, vectors: Vectors, batch: Batch) -> None:
    """Compute an operation that is not common."""
    work, n = vectors.work, len(batch.X)
    size = n * op.units
    if op.kind == EMBEDDING:
        embed(op, vectors, batch)
    elif op.kind == BATCH_NORM:
        batch_norm(op, vectors, batch)
    elif op.kind == LAYER_NORM:
        layer_norm(op, vectors, batch)
    elif op.kind == ADD:
        add(part_of(work, op.source, size), part_of(work, op.out, size))
    elif op.kind == BRANCH:
        return  # its output is its input
    else:
        activation(op, vectors, n)


@inlined
def backward(operations: Array, vectors: Vectors, batch: Batch, with_rare: int | None) -> None:
    """Write the gradients of the operations, from the last to the first.

    They are those of the parameters, and of the input if that has a place. The gradient with respect to the
    input overwrites that of the output, except for linear maps and maxout. As in `forward`, the common
    operations get arrays.
    """
    theta, grad, work, X = vectors.theta, vectors.grad, vectors.work, batch.X
    for k in range(len(operations) - 1, -1, -1):
        op = operations[k]
        size = len(X) * op.units
        if op.kind == DENSE or op.kind == SCALED_DENSE:
            affine_backward(op, theta, grad, work, X)
        elif op.kind == DROPOUT:
            dA, mask = part_of(work, op.dout, size), part_of(work, op.mask, size)
            for i in range(size):
                dA[i] *= mask[i]
        elif op.kind == ACTIVATE and op.common:
            Z, A = part_of(work, op.source, size), part_of(work, op.out, size)
            activate_backward(op.activation, part_of(work, op.dout, size), Z, A)
        elif with_rare is not None:
            backward_rare(op, vectors, batch)


@compiled
def backward_rare(op: Operation, vectors: Vectors, batch: Batch) -> None:
    """Write the gradients of an operation that is not common."""
    work, n = vectors.work, len(batch.X)
    size = n * op.units
    if op.kind == EMBEDDING:
        embed_backward(op, vectors, batch)
    elif op.kind == BATCH_NORM:
        batch_norm_backward(op, vectors, batch)
    elif op.kind == LAYER_NORM:
        layer_norm_backward(op, vectors, batch)
    elif op.kind == ADD:
        return  # the gradients of its inputs are that of its output
    elif op.kind == BRANCH:
        add(part_of(work, op.dshortcut, size), part_of(work, op.dout, size))
    else:
        activation_backward(op, vectors, n)


@compiled
def add(X: Array, Y: Array) -> None:
    """Add X to Y."""
    for i in range(X.size):
        Y[i] += X[i]
