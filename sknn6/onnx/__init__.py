"""Export to ONNX by skl2onnx, which needs to be told of the estimators: see `register`."""

from sknn6.onnx.converters import register

__all__ = ["register"]
