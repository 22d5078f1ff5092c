"""Nodes of an ONNX graph, written like calls of functions."""

import numpy as np
from onnx.helper import np_dtype_to_tensor_dtype
from skl2onnx.common.data_types import DoubleTensorType, Int32TensorType, Int64TensorType

from sknn6.estimators.fitted import columns_of
from sknn6.onnx.tables import table_nodes

__all__ = ["Graph", "has_float64"]

# Since this version, ReduceSum takes its axes as an input, and Clip and Softmax have their present form.
OLDEST_OPSET = 13


def has_float64(operator):
    """Return whether an operator computes in float64.

    It does if an input is float64 or, for a table, if a column has integers of 32 bits or more, as in
    prediction.
    """
    inputs = operator.inputs
    columns = columns_of(operator.raw_operator)
    if columns is not None and len(inputs) > 1:
        inputs = [inputs[j] for j in columns.numbers]
        if has_wide_integers(inputs):
            return True
    return any(isinstance(entry.type, DoubleTensorType) for entry in inputs)


def has_wide_integers(inputs):
    """Return whether one of the inputs has integers of 32 bits or more, which float32 may round."""
    return any(isinstance(entry.type, Int32TensorType | Int64TensorType) for entry in inputs)


class Graph:
    """The part of an ONNX graph that computes one estimator.

    ``graph(op, *inputs)`` adds a node and returns the name of its output. Inputs are names of tensors,
    arrays, which become constants of their own dtype, or floats, which become constants of the graph's dtype.

    Parameters
    ----------
    scope, operator, container
        As skl2onnx passes them to a converter.

    Attributes
    ----------
    dtype : numpy.dtype
        The dtype of the computation: float64 if `has_float64` says so, otherwise float32.
    opset : int
        Version of the operators.
    input : str
        Name of the input. Several inputs, the columns of a data frame, are concatenated. A table with
        categories or missing values is encoded as by `sknn6.tables.Columns`.
    input_dtype : numpy.dtype
        The dtype of `input`: `dtype`, or float64 if an input has integers that float32 may round.
    """

    def __init__(self, scope, operator, container):
        self.scope, self.container = scope, container
        self.opset = container.target_opset
        if self.opset < OLDEST_OPSET:
            raise ValueError(f"target_opset must be at least {OLDEST_OPSET}, got {self.opset}.")
        self.dtype = np.dtype(np.float64 if has_float64(operator) else np.float32)
        if columns_of(operator.raw_operator) is not None:
            self.input, self.input_dtype = table_nodes(self, operator), self.dtype
            return
        self.input_dtype = np.dtype(np.float64) if has_wide_integers(operator.inputs) else self.dtype
        columns = [self.cast(entry.full_name, self.input_dtype) for entry in operator.inputs]
        self.input = self("Concat", *columns, axis=1) if len(columns) > 1 else columns[0]

    def __call__(self, op, *inputs, n_outputs=1, **attributes):
        """Add a node; return the name of its output, or a list of names if there are several."""
        names = [value if isinstance(value, str) else self.constant(value) for value in inputs]
        outputs = [self.scope.get_unique_variable_name(op.lower()) for _ in range(n_outputs)]
        name = self.scope.get_unique_operator_name(op)
        self.container.add_node(op, names, outputs, name=name, **attributes)
        return outputs[0] if n_outputs == 1 else outputs

    def constant(self, value):
        """Add a constant, which is an array or a float; return its name."""
        array = np.asarray(value, self.dtype if isinstance(value, float) else None)
        name = self.scope.get_unique_variable_name("constant")
        kind = np_dtype_to_tensor_dtype(array.dtype)
        self.container.add_initializer(name, kind, array.shape, array.ravel())
        return name

    def cast(self, X, dtype):
        """Add the node that casts X; return the name of the result."""
        return self("Cast", X, to=np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def centre(self, X, center, scale=1.0):
        """Return (X - center) / scale in `dtype`, computed in the widest dtype, as NumPy would.

        X is `input` or columns of it.
        """
        wide = np.result_type(self.input_dtype, center)
        Z = self("Sub", self.cast(X, wide), center.astype(wide))
        return self.cast(self("Div", Z, np.asarray(scale, wide)), self.dtype)

    def write(self, variable, value):
        """Make a tensor one of the estimator's outputs."""
        self.container.add_node(
            "Identity", [value], [variable.full_name], name=self.scope.get_unique_operator_name("Identity")
        )
