"""The ONNX nodes that encode a table with categories or missing values."""

import numpy as np
from onnx import TensorProto
from skl2onnx.common.data_types import (
    BooleanTensorType,
    DoubleTensorType,
    FloatTensorType,
    StringTensorType,
)

from sknn6.onnx.annotations import Operator
from sknn6.onnx.nodes import Nodes
from sknn6.readers import MISSING
from sknn6.tables import Columns

__all__ = ["table_nodes"]


def table_nodes(graph: Nodes, operator: Operator, columns: Columns) -> str:
    """Add the nodes that encode the inputs of an operator; return the name of the encoded table.

    A table has one input per column, or a single input if all columns are numbers. A missing number is NaN, a
    missing string is the empty one. Integers and truth values are never missing.
    """
    missing: dict[int, str] = {}
    encoded: list[str] = []
    for j, fill in zip(columns.numbers, columns.fills, strict=True):
        # A single input of strings has all columns, and its numbers are cast.
        if len(operator.inputs) > 1 and isinstance(operator.inputs[j].type, StringTensorType):
            raise ValueError(
                f"Column {operator.inputs[j].raw_name!r} of the example for the export must be of numbers, "
                "as in fit, got strings or objects."
            )
        x = graph.cast(input_column(graph, operator, columns, j), graph.dtype)
        if j in columns.empty:  # whatever it has now, the network has learned nothing about it
            x = graph("Mul", x, 0.0)
        missing[j] = graph("IsNaN", x)
        encoded.append(graph("Where", missing[j], fill, x))
    encoded += [graph.cast(missing[j], graph.dtype) for j in columns.gaps]
    for j, categories in zip(columns.one_hot + columns.embedded, columns.categories, strict=True):
        encoded.append(graph.cast(code_nodes(graph, operator, columns, j, categories), graph.dtype))
    return graph("Concat", *encoded, axis=1)


def input_column(graph: Nodes, operator: Operator, columns: Columns, j: int) -> str:
    """Return the name of a column, of shape (n_samples, 1)."""
    if len(operator.inputs) > 1 or len(columns.sources) == 1:
        return operator.inputs[j].full_name
    return graph("Gather", operator.inputs[0].full_name, np.array([j]), axis=1)


def code_nodes(graph: Nodes, operator: Operator, columns: Columns, j: int, categories: list[str]) -> str:
    """Add the nodes that look up the codes of a column of categories; return the name of the codes."""
    codes = {category: code for code, category in enumerate(categories, 1)}
    x = input_column(graph, operator, columns, j)
    kind = operator.inputs[min(j, len(operator.inputs) - 1)].type
    if isinstance(kind, StringTensorType):
        if MISSING in codes and "" in codes:
            raise ValueError(
                f"Column {j} has missing strings and empty ones, which are two categories here and the same "
                "in an ONNX graph. Replace one of them before fit, as by frame.fillna('missing')."
            )
        if MISSING in codes:
            codes[""] = codes.pop(MISSING)
        return codes_of_texts(graph, x, codes)
    # A column of truth values may be declared as integers, so 0 and 1 get the codes of False and True.
    of_truth = {str(i): codes[text] for i, text in enumerate(("False", "True")) if text in codes}
    codes = of_truth if isinstance(kind, BooleanTensorType) else of_truth | codes
    if isinstance(kind, DoubleTensorType | FloatTensorType):
        return codes_of_floats(graph, x, codes)
    return codes_of_digits(graph, x, codes)


def codes_of_texts(graph: Nodes, x: str, codes: dict[str, int]) -> str:
    """Add the node that looks up the codes of strings; other strings have code 0."""
    codes = codes or {"": 0}  # the node needs a key
    return graph(
        "LabelEncoder", x, op_domain="ai.onnx.ml", op_version=2,
        keys_strings=[text.encode() for text in codes], values_int64s=[*codes.values()], default_int64=0,
    )  # fmt: skip


def codes_of_digits(graph: Nodes, x: str, codes: dict[str, int]) -> str:
    """Add the nodes that look up the codes of whole numbers, which are categories by their digits."""
    return codes_of_texts(graph, graph("Cast", graph.cast(x, np.int64), to=TensorProto.STRING), codes)


def codes_of_floats(graph: Nodes, x: str, codes: dict[str, int]) -> str:
    """Add the nodes that look up the codes of floats: of whole numbers, of others, and of missing ones."""
    x = graph.cast(x, np.float64)
    whole = graph("Equal", graph.cast(graph.cast(x, np.int64), np.float64), x)
    missing = np.array(codes.get(MISSING, 0), np.int64)
    found = graph("Where", whole, codes_of_digits(graph, x, codes), codes_of_fractions(graph, x, codes))
    return graph("Where", graph("IsNaN", x), missing, found)


def codes_of_fractions(graph: Nodes, x: str, codes: dict[str, int]) -> str:
    """Add the nodes that look up the codes of numbers that are not whole; return the name, or a constant 0.

    They are compared in float64, in which a text stands for a single number; LabelEncoder has float32 only.
    """
    codes = {text: code for text, code in codes.items() if is_fraction(text)}
    if not codes:
        return graph.constant(np.array(0, np.int64))
    equal = graph("Equal", x, np.array([*map(float, codes)])[None])
    values = np.array([*codes.values()], np.float64)[:, None]
    return graph.cast(graph("MatMul", graph.cast(equal, np.float64), values), np.int64)


def is_fraction(text: str) -> bool:
    """Return whether the text of a category is that of a number that is not whole."""
    try:
        return text == str(float(text)) and not float(text).is_integer()
    except ValueError:
        return False
