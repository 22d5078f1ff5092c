"""Converters for skl2onnx: for each estimator, the shapes of its outputs and its ONNX nodes."""

from collections.abc import Callable
from typing import Any

import numpy as np
from skl2onnx.common.data_types import (
    BooleanTensorType,
    DoubleTensorType,
    FloatTensorType,
    Int8TensorType,
    Int32TensorType,
    Int64TensorType,
    StringTensorType,
    UInt8TensorType,
)
from skl2onnx.common.utils import check_input_and_output_numbers, check_input_and_output_types
from skl2onnx.common.utils_classifier import get_label_classes
from sklearn.utils.validation import check_is_fitted

from sknn6.estimators import MLPClassifier, MLPRegressor
from sknn6.estimators.fitted import architecture_of, columns_filling_means, columns_of, network_of, targets_of
from sknn6.nn.annotations import Array
from sknn6.nn.links import largest_exponent
from sknn6.onnx.annotations import Container, Operator, Scope
from sknn6.onnx.graph import Graph, has_float64
from sknn6.onnx.layers import bend, network_nodes
from sknn6.preprocessing import Standardizer, Whitener
from sknn6.preprocessing.arithmetic import subtrahend
from sknn6.threads import products_share_cores
from sknn6.training.targets import Classes, Labels

__all__ = ["CONVERTERS"]

# skl2onnx has no other integers.
NUMBERS = [
    BooleanTensorType, DoubleTensorType, FloatTensorType, Int8TensorType, UInt8TensorType, Int32TensorType,
    Int64TensorType,
]  # fmt: skip

# The same options as those of skl2onnx's converter for scikit-learn's MLPClassifier.
CLASSIFIER_OPTIONS = {
    "zipmap": [True, False, "columns"],
    "output_class_labels": [False, True],
    "nocl": [True, False],
}


def check_input(operator: Operator) -> None:
    """Raise an error unless all inputs are numeric; those of a table may also be strings."""
    is_table = columns_of(operator.raw_operator) is not None
    check_input_and_output_numbers(operator, input_count_range=[1, None])
    check_input_and_output_types(
        operator, good_input_types=[*NUMBERS, StringTensorType] if is_table else NUMBERS
    )
    check_is_fitted(operator.raw_operator)
    check_columns(operator)


def check_columns(operator: Operator) -> None:
    """Raise ValueError if the inputs are columns of a frame, but not those of `fit` in their order."""
    model, given = operator.raw_operator, [entry.raw_name for entry in operator.inputs]
    expected = [str(name) for name in getattr(model, "feature_names_in_", ())]
    if len(given) == 1 < len(expected):  # an array, which has no names
        return
    elsewhere = any(name in expected and expected.index(name) != i for i, name in enumerate(given))
    if elsewhere or (len(given) != len(expected) and not set(given).isdisjoint(expected)):
        raise ValueError(
            f"The example for the export of {type(model).__name__} must have the columns of fit in their "
            f"order, {expected}, got {given}."
        )


def float_type(operator: Operator) -> Any:
    """Return the float type of the outputs of an operator."""
    return DoubleTensorType if has_float64(operator) else FloatTensorType


def shape_columns(operator: Operator) -> None:
    """Set the output of a regressor or transformer: floats, one column per target or feature."""
    check_input(operator)
    entry, (output,) = operator.inputs[0], operator.outputs
    model = operator.raw_operator
    n_columns = model.n_outputs_ if isinstance(model, MLPRegressor) else len(model.get_feature_names_out())
    output.set_type(float_type(operator)([entry.get_first_dimension(), n_columns]))


def shape_classifier(operator: Operator) -> None:
    """Set the outputs of a classifier: labels (strings or integers) and probabilities."""
    check_input(operator)
    entry, (label, probabilities) = operator.inputs[0], operator.outputs
    n_rows, n_classes = entry.get_first_dimension(), len(operator.raw_operator.classes_)
    kind = Int64TensorType if class_labels(operator).dtype == np.int64 else StringTensorType
    label.set_type(kind([n_rows, n_classes] if is_multilabel(operator.raw_operator) else [n_rows]))
    probabilities.set_type(float_type(operator)([n_rows, n_classes]))


def is_multilabel(classifier: Any) -> bool:
    """Return whether the classifier is a multilabel one, with an independent probability per label."""
    return isinstance(targets_of(classifier), Labels)


def class_labels(operator: Operator) -> Array:
    """Return the classes as int64 or UTF-8; with the option "nocl", their indices."""
    classes = get_label_classes(operator.scope_inst, operator.raw_operator)
    if classes.dtype.kind in "biuf" and (classes == np.trunc(classes)).all():
        return classes.astype(np.int64)
    if all(isinstance(label, str) for label in classes):
        return np.array([label.encode() for label in classes], dtype=object)
    raise ValueError(f"Export to ONNX needs classes that are whole numbers or strings, got {list(classes)}.")


