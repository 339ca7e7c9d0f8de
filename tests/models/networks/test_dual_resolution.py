"""DDRNet and PIDNet: their sizes, any multiple of 8, heads for training, pooling, and the authors' names."""

import hashlib
import math

import keras
import numpy as np
import pytest

import golden
import models
from common.errors import UserError
from models import registry
from models.torch_layers import average_pool
from models.weights import native, torch_export

# trainable parameters of mmsegmentation's, with the heads for training
PARAMETERS = {("ddrnet", "23_slim"): 5_734_278, ("pidnet", "s"): 7_720_871}
# tensors of the authors' networks without these heads, and SHA-256 of a sorted list of their keys and shapes
TENSORS = {
    ("ddrnet", "23_slim"): (333, "caf10770c6e9"),
    ("ddrnet", "23"): (333, "4bb9f12a1e23"),
    ("pidnet", "s"): (453, "58d8ab613abe"),
    ("pidnet", "l"): (519, "a89901da3c7d"),
}


def build(name, size=(64, 128), **options):
    with golden.undrawn():
        return models.build(name, (*size, 3), 19, **options)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "variant"), PARAMETERS)
def test_training_has_mmsegmentations_parameters_and_an_output_for_each_head(name, variant):
    model = build(name, variant=variant, auxiliary=True)
    assert sum(math.prod(v.shape) for v in model.trainable_variables) == PARAMETERS[name, variant]
    outputs = model(np.zeros((2, 64, 128, 3), np.uint8))
    assert outputs.keys() == {"logits", *registry.architecture(name).heads}
    for head, output in outputs.items():
        assert tuple(output.shape) == (2, 64, 128, 1 if head == "border" else 19)
        assert output.dtype == "float32"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ddrnet", "pidnet"])
def test_any_multiple_of_eight_is_a_size(name):
    assert models.size_multiple(name, {}) == 8
    logits = build(name, (72, 104))(np.zeros((1, 72, 104, 3), np.uint8))  # 2 x 2 pixels at 1/64
    assert tuple(logits.shape) == (1, 72, 104, 19)


@pytest.mark.parametrize("name", ["ddrnet", "pidnet"])
def test_an_unknown_variant_lists_the_known(name):
    with pytest.raises(UserError, match=f"unknown variant of {name} 'xl'; there are: "):
        build(name, variant="xl")


@pytest.mark.parametrize(("window", "stride"), [(5, 2), (9, 4), (17, 8)])
def test_averages_count_the_zeros_around_the_map(window, stride):
    x, half = np.random.default_rng(0).normal(size=(1, 7, 12, 2)).astype(np.float32), window // 2
    padded = np.pad(x[0], ((half, half), (half, half), (0, 0)))
    expected = [
        [padded[y : y + window, x : x + window].mean((0, 1)) for x in range(0, 12, stride)]
        for y in range(0, 7, stride)
    ]
    image = keras.Input((7, 12, 2))
    found = keras.Model(image, average_pool(image, "pool", window, stride, half))(x)
    np.testing.assert_allclose(found[0], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "variant"), TENSORS)
def test_the_authors_names_and_shapes_are_written(name, variant):
    options = {"variant": variant, "stem_bias": True}
    model = build(name, **options)
    exported = torch_export.export(model, native.Origin(name, 19, (64, 128), options))
    assert exported.package == name and exported.filled == ()
    listed = sorted(f"{key} {list(array.shape)}" for key, array in exported.state.items())
    digest = hashlib.sha256("\n".join(listed).encode()).hexdigest()
    assert (len(listed), digest[:12]) == TENSORS[name, variant]
