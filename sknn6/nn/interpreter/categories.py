"""Learned vectors of categories."""

from sknn6.nn.categories import EMBEDDING_SIZE
from sknn6.nn.interpreter.decorators import compiled
from sknn6.nn.interpreter.tuples import Batch, Vectors
from sknn6.nn.interpreter.views import block
from sknn6.nn.operations import Operation

__all__ = ["embed", "embed_backward"]


@compiled
def embed(op: Operation, vectors: Vectors, batch: Batch) -> None:
    """Compute `Embedding.forward`."""
    theta, statistics, X, codes = vectors.theta, vectors.statistics, batch.X, batch.codes
    Z = block(vectors.work, op.out, len(X), op.units)
    for i in range(len(X)):
        for j in range(op.before):
            Z[i, j] = X[i, j]
        for k in range(codes.shape[1]):
            s, e = statistics[op.s + codes[i, k]], op.E + codes[i, k] * EMBEDDING_SIZE
            for j in range(EMBEDDING_SIZE):
                Z[i, op.before + k * EMBEDDING_SIZE + j] = s * theta[e + j]


@compiled
def embed_backward(op: Operation, vectors: Vectors, batch: Batch) -> None:
    """Compute `Embedding.backward`."""
    grad, statistics, codes = vectors.grad, vectors.statistics, batch.codes
    dZ = block(vectors.work, op.dout, len(codes), codes.shape[1] * EMBEDDING_SIZE)
    for j in range(op.E, op.E + op.categories * EMBEDDING_SIZE):
        grad[j] = 0
    for i in range(len(codes)):
        for k in range(codes.shape[1]):
            s, e = statistics[op.s + codes[i, k]], op.E + codes[i, k] * EMBEDDING_SIZE
            for j in range(EMBEDDING_SIZE):
                grad[e + j] += s * dZ[i, k * EMBEDDING_SIZE + j]
