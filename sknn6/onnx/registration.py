"""Register the converters with skl2onnx, which they need and `import sknn6.onnx` does not."""

from sknn6.optional import require

__all__ = ["register"]


def register() -> None:
    """Register the estimators with skl2onnx, whose ``to_onnx`` then converts them, in Pipelines too.

    A converted classifier has the outputs and options of skl2onnx's own classifiers: "label", and
    "probabilities", which are dicts unless ``options={"zipmap": False}``, which float64 needs. For multilabel
    targets, both outputs have one column per label; the output of a regressor has one column per target. A
    model of a data frame has one input per column. float64 input is computed in float64, all other input in
    float32, but integers of 32 bits or more are scaled in float64. Batch normalisation and batch whitening
    are merged into the linear layer before them.

    Raises
    ------
    ImportError
        If skl2onnx is not installed; ``pip install "sknn6[onnx]"`` installs it.

    Notes
    -----
    The conversion raises NotImplementedError for an activation that is not from this package, and ValueError
    for a `target_opset` below 13 and for classes that are neither whole numbers nor strings.

    Examples
    --------
    >>> import sknn6.onnx
    >>> from skl2onnx import to_onnx
    >>> from sklearn.datasets import load_iris
    >>> from sknn6 import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = MLPClassifier(random_state=0).fit(X, y)
    >>> sknn6.onnx.register()
    >>> onnx_model = to_onnx(classifier, X[:1], options={"zipmap": False})
    >>> [output.name for output in onnx_model.graph.output]
    ['label', 'probabilities']
    """
    skl2onnx = require("skl2onnx", "sknn6[onnx]")
    from sknn6.onnx.converters import CONVERTERS

    for estimator, shape, convert, options in CONVERTERS:
        skl2onnx.update_registered_converter(
            estimator, f"Sknn6{estimator.__name__}", shape, convert, options=options
        )
