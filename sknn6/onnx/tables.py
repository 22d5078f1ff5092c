"""The ONNX nodes that encode a table with categories or missing values."""

import numpy as np

from sknn6.estimators.fitted import columns_of
from sknn6.tables import MISSING

__all__ = ["is_table_model", "table_nodes"]

# ONNX's number for the type string.
STRING = 8


def is_table_model(estimator):
    """Return whether an estimator was fitted on a table with categories or missing values."""
    return getattr(estimator, "_table", None) is not None


def table_nodes(graph, operator):
    """Add the nodes that encode the inputs of an operator; return the name of the encoded table.

    A table has one input per column, or a single input if all columns are numbers. A missing number is NaN, a
    missing string is the empty one, and whole numbers are never missing.
    """
    columns = columns_of(operator.raw_operator)
    missing, encoded = {}, []
    for j, fill in zip(columns.numbers, columns.fills, strict=True):
        x = graph.cast(input_column(graph, operator, j), graph.dtype)
        missing[j] = graph("IsNaN", x)
        encoded.append(graph("Where", missing[j], fill, x))
    encoded += [graph.cast(missing[j], graph.dtype) for j in columns.gaps]
    for j, categories in zip(columns.one_hot + columns.embedded, columns.categories, strict=True):
        encoded.append(graph.cast(code_nodes(graph, operator, j, categories), graph.dtype))
    return graph("Concat", *encoded, axis=1)


def input_column(graph, operator, j):
    """Return the name of a column, of shape (n_samples, 1)."""
    if len(operator.inputs) > 1 or len(columns_of(operator.raw_operator).sources) == 1:
        return operator.inputs[j].full_name
    return graph("Gather", operator.inputs[0].full_name, np.array([j]), axis=1)


def code_nodes(graph, operator, j, categories):
    """Add the nodes that look up the codes of a column of categories; return the name of the codes."""
    from skl2onnx.common.data_types import StringTensorType

    codes = {category: code for code, category in enumerate(categories, 1)}
    if MISSING in codes:
        codes.setdefault("", codes.pop(MISSING))
    x = input_column(graph, operator, j)
    if not isinstance(operator.inputs[min(j, len(operator.inputs) - 1)].type, StringTensorType):
        x = graph("Cast", graph.cast(x, np.int64), to=STRING)  # a category is known by its digits
    return graph(
        "LabelEncoder", x, op_domain="ai.onnx.ml", op_version=2,
        keys_strings=[text.encode() for text in codes], values_int64s=list(codes.values()), default_int64=0,
    )  # fmt: skip
