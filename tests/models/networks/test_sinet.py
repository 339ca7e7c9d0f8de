"""SINet: its size, what it squeezes and blocks, and the order of channels in its published weights."""

import math

import numpy as np
import pytest

import models
from models.networks import sinet
from models.weights.torch_layout import shuffled

torch = pytest.importorskip("torch")


def test_trainable_parameters_are_those_of_the_published_weights():
    model = models.build("sinet", (64, 128, 3), 19)
    assert sum(math.prod(v.shape) for v in model.trainable_variables) == 119_418


@pytest.mark.slow
@pytest.mark.parametrize("size", [(16, 16), (48, 80)])
def test_maps_that_no_squeeze_divides_are_squeezed_all_the_same(size):
    image = np.random.default_rng(0).integers(0, 256, (2, *size, 3), np.uint8)
    logits = models.build("sinet", (*size, 3), 5)(image)
    assert tuple(logits.shape) == (2, *size, 5) and np.isfinite(logits).all()


@pytest.mark.slow
def test_the_scores_of_the_encoder_are_an_output_for_training():
    model = models.build("sinet", (32, 64, 3), 4, auxiliary=True)
    assert {name: output.shape for name, output in model.output.items()} == {
        "logits": (None, 32, 64, 4),
        "auxiliary": (None, 32, 64, 4),
    }
    alone = models.build("sinet", (32, 64, 3), 4)
    assert [v.path for v in alone.weights] == [v.path for v in models.without_auxiliary(model).weights]


def test_finer_features_fill_in_where_no_class_is_certain():
    scores = np.zeros((1, 1, 2, 4), "float32")
    scores[0, 0, 1, 2] = 50  # certain
    fine = np.arange(8, dtype="float32").reshape(1, 1, 2, 4)
    found = np.asarray(sinet.BlockCertain()([fine, scores]))
    np.testing.assert_allclose(found[0, 0, 0], 0.75 * fine[0, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(found[0, 0, 1], scores[0, 0, 1], rtol=1e-6)


@pytest.mark.parametrize(("channels", "groups"), [(6, 2), (50, 5)])
def test_a_shuffle_is_that_of_pytorch_and_another_one_takes_it_back(channels, groups):
    x = np.random.default_rng(0).normal(size=(3, channels, 2))
    theirs = torch.nn.functional.channel_shuffle(torch.from_numpy(x)[..., None], groups)[..., 0].numpy()
    np.testing.assert_array_equal(shuffled(x, groups, 1), theirs)
    np.testing.assert_array_equal(shuffled(theirs, channels // groups, 1), x)
