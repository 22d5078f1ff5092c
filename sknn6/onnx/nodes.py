"""Nodes of an ONNX graph, written like calls of functions."""

from typing import Any, overload

import numpy as np
from numpy.typing import DTypeLike
from onnx.helper import np_dtype_to_tensor_dtype

from sknn6.nn.annotations import Array
from sknn6.onnx.annotations import Container, Input, Scope

__all__ = ["Nodes"]

# Since this version, ReduceSum takes its axes as an input, and Clip and Softmax have their present form.
OLDEST_OPSET = 13


class Nodes:
    """Nodes that are added to an ONNX graph.

    ``nodes(op, *inputs)`` adds a node and returns the name of its output. Inputs are names of tensors,
    arrays, which become constants of their own dtype, or floats, which become constants of `dtype`.

    Parameters
    ----------
    scope, container
        As skl2onnx passes them to a converter.
    dtype : numpy.dtype
        The dtype of the computation.

    Attributes
    ----------
    opset : int
        Version of the operators.
    """

    def __init__(self, scope: Scope, container: Container, dtype: DTypeLike) -> None:
        self.scope, self.container, self.dtype = scope, container, np.dtype(dtype)
        self.opset = container.target_opset
        if self.opset < OLDEST_OPSET:
            raise ValueError(f"target_opset must be at least {OLDEST_OPSET}, got {self.opset}.")

    @overload
    def __call__(self, op: str, *inputs: Input, n_outputs: int, **attributes: Any) -> list[str]: ...

    @overload
    def __call__(self, op: str, *inputs: Input, **attributes: Any) -> str: ...

    def __call__(self, op: str, *inputs: Input, n_outputs: int = 1, **attributes: Any) -> str | list[str]:
        """Add a node; return the name of its output, or a list of names if there are several."""
        names = [value if isinstance(value, str) else self.constant(value) for value in inputs]
        outputs = [self.scope.get_unique_variable_name(op.lower()) for _ in range(n_outputs)]
        name = self.scope.get_unique_operator_name(op)
        self.container.add_node(op, names, outputs, name=name, **attributes)
        return outputs[0] if n_outputs == 1 else outputs

    def constant(self, value: Array | float) -> str:
        """Add a constant; return its name."""
        array = np.asarray(value, self.dtype if isinstance(value, float) else None)
        name = self.scope.get_unique_variable_name("constant")
        kind = np_dtype_to_tensor_dtype(array.dtype)
        self.container.add_initializer(name, kind, array.shape, array.ravel())
        return name

    def cast(self, X: str, dtype: DTypeLike) -> str:
        """Add the node that casts X; return the name of the result."""
        return self("Cast", X, to=np_dtype_to_tensor_dtype(np.dtype(dtype)))
