"""Tiny models whose batch norm has statistics of images, so that they see several classes."""

import cv2
import numpy as np

import models
from data.label_sets import CITYSCAPES
from models.weights import native


def noise(height, width, seed=0):
    """A smooth image, uint8 [H, W, 3]."""
    small = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), np.uint8)
    return cv2.resize(small, (width, height))


def network(name, size, classes=CITYSCAPES.classes, **options):
    """A model with random weights and statistics; two calls make the same."""
    import keras

    keras.utils.set_random_seed(0)
    model = models.build(name, (*size, 3), classes, **options)
    random = np.random.default_rng(0)
    for layer in model.layers:
        if "BatchNorm" in type(layer).__name__:
            gamma, beta, *_ = layer.get_weights()
            layer.momentum = 0.0
            layer.gamma.assign(random.uniform(0.7, 1.3, gamma.shape))
            layer.beta.assign(random.normal(0, 0.2, beta.shape))
    model(np.stack([noise(*size, seed) for seed in range(4)]), training=True)
    for layer in model.layers:  # a few pixels have hardly any variance, which would magnify rounding
        if "BatchNorm" in type(layer).__name__:
            layer.moving_variance.assign(np.maximum(layer.moving_variance, 1e-2))
    return model


def weights_file(path, name, size, **options):
    """Write such a model's weights and return the path."""
    origin = native.Origin(name, CITYSCAPES.classes, size, options)
    native.write(path, network(name, size, **options), origin)
    return path


def copy_with_origin(source, path, **changed):
    """A copy of a weights file that says something else about itself."""
    arrays, origin = native.read_arrays(source)
    native.write_arrays(path, arrays, origin | changed)
    return path
