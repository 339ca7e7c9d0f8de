"""`models.build`: what a name and its options stand for, auxiliary outputs, sizes, old names."""

import keras
import numpy as np
import pytest

import models
from common.errors import UserError
from models import registry
from models.decoders import joined
from models.encoders import Features
from tiny import REPO

SIZE = (64, 64)


@pytest.fixture(scope="module")
def both():
    """DeepLabV3+ with its auxiliary head."""
    keras.utils.set_random_seed(0)
    return models.build("deeplabv3+", (*SIZE, 3), 5, auxiliary=True)


def images(count=2):
    return np.random.default_rng(0).integers(0, 256, (count, *SIZE, 3), np.uint8)


@pytest.mark.slow
def test_auxiliary_scores_stand_beside_the_logits_over_the_same_weights(both):
    outputs = both(images(), training=False)
    assert set(outputs) == {"logits", "auxiliary"}
    assert all(tuple(output.shape) == (2, *SIZE, 5) for output in outputs.values())
    keras.utils.set_random_seed(0)
    alone = models.build("deeplabv3+", (*SIZE, 3), 5)
    shared = {weight.path: weight for weight in both.weights if not weight.path.startswith("auxiliary")}
    assert shared.keys() == {weight.path for weight in alone.weights}
    for weight in alone.weights:
        weight.assign(shared[weight.path])
    np.testing.assert_array_equal(alone(images(), training=False), outputs["logits"])


@pytest.mark.slow
def test_scores_that_inference_needs_are_auxiliary_ones_as_well():
    network = models.build("ocrnet", (*SIZE, 3), 5, encoder="resnet18_v1c", auxiliary=True)
    alone = models.build("ocrnet", (*SIZE, 3), 5, encoder="resnet18_v1c")
    assert {weight.path for weight in network.weights} == {weight.path for weight in alone.weights}
    for weight, other in zip(network.weights, alone.weights, strict=True):
        other.assign(weight)
    outputs = network(images(), training=False)
    np.testing.assert_array_equal(alone(images(), training=False), outputs["logits"])
    first = keras.Model(network.input, network.get_layer("regions_scores").output)(images(), training=False)
    assert tuple(first.shape) == (2, 8, 8, 5)
    np.testing.assert_allclose(
        outputs["auxiliary"], keras.ops.image.resize(first, SIZE), rtol=1e-5, atol=1e-5
    )


@pytest.mark.slow
def test_an_architecture_without_an_auxiliary_head_says_so():
    for name, options in (("unet", {}), ("unet", {"encoder": "mobilenetv2"})):
        with pytest.raises(UserError, match=f"{name} has no auxiliary head; leave `auxiliary` out"):
            models.build(name, (*SIZE, 3), 5, auxiliary=True, **options)


def test_a_name_is_a_network_or_with_an_encoder_a_decoder():
    assert models.options_of("unet", {}) == {"width": 64, "preset": "paper", "dropout": 0.1}
    on_xception = models.options_of("unet", {"encoder": "xception"})
    assert on_xception["encoder"] == "xception" and on_xception["output_stride"] == 32
    assert "width" not in on_xception
    assert models.options_of("deeplabv3+", {})["encoder"] == "mobilenetv2"
    with pytest.raises(UserError, match="unet has no option 'width'; there are: encoder, output_stride"):
        models.build("unet", (*SIZE, 3), 5, encoder="xception", width=8)


def test_options_by_their_name_of_version_0_1():
    old = models.options_of("deeplabv3+", {"backbone": "resnet50"})
    assert old["encoder"] == "resnet50_keras" and "backbone" not in old


def test_sizes_follow_from_what_is_built():
    assert models.size_multiple("fastscnn", {}) == 32
    assert models.size_multiple("unet", {}) == 16
    assert models.size_multiple("unet", {"encoder": "resnet50"}) == 32
    assert models.size_multiple("deeplabv3+", {"output_stride": 8}) == 8
    assert models.size_multiple("fcn", {}) == 8
    assert models.size_multiple("fcn", {"encoder": "hrnet_w18"}) == 32  # the only one that it has
    assert models.nearest_size("deeplabv3+", {}, (100.0, 39.0)) == (96, 32)
    with pytest.raises(UserError, match="unet takes .* multiples of 32, not 48,64; nearest: 32,64 or 64,64"):
        models.build("unet", (48, 64, 3), 5, encoder="resnet50")


def test_encoder_layers_are_told_by_what_was_built(both):
    layers = models.encoder_layers(both)
    assert {layer.name for layer in layers} >= {"Conv1", "out_relu"}
    own = {weight.path.split("/")[0] for weight in both.weights} - {layer.name for layer in layers}
    assert all(name.startswith(("aspp_", "decoder_", "scores", "auxiliary")) for name in own)
    with pytest.raises(UserError, match="fastscnn has no encoder with published weights"):
        models.encoder_layers(models.build("fastscnn", (*SIZE, 3), 5))


def test_encoder_layers_that_a_decoder_does_not_read_are_none_of_the_model():
    layers = models.encoder_layers(models.build("pspnet", (64, 64, 3), 5, encoder="resnet18", preset="smp"))
    stages = {layer.name.split("_")[0] for layer in layers if layer.weights}
    assert stages == {"conv1", "bn1", "layer1", "layer2"}  # of four; it reads 1/8


def test_heads_that_join_all_levels_need_all_of_them():
    with pytest.raises(UserError, match="value of inputs of fcn 'all'; there are: deepest, joined"):
        models.build("fcn", (64, 64, 3), 5, encoder="resnet18", inputs="all")
    features = Features("shallow", {4: None, 8: None}, (), None)  # an encoder of somebody's own
    with pytest.raises(UserError, match="fcn needs features at 1/16, 1/32, which shallow does not have"):
        joined.is_joined("joined", features, "fcn")
    assert not joined.is_joined("deepest", features, "fcn") and not joined.is_joined(None, features, "fcn")


def test_every_entry_of_the_registry_can_be_imported():
    from importlib import import_module

    for found in registry.ARCHITECTURES.values():
        assert found.network or found.encoder
        for module in filter(None, (found.network, found.decoder)):
            assert callable(import_module(module).build)
        if found.decoder:
            assert {"NAME", "LEVELS", "OUTPUT_STRIDES"} <= set(vars(import_module(found.decoder)))
    for found in registry.ENCODERS.values():
        assert callable(import_module(found.module).build)


@pytest.mark.slow
def test_layers_of_one_shape_start_from_different_numbers():
    keras.utils.set_random_seed(0)
    for encoder in ("resnet18", "mobilenet_v2"):
        model = models.build("fpn", (32, 32, 3), 5, encoder=encoder)
        kernels = [w for w in model.trainable_weights if w.name == "kernel"]
        sums = [float(np.abs(np.asarray(kernel)).sum()) for kernel in kernels]
        assert len(set(sums)) == len(sums)


@pytest.mark.slow
def test_importing_a_module_draws_no_random_number():
    """Or the first model that is built in a process would start from other numbers than the second."""
    import subprocess
    import sys

    code = (
        "import random, keras, models; keras.utils.set_random_seed(0); state = random.getstate()\n"
        "from importlib import import_module\n"
        "from models import registry\n"
        "for found in (*registry.ARCHITECTURES.values(), *registry.ENCODERS.values()):\n"
        "    for kind in ('network', 'decoder', 'module'):\n"
        "        getattr(found, kind, None) and import_module(getattr(found, kind))\n"
        "assert random.getstate() == state"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=REPO)
