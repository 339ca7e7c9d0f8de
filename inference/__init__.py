"""Trained models in use: runtimes with one predict() for every kind of file; images and videos."""
