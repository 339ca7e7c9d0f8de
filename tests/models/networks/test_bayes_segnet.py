"""Bayesian SegNet: its size and dropout, and VGG16's weights in its encoder."""

import math
import shutil

import h5py
import keras
import numpy as np
import pytest

import models
from common.errors import UserError
from models.encoders import vgg16

# Hand count after arXiv 1409.1556, table 1, column D: 3x3 kernels and two batch-norm values a filter.
ENCODER = [(3, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 256)]
ENCODER += [(256, 512), (512, 512), (512, 512)] + 3 * [(512, 512)]
DECODER = [(filters, channels) for channels, filters in ENCODER[:0:-1]]  # mirrored, but for the last
LOGITS = 9 * 64 * 19 + 19


def layer_parameters(pairs):
    return sum(9 * channels * filters + 2 * filters for channels, filters in pairs)


@pytest.fixture(scope="module")
def model():
    return models.build("bayes_segnet", (32, 64, 3), 19)


def noise(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), np.uint8)


def test_trainable_parameters_equal_the_hand_count(model):
    count = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    assert count == layer_parameters(ENCODER) + layer_parameters(DECODER) + LOGITS
    assert 29.4e6 < count < 29.5e6


def test_dropout_of_one_half_ends_the_six_central_blocks(model):
    dropouts = {layer.name: layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)}
    names = [f"{part}{block}_dropout" for part in ("encoder", "decoder") for block in (3, 4, 5)]
    assert dropouts == dict.fromkeys(names, 0.5)


def test_an_option_it_does_not_have_is_named():
    with pytest.raises(UserError, match="no option 'dropuot'; there are: dropout, encoder_weights"):
        models.build("bayes_segnet", (64, 64, 3), 19, dropuot=0.5)


@pytest.fixture(scope="module")
def theirs():
    """Keras's own VGG16 without top, its biases set to what trained ones look like."""
    network = keras.applications.VGG16(include_top=False, weights=None, input_shape=(64, 64, 3))
    random = np.random.default_rng(0)
    network.set_weights([w if w.ndim == 4 else random.normal(0, 5, w.shape) for w in network.get_weights()])
    return network


@pytest.fixture(scope="module")
def file(theirs, tmp_path_factory):
    """Its weights in the layout of the published file."""
    path = tmp_path_factory.mktemp("vgg16") / "vgg16.h5"
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.array([layer.name for layer in theirs.layers], "S")
        for layer in theirs.layers:
            names = [f"{layer.name}_{kind}_1:0" for kind in "Wb"][: len(layer.get_weights())]
            group = file.create_group(layer.name)
            group.attrs["weight_names"] = np.array(names, "S")
            for name, array in zip(names, layer.get_weights()):
                group[name] = array
    return path


class TestEncoderWeights:
    def test_give_the_features_of_keras_own_vgg16(self, theirs, file):
        image = noise((2, 64, 64))
        ours = models.build("bayes_segnet", (64, 64, 3), 19, encoder_weights=str(file))
        features = keras.Model(ours.input, ours.get_layer("pool5").output[0])(image)
        prepared = keras.applications.vgg16.preprocess_input(image.astype("float32"))
        expected = theirs(prepared)
        assert np.count_nonzero(expected) > np.size(expected) / 4
        np.testing.assert_allclose(features, expected, rtol=1e-3, atol=1e-4 * np.max(expected))

    def test_leave_scale_and_offset_of_batch_norm_alone(self, file):
        ours = models.build("bayes_segnet", (32, 32, 3), 19, encoder_weights=str(file))
        gamma, beta, mean, variance = ours.get_layer("encoder3_2_bn").get_weights()
        with h5py.File(file) as stored:
            np.testing.assert_array_equal(mean, -stored["block3_conv2/block3_conv2_b_1:0"][:])
        assert (gamma == 1).all() and (beta == 0).all() and np.allclose(variance, 0.999)

    @pytest.mark.slow
    def test_of_another_network_are_refused(self, file, tmp_path):
        other = tmp_path / "other.h5"
        shutil.copy(file, other)
        with h5py.File(other, "a") as made:
            made.attrs["layer_names"] = [
                name for name in made.attrs["layer_names"] if name != b"block4_conv2"
            ]
        with pytest.raises(UserError, match=f"{other} has no kernel and bias of 'block4_conv2': not VGG16's"):
            models.build("bayes_segnet", (32, 32, 3), 19, encoder_weights=str(other))
        shutil.copy(file, other)
        with h5py.File(other, "a") as made:
            del made["block4_conv2/block4_conv2_W_1:0"]
            made["block4_conv2/block4_conv2_W_1:0"] = np.zeros((3, 3, 512, 256), "float32")
        with pytest.raises(UserError, match="encoder4_2_conv/kernel.*has shape"):
            models.build("bayes_segnet", (32, 32, 3), 19, encoder_weights=str(other))

    def test_that_are_missing(self, tmp_path):
        with pytest.raises(UserError, match=f"no encoder weights at {tmp_path}/no.h5; give none, imag"):
            models.build("bayes_segnet", (32, 32, 3), 19, encoder_weights=str(tmp_path / "no.h5"))

    def test_are_those_that_keras_would_fetch(self, monkeypatch):
        class Fetched(Exception):
            pass

        def get_file(file, address, cache_subdir, file_hash):
            raise Fetched(file, address, cache_subdir, file_hash)

        monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)
        with pytest.raises(Fetched) as raised:
            keras.applications.VGG16(include_top=False, weights="imagenet", input_shape=(224, 224, 3))
        published = vgg16.IMAGENET
        assert raised.value.args == (published.file, published.address, "models", published.md5)