def convert_classifier(scope: Scope, operator: Operator, container: Container) -> None:
    """Add the nodes of an MLPClassifier."""
    graph, classifier = Graph(scope, operator, container), operator.raw_operator
    P = predictions(graph, classifier)
    label, probabilities = operator.outputs
    graph.write(probabilities, P)
    if is_multilabel(classifier):
        graph.write(label, graph.cast(graph("Greater", P, 0.5), np.int64))
    else:
        graph.write(label, graph("Gather", class_labels(operator), graph("ArgMax", P, axis=1, keepdims=0)))


def convert_regressor(scope: Scope, operator: Operator, container: Container) -> None:
    """Add the nodes of an MLPRegressor."""
    graph = Graph(scope, operator, container)
    graph.write(operator.outputs[0], predictions(graph, operator.raw_operator))


@products_share_cores()
def predictions(graph: Graph, mlp: Any) -> str:
    """Add the nodes of the predictions, averaged over the members of an ensemble; return their name."""
    columns = columns_filling_means(mlp)
    if columns is not None:
        means = np.array([columns.fills], graph.input_dtype)
        graph.input = graph("Where", graph("IsNaN", graph.input), means, graph.input)
    with np.errstate(all="ignore"):  # as in a prediction
        Z = network_nodes(graph, network_of(mlp, graph.dtype))
    targets = targets_of(mlp)
    if isinstance(targets, Classes) and targets.binary:
        Z = graph("Concat", graph("Neg", Z), Z, axis=-1)
    P = find_link(mlp.out_activation_)(graph, Z)
    members = architecture_of(mlp).members
    if members > 1:
        P = graph("ReduceSum", graph("Mul", P, 1 / members), np.array([0]), keepdims=0)
    if targets.scaling is None:
        return P
    scale, mean = (array.astype(graph.dtype) for array in (targets.scaling.scale, targets.scaling.mean))
    return graph("Add", graph("Mul", P, scale), mean)


def softmax(graph: Graph, Z: str) -> str:
    """P = exp(z) / sum exp(z)."""
    return graph("Softmax", Z, axis=-1)


def logistic(graph: Graph, Z: str) -> str:
    """P = 1 / (1 + exp(-z))."""
    return graph("Sigmoid", Z)


def identity(graph: Graph, Z: str) -> str:
    """P = z."""
    return Z


def in_order(graph: Graph, Z: str) -> str:
    """P = the outputs of each sample in increasing order."""
    n_outputs = graph("Gather", graph("Shape", Z), np.array([-1]))
    return graph("TopK", Z, n_outputs, n_outputs=2, axis=-1, largest=0)[0]


def exponential(graph: Graph, Z: str) -> str:
    """P = e^z, clipped to the range of the floats."""
    return graph("Exp", graph("Min", Z, float(largest_exponent(graph.dtype))))


LINKS: dict[str, Callable[[Graph, str], str]] = {
    "softmax": softmax,
    "logistic": logistic,
    "identity": identity,
    "in_order": in_order,
    "exp": exponential,
}


def find_link(out_activation: str) -> Callable[[Graph, str], str]:
    """Return the function that adds the nodes of an output activation."""
    if out_activation not in LINKS:
        raise NotImplementedError(
            f"Export to ONNX needs output activations among {sorted(LINKS)}, got {out_activation!r}."
        )
    return LINKS[out_activation]


def convert_standardizer(scope: Scope, operator: Operator, container: Container) -> None:
    """Add the nodes of a Standardizer."""
    graph, standardizer = Graph(scope, operator, container), operator.raw_operator
    scale = standardizer.scale_.astype(graph.dtype)
    center = np.zeros_like(scale) if standardizer.center_ is None else standardizer.center_
    Z = graph.centre(graph.input, subtrahend(center, scale, graph.input_dtype), scale)
    if standardizer.clip is not None:
        Z = bend(graph, Z, float(standardizer.clip))
    graph.write(operator.outputs[0], Z)


def convert_whitener(scope: Scope, operator: Operator, container: Container) -> None:
    """Add the nodes of a Whitener: z = W (x - mean), where W may be given by its factors."""
    graph, whitener = Graph(scope, operator, container), operator.raw_operator
    centred = graph.centre(graph.input, whitener.mean_)
    right, *more = (factor.astype(graph.dtype) for factor in whitener._whitening)
    Z = graph("MatMul", centred, right.T)
    if more:
        left, diagonal = more
        Z = graph("Add", graph("MatMul", Z, left.T), graph("Mul", centred, diagonal))
    graph.write(operator.outputs[0], Z)


# For each estimator: the functions of the shapes of its outputs and of its nodes, and its options.
CONVERTERS = (
    (MLPClassifier, shape_classifier, convert_classifier, CLASSIFIER_OPTIONS),
    (MLPRegressor, shape_columns, convert_regressor, None),
    (Standardizer, shape_columns, convert_standardizer, None),
    (Whitener, shape_columns, convert_whitener, None),
)
