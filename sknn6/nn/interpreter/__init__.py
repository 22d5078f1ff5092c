"""The compiled form of an epoch: an interpreter of the operations of one network, by Numba.

`train` makes the updates of a slice of batches, without Python and without its global lock. A table
(`sknn6.nn.operations`) describes the layers of the network, so that the same code serves every network: it is
compiled once for each dtype, without and with the rare parts, and cached on disk. Each member of an ensemble
has its own table; what the members share is only read.

A module here with the name of one of `sknn6.nn` computes what that one computes. `descent` calls the passes
of `dispatch`, which has a branch for each operation, and then `update`.
"""

from sknn6.nn.interpreter.cache import train
from sknn6.nn.interpreter.tuples import Member, Rules, Slice, State, Vectors

__all__ = ["Member", "Rules", "Slice", "State", "Vectors", "train"]
