"""TensorRT engines, built on the machine that uses them.

This folder, `inference/tensorrt`, `convert_to_onnx.py` and a few files (docs/jetson.md names them) are all
that a Jetson needs, beside NumPy, OpenCV and its own TensorRT: Python 3.8 runs them, without Keras or
TensorFlow.
"""
