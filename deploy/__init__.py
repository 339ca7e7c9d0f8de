"""Trained models in use: runtimes with one `predict(images) -> labels` interface."""
