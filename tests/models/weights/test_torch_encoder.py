"""Encoders from PyTorch state dicts: of classifiers and whole networks, and what is wrong with others."""

import keras
import numpy as np
import pytest

import made_up
import models
from common.errors import UserError
from models import encoders
from models.weights import encoder_weights, torch_encoder
from models.weights.torch_maps import encoders as maps

SIZE = (64, 64)
COUNTER = "layer1.0.bn1.num_batches_tracked"
SOURCES = {  # prefix of the encoder's keys, and keys of other layers
    "torchvision": ("", {"fc.weight": (1000, 512), "fc.bias": (1000,)}),
    "segmentation_models.pytorch": ("encoder.", {"decoder.blocks.0.conv1.0.weight": (8, 8, 3, 3)}),
    "mmsegmentation": (
        "backbone.",
        {"decode_head.conv_seg.bias": (5,), "auxiliary_head.conv_seg.bias": (5,)},
    ),
}


def built(name, **options):
    return encoders.build(name, keras.Input((*SIZE, 3), name="image"), 32, **options)


@pytest.fixture(scope="module")
def features():
    return built("resnet18")


@pytest.fixture(scope="module")
def whole(features):
    """The state dict of a ResNet-18 without its classifier."""
    return made_up.state_of(features.model, maps.rules("resnet18", ""))


@pytest.fixture
def state(whole):
    return dict(whole)


def fill(features, state):
    return torch_encoder.fill(features.model, features.encoder, state, "file.pth")


@pytest.mark.parametrize("source", SOURCES)
def test_the_encoder_is_filled_and_the_rest_left_out(source, features, state):
    prefix, others = SOURCES[source]
    state[COUNTER] = np.asarray(1)
    given = {prefix + key: value for key, value in state.items()}
    given |= {key: made_up.array(key, shape) for key, shape in others.items()}
    for layer in features.model.layers:
        layer.set_weights([np.zeros(weight.shape) for weight in layer.weights])
    assert fill(features, given) == [prefix + COUNTER, *others]
    model = features.model
    kernel = state["layer2.0.downsample.0.weight"]
    np.testing.assert_array_equal(
        model.get_layer("layer2_0_downsample_0").get_weights()[0], kernel.transpose(2, 3, 1, 0)
    )
    variance = model.get_layer("layer4_1_bn2").get_weights()[3]
    np.testing.assert_array_equal(variance, state["layer4.1.bn2.running_var"])


@pytest.mark.slow
@pytest.mark.parametrize("prefix", ["", "backbone.", "backbone.backbone."])
def test_stdc_comes_alone_or_from_a_network(prefix):
    features = built("stdc1")
    state = made_up.state_of(features.model, maps.rules("stdc1", prefix))
    others = {"decode_head.conv_seg.bias": np.zeros(5)} if prefix else {}
    for layer in features.model.layers:
        layer.set_weights([np.zeros(weight.shape) for weight in layer.weights])
    assert fill(features, state | others) == list(others)
    kernel = state[f"{prefix}stages.2.0.downsample.conv.weight"]  # [128, 1, 3, 3]
    (ours,) = features.model.get_layer("stages_2_0_downsample_conv").get_weights()
    np.testing.assert_array_equal(ours, kernel.transpose(2, 3, 0, 1))
    kernel = state[f"{prefix}stages.4.1.layers.3.conv.weight"]
    (ours,) = features.model.get_layer("stages_4_1_layers_3_conv").get_weights()
    np.testing.assert_array_equal(ours, kernel.transpose(2, 3, 1, 0))


def test_a_missing_key_is_named_with_its_nearest(features, state):
    state["layer1.0.conv_2.weight"] = state.pop("layer1.0.conv2.weight")
    message = r"file.pth has no 'layer1.0.conv2.weight' \(64, 64, 3, 3\); .* 'layer1.0.conv_2.weight'"
    with pytest.raises(UserError, match=message):
        fill(features, state)


def test_a_surplus_key_is_named_with_its_nearest(features, state):
    state["layer1.0.conv22.weight"] = np.zeros(3)
    with pytest.raises(UserError, match=r"'layer1.0.conv22.weight', which resnet18 lacks; .*conv2.weight'"):
        fill(features, state)


