"""Normalisation layers, each in a module of its own, and their registry.

All of them compute Y = gamma Xhat + beta with learned gamma and beta. They differ in Xhat, which is
normalised by the mean and variance over the batch (`BatchNorm`), by those over the units of a sample
(`LayerNorm`), by the covariance of groups of units over the batch (`BatchWhitening`), or by a mixture of
these three (`SwitchableWhitening`). To add a normalisation over the batch, write the class in a module of
its own and give it a row in `NORMALIZATIONS`.

In the formulas, p are the normalised weights of the samples; without weights, each is 1/n.
"""

from collections.abc import Callable

from sknn6.nn.normalization.base import Normalization
from sknn6.nn.normalization.batch_norm import BatchNorm
from sknn6.nn.normalization.batch_statistics import BatchStatistics
from sknn6.nn.normalization.batch_whitening import BatchWhitening
from sknn6.nn.normalization.layer_norm import LayerNorm
from sknn6.nn.normalization.switchable_whitening import SwitchableWhitening

__all__ = [
    "NORMALIZATIONS", "BatchNorm", "BatchStatistics", "BatchWhitening", "LayerNorm", "Normalization",
    "SwitchableWhitening",
]  # fmt: skip

NORMALIZATIONS: dict[str, Callable[..., Normalization]] = {
    "batch": BatchNorm,
    "whiten": BatchWhitening,
    "switchable": SwitchableWhitening,
}
