"""The part of an ONNX graph that computes one estimator, from its inputs to its outputs."""

from collections.abc import Sequence

import numpy as np
from skl2onnx.common.data_types import DoubleTensorType, Int32TensorType, Int64TensorType

from sknn6.estimators.fitted import columns_of
from sknn6.nn.annotations import Array
from sknn6.onnx.annotations import Container, Operator, Scope, Variable
from sknn6.onnx.nodes import Nodes
from sknn6.onnx.tables import table_nodes

__all__ = ["Graph", "has_float64"]


def has_float64(operator: Operator) -> bool:
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


def has_wide_integers(inputs: Sequence[Variable]) -> bool:
    """Return whether one of the inputs has integers of 32 bits or more, which float32 may round."""
    return any(isinstance(entry.type, Int32TensorType | Int64TensorType) for entry in inputs)


class Graph(Nodes):
    """The part of an ONNX graph that computes one estimator; a call adds a node, as with all `Nodes`.

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

    def __init__(self, scope: Scope, operator: Operator, container: Container) -> None:
        super().__init__(scope, container, np.float64 if has_float64(operator) else np.float32)
        table = columns_of(operator.raw_operator)
        if table is not None:
            self.input, self.input_dtype = table_nodes(self, operator, table), self.dtype
            return
        self.input_dtype = np.dtype(np.float64) if has_wide_integers(operator.inputs) else self.dtype
        columns = [self.cast(entry.full_name, self.input_dtype) for entry in operator.inputs]
        self.input = self("Concat", *columns, axis=1) if len(columns) > 1 else columns[0]

    def centre(self, X: str, center: Array, scale: Array | float = 1.0) -> str:
        """Return (X - center) / scale in `dtype`, computed in the widest dtype, as NumPy would.

        X is `input` or columns of it.
        """
        wide = np.result_type(self.input_dtype, center)
        Z = self("Sub", self.cast(X, wide), center.astype(wide))
        return self.cast(self("Div", Z, np.asarray(scale, wide)), self.dtype)

    def write(self, variable: Variable, value: str) -> None:
        """Make a tensor one of the estimator's outputs."""
        self.container.add_node(
            "Identity", [value], [variable.full_name], name=self.scope.get_unique_operator_name("Identity")
        )
