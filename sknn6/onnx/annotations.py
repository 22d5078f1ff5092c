"""What skl2onnx, which has no types, passes to a converter, as far as the converters use it."""

from collections.abc import Sequence
from typing import Any, Protocol

from sknn6.nn.annotations import Array

__all__ = ["Container", "Input", "Operator", "Scope", "Variable"]

# An input of a node: the name of a tensor, or a constant.
Input = str | Array | float


class Variable(Protocol):
    """A tensor that goes into an operator or comes out of it, such as a column of a data frame."""

    raw_name: str  # as the user named it
    full_name: str  # in the graph
    type: Any  # one of skl2onnx.common.data_types

    def get_first_dimension(self) -> Any:
        """Return the number of rows, None if it is not fixed."""

    def set_type(self, new_type: Any, /) -> None:
        """Set the type, with the shape."""


class Scope(Protocol):
    """The names in a graph."""

    def get_unique_variable_name(self, seed: str, /) -> str:
        """Return a name for a tensor that is like another name."""

    def get_unique_operator_name(self, seed: str, /) -> str:
        """Return a name for a node that is like another name."""


class Operator(Protocol):
    """An estimator that is to be converted."""

    raw_operator: Any  # the fitted estimator
    inputs: Sequence[Variable]
    outputs: Sequence[Variable]
    scope_inst: Scope


class Container(Protocol):
    """The nodes and constants of a graph."""

    target_opset: int

    def add_node(self, op_type: str, inputs: list[str], outputs: list[str], /, **attributes: Any) -> None:
        """Add a node."""

    def add_initializer(self, name: str, onnx_type: int, shape: Sequence[int], content: Array, /) -> object:
        """Add a constant."""
