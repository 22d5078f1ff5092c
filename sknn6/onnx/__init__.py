"""Export of fitted estimators to ONNX, by converters that `register` adds to skl2onnx."""

from sknn6.onnx.registration import register

__all__ = ["register"]
