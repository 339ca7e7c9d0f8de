"""Published encoder weights: read as arrays, checked layer by layer, fetched or explained."""

from urllib.parse import urlsplit

import h5py
import keras
import numpy as np
import pytest

from common.errors import UserError
from file_server import serving
from models import encoders
from models.encoders import mobilenet_v2, resnet, resnet50, torch_mobilenet_v2, vgg, xception
from models.weights import download_http, encoder_weights, imagenet, native

pytestmark = pytest.mark.slow

SHAPE = (64, 64, 3)


def application(make, path):
    """An application with fresh weights, saved by Keras as a whole model in HDF5."""
    network = make(include_top=False, weights=None, input_shape=(None, None, 3))
    network.save(path)
    return network


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "whole.h5"
    return path, application(keras.applications.MobileNetV2, path)


@pytest.fixture
def notop(whole, tmp_path):
    """The same as a weights-only file, which keras.applications fetch: the model's group at the root."""
    path = tmp_path / "notop.h5"
    with h5py.File(whole[0]) as source, h5py.File(path, "w") as file:
        group = source["model_weights"]
        for name in group:
            source.copy(group[name], file, name)
        for name, value in group.attrs.items():
            file.attrs[name] = value
    return path


def built(name, source):
    image = keras.Input(SHAPE, name="image")
    file = encoder_weights.find(source, name)
    features = encoders.build(name, image, 16)
    encoder_weights.fill(features, file)
    return keras.Model(image, features.at[32])


def assert_same(network, encoder):
    for layer in network.layers:
        if layer.weights:
            for expected, actual in zip(layer.get_weights(), encoder.get_layer(layer.name).get_weights()):
                np.testing.assert_array_equal(actual, expected)


def test_whole_models_and_weights_alone_load_one_to_one(whole, notop):
    assert_same(whole[1], built("mobilenetv2", whole[0]))
    assert_same(whole[1], built("mobilenetv2", str(notop)))


def test_layers_with_other_names_are_matched_in_order(tmp_path):
    network = application(keras.applications.Xception, tmp_path / "x.h5")  # conv2d_4, add_7, ...
    encoder = built("xception", tmp_path / "x.h5")
    for automatic, kind in (("conv2d", "conv"), ("batch_normalization", "bn")):
        xception.rename(network, automatic, [f"block{n}_shortcut_{kind}" for n in xception.SHORTCUTS])
    assert sum(bool(layer.weights) for layer in network.layers) == 4 + 4 + 36 + 36
    assert_same(network, encoder)


def test_another_width_names_layer_and_shapes(tmp_path):
    def half(**options):
        return keras.applications.MobileNetV2(alpha=0.5, **options)

    application(half, tmp_path / "half.h5")
    with pytest.raises(UserError, match=r"half.h5: layer 'Conv1' has shapes \[\(3, 3, 3, 16\)\], .*3, 32"):
        built("mobilenetv2", tmp_path / "half.h5")


def test_another_network_is_refused(whole):
    with pytest.raises(
        UserError, match="has 104 layers with weights, resnet50_keras .* 106; give its no-top"
    ):
        built("resnet50_keras", whole[0])


def test_values_that_are_no_numbers_are_refused(notop):
    with h5py.File(notop, "r+") as file:
        names = file["block_5_project_BN"].attrs["weight_names"]
        file["block_5_project_BN"][names[0]][3] = np.nan
    with pytest.raises(UserError, match="layer 'block_5_project_BN' has values that are no finite numbers"):
        built("mobilenetv2", notop)


def test_arrays_kept_in_another_file_are_refused(notop, tmp_path):
    np.zeros(864, "float32").tofile(tmp_path / "secret.bin")
    with h5py.File(notop, "r+") as file:
        group = file["Conv1"]
        name = group.attrs["weight_names"][0]
        del group[name]
        group.create_dataset(
            name, (3, 3, 3, 32), "float32", external=[(str(tmp_path / "secret.bin"), 0, 3456)]
        )
    with pytest.raises(UserError, match=r"'Conv1/.*' points into another file"):
        built("mobilenetv2", notop)