def test_another_shape_is_named(features, state):
    state["layer3.0.bn1.bias"] = np.zeros(255, "float32")
    with pytest.raises(UserError, match=r"'layer3.0.bn1.bias' has shape \(255,\), resnet18 needs \(256,\)"):
        fill(features, state)


def test_values_that_are_no_numbers_are_refused(features, state):
    state["bn1.bias"] = np.full(64, np.nan, "float32")
    with pytest.raises(UserError, match="file.pth: 'bn1.bias' has values that are no finite numbers"):
        fill(features, state)


def test_nothing_is_filled_where_something_is_wrong(features, state):
    before = features.model.get_layer("conv1").get_weights()[0] + 1
    features.model.get_layer("conv1").set_weights([before])
    del state["layer4.1.bn2.running_var"]
    with pytest.raises(UserError):
        fill(features, state)
    np.testing.assert_array_equal(features.model.get_layer("conv1").get_weights()[0], before)


def test_another_encoder_is_named(state):
    with pytest.raises(UserError, match="file.pth holds weights of resnet18, not of vgg11; name that"):
        fill(built("vgg11"), state)
    with pytest.raises(UserError, match="file.pth holds no encoder that is known here; vgg11 needs one"):
        fill(built("vgg11"), {"other.weight": np.zeros(3)})


def test_an_encoder_that_no_package_of_pytorch_has_takes_no_such_file(state):
    other = encoders.Features("mobilenetv2", {}, (), keras.Model(*[keras.Input((1,))] * 2))
    with pytest.raises(UserError, match="mobilenetv2 has no PyTorch weights; give a Keras .h5 file"):
        fill(other, {"other.weight": np.zeros(3)})


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, package, others, options",
    [
        ("vgg11_bn", "", ["classifier.0.weight", "classifier.6.bias"], {}),
        ("mobilenet_v2", "", ["classifier.1.weight"], {}),
        ("mobilenet_v2", "", ["features.18.0.weight", "features.18.1.bias"], {"last_conv": False}),
        ("mobilenet_v2", "mmseg", [], {"last_conv": False}),
        ("mobilenet_v2", "timm", ["classifier.weight"], {}),
        ("efficientnet-b0", "", ["conv_head.weight", "bn2.running_var", "classifier.bias"], {}),
        ("xception_torch", "", ["last_linear.weight"], {}),
        ("resnet50_v1c", "", ["fc.weight"], {}),
        ("resnext50_32x4d", "", ["fc.weight"], {}),
        ("mit_b0", "", ["head.weight"], {}),
        ("mit_b1", "mmseg", [], {}),
        ("mit_b0", "hub", [], {}),
        ("mit_b0", "hub-old", [], {}),
    ],
)
def test_each_family_is_recognised_by_each_packages_names(name, package, others, options):
    features = built(name, **options)
    state = made_up.state_of(features.model, maps.rules(name, "", package))
    assert maps.find(state, "").encoder == name
    state |= {key: np.zeros(3) for key in others}
    assert fill(features, state) == others


def assert_starts_from(source, state):
    model = models.build("unet", (*SIZE, 3), 5, encoder="resnet18", encoder_weights=source)
    kernel = model.get_layer("layer1_1_conv2").get_weights()[0]
    np.testing.assert_array_equal(kernel, state["layer1.1.conv2.weight"].transpose(2, 3, 1, 0))


def test_a_model_starts_from_safetensors_or_their_folder(state, tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    safetensors.save_file(state, tmp_path / "model.safetensors")
    assert_starts_from(tmp_path / "model.safetensors", state)
    assert_starts_from(str(tmp_path), state)


def test_a_model_starts_from_a_file_of_torch_save(state, tmp_path):
    torch = pytest.importorskip("torch")
    torch.save({key: torch.from_numpy(value) for key, value in state.items()}, tmp_path / "resnet18.pth")
    assert_starts_from(str(tmp_path / "resnet18.pth"), state)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match="no encoder weights at .*nothing.pth; give none, imagenet or a"):
        encoder_weights.find(tmp_path / "nothing.pth", "resnet18")
    with pytest.raises(UserError, match="there are no ImageNet weights for mit_b0; give none or a file"):
        encoder_weights.find("imagenet", "mit_b0")
