"""Weights in files: this project's own, keras.applications' and those of Keras 2."""
