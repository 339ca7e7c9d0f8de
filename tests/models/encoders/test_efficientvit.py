"""EfficientViT: its size, and its attention beside a plain way to write it."""

import math

import numpy as np
import pytest

import models
from models.encoders.efficientvit import LinearAttention


@pytest.mark.slow
@pytest.mark.parametrize(("encoder", "millions"), [("efficientvit_b0", 0.7), ("efficientvit_b1", 4.8)])
def test_parameters_are_the_published_ones(encoder, millions):
    model = models.build("efficientvit", (32, 64, 3), 19, encoder=encoder)
    count = sum(math.prod(v.shape) for v in model.trainable_variables)
    assert round(count / 1e6, 1) == millions


def test_attention_weighs_values_by_products_of_positive_queries_and_keys():
    head, heads = 4, 3
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 3 * head * heads)).astype("float32")
    found = np.asarray(LinearAttention(head)(x)).reshape(2, 15, heads, head)
    query, key, value = np.moveaxis(x.reshape(2, 15, heads, 3, head), 3, 0)
    weights = np.einsum("bnhd,bmhd->bhnm", query.clip(0), key.clip(0))
    expected = np.einsum(
        "bhnm,bmhd->bnhd", weights / np.maximum(weights.sum(-1, keepdims=True), 1e-15), value
    )
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_pixels_that_ask_for_nothing_get_nothing():
    x = np.ones((1, 2, 2, 6), "float32")
    x[..., :2] = -1  # queries
    np.testing.assert_array_equal(LinearAttention(2)(x), np.zeros((1, 2, 2, 2)))