@pytest.mark.parametrize(
    "link", [h5py.ExternalLink("whole.h5", "/model_weights/Conv1"), h5py.SoftLink("/bn_Conv1")]
)
def test_links_are_not_followed(notop, link):
    with h5py.File(notop, "r+") as file:
        del file["Conv1"]
        file["Conv1"] = link
    with pytest.raises(UserError, match=r"has 10[34] layers with weights|has no 'Conv1/.*', which it lists"):
        built("mobilenetv2", notop)


def test_files_of_other_kinds_are_named(tmp_path):
    (tmp_path / "text.h5").write_text("no weights")
    with pytest.raises(UserError, match=r"text.h5 is not readable as HDF5 weights"):
        built("mobilenetv2", tmp_path / "text.h5")
    native.write_arrays(tmp_path / "ours.h5", {"Conv1/kernel": np.zeros(3)}, {})
    with pytest.raises(UserError, match="ours.h5 is not an HDF5 weights file of Keras .*layer_names"):
        built("mobilenetv2", tmp_path / "ours.h5")
    with pytest.raises(UserError, match=r"no encoder weights at .*missing.h5; give none, imagenet or"):
        built("mobilenetv2", tmp_path / "missing.h5")


@pytest.fixture
def server(monkeypatch, tmp_path):
    """A server in the place of all, without files, and a home of Keras without any."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with serving({}) as (files, address):
        monkeypatch.setenv(download_http.MIRROR, address)
        yield files


def test_imagenet_weights_that_cannot_be_fetched_say_what_to_put_where(server, tmp_path):
    with pytest.raises(UserError) as raised:
        built("resnet50_keras", "imagenet")
    name = resnet50.IMAGENET.file
    (asked,) = server.asked
    assert str(raised.value).startswith(f"cannot fetch {name} (HTTP 404 Not Found); fetch http://127.0.0.1:")
    assert str(raised.value).endswith(f"{asked[0]} and put it at {tmp_path}/models/{name}")
    assert resnet50.IMAGENET.address.endswith(asked[0])


def test_fetched_weights_are_loaded(server, whole, tmp_path):
    published = mobilenet_v2.IMAGENET
    server.files[urlsplit(published.address).path] = whole[0].read_bytes()
    for _ in range(2):
        assert_same(whole[1], built("mobilenetv2", "imagenet"))
    assert len(server.asked) == 1 and (tmp_path / "models" / published.file).is_file()


def test_torchvisions_files_are_checked_by_the_digits_in_their_names(server, tmp_path):
    published = resnet.IMAGENET["resnet18"]
    server.files[urlsplit(published.address).path] = b"damaged"
    with pytest.raises(
        UserError, match=r"resnet18-f37072fd.pth came damaged: its SHA-256 begins with 41f0c2.*, not f37072fd"
    ):
        encoder_weights.find("imagenet", "resnet18")
    assert not list((tmp_path / "models").iterdir())
    with pytest.raises(
        UserError, match="there are no ImageNet weights for resnet18_v1c; give none or a file"
    ):
        encoder_weights.find("imagenet", "resnet18_v1c")


def test_they_are_the_files_that_torchvision_would_fetch():
    theirs = pytest.importorskip("torchvision.models")

    for module in (resnet, torch_mobilenet_v2, vgg):
        for name, published in module.IMAGENET.items():
            assert theirs.get_model_weights(name).IMAGENET1K_V1.url == published.address


@pytest.mark.parametrize(
    "make, published",
    [
        (keras.applications.MobileNetV2, mobilenet_v2.IMAGENET),
        (keras.applications.ResNet50, resnet50.IMAGENET),
        (keras.applications.Xception, xception.IMAGENET),
    ],
    ids=["mobilenetv2", "resnet50_keras", "xception"],
)
def test_what_is_fetched_is_what_keras_would_fetch(monkeypatch, make, published):
    class Fetched(Exception):
        pass

    def get_file(file, address, cache_subdir, file_hash=None):
        raise Fetched(file, address, cache_subdir, file_hash)

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", get_file)
    with pytest.raises(Fetched) as raised:
        make(include_top=False, weights="imagenet", input_shape=(224, 224, 3))
    expected = (published.file, published.address, "models", published.md5)
    assert raised.value.args == expected


def test_modified_xception_has_none_on_imagenet():
    with pytest.raises(UserError, match="there are no ImageNet weights for modified_xception; give none or"):
        imagenet.find("imagenet", "modified_xception", None)
