"""TensorRT engines in use; runs on a Jetson (Python 3.8) without Keras or TensorFlow."""
