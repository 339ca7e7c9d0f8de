"""Made-up weights that follow from PyTorch's keys and shapes alone, and features by them.

Values come from NumPy's frozen legacy generator, seeded by a key's CRC-32, so they are the same everywhere:
kernels are normal with variance `GAIN` / fan-in, scales and variances lie in 0.5..1.5, the rest is normal
with deviation 0.1.
"""

import importlib
import warnings
import zlib
from contextlib import contextmanager

import keras
import numpy as np
import pytest

from models import encoders
from models.weights.torch_layout import places
from models.weights.torch_maps import encoders as maps

GAIN = 1.6
MEAN, DEVIATION = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # of ImageNet


def array(key: str, shape: tuple[int, ...]) -> np.ndarray:
    """The array of a key."""
    random = np.random.RandomState(zlib.crc32(key.encode()))
    if key.endswith("num_batches_tracked"):
        return np.asarray(1, np.int64)
    if key.endswith("running_var") or (key.endswith("weight") and len(shape) == 1):
        return random.uniform(0.5, 1.5, shape).astype(np.float32)
    if key.endswith("weight"):
        return (random.standard_normal(shape) * np.sqrt(GAIN / np.prod(shape[1:]))).astype(np.float32)
    return (random.standard_normal(shape) * 0.1).astype(np.float32)


def state_of(model, rules) -> dict[str, np.ndarray]:
    """A state dict of all weights of a model."""
    return {place.key: array(place.key, place.shape) for place in places(model, rules)}


def encoder(name: str, size: tuple[int, int], output_stride: int = 32, package: str = "", **options):
    """The features of an encoder with made-up weights, as a model of dicts.

    Args:
        name: its name.
        size: (H, W) of the image.
        output_stride: its.
        package: whose keys the weights follow from, without a prefix.
        options: the encoder's.
    """
    features = encoders.build(name, keras.Input((*size, 3), name="image"), output_stride, **options)
    for place in places(features.model, maps.rules(name, "", package)):
        place.variable.assign(place.ours(array(place.key, place.shape)))
    return keras.Model(features.model.input, {str(stride): x for stride, x in features.at.items()})


def image(size: tuple[int, int]) -> np.ndarray:
    """RGB noise, uint8 [2, *size, 3]."""
    return np.random.RandomState(7).randint(0, 256, (2, *size, 3)).astype(np.uint8)


def answers(model, size: tuple[int, int]) -> dict[int, np.ndarray]:
    """A model's features of `image`, by stride."""
    return {int(stride): np.asarray(x) for stride, x in model(image(size), training=False).items()}


@contextmanager
def quiet():
    """Other packages' warnings, which are errors in tests, are none of our business."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def package(name: str):
    """A package to compare with; skips the test where it is not installed, or does not work."""
    try:
        with quiet():
            return importlib.import_module(name)
    except Exception as error:  # torchvision without its operators raises RuntimeError
        return pytest.skip(f"{name} cannot be imported: {error}")


def answers_of(network, size, strides, mean=MEAN, deviation=DEVIATION) -> dict[int, np.ndarray]:
    """The last features of a PyTorch network with made-up weights, channels-last, by stride."""
    import torch

    made_up = {key: array(key, tuple(tensor.shape)) for key, tensor in network.state_dict().items()}
    network.load_state_dict({key: torch.from_numpy(value) for key, value in made_up.items()})
    x = (image(size) - np.array(mean)) / np.array(deviation)
    network.eval()  # which mmsegmentation's do not return
    with torch.no_grad():
        features = network(torch.from_numpy(x.transpose(0, 3, 1, 2).astype(np.float32)))
    last = list(features)[-len(strides) :]
    return {stride: x.numpy().transpose(0, 2, 3, 1) for stride, x in zip(strides, last)}


def smp_encoder(name: str, output_stride: int = 32):
    """An encoder of segmentation_models.pytorch."""
    smp = package("segmentation_models_pytorch")
    with quiet():
        return smp.encoders.get_encoder(name, weights=None, output_stride=output_stride)


def assert_same(ours: dict[int, np.ndarray], theirs: dict[int, np.ndarray]) -> None:
    """Fail unless all features differ by less than 2e-5 of their largest value."""
    assert set(theirs) <= set(ours)
    for stride, expected in theirs.items():
        assert ours[stride].shape == expected.shape, stride
        difference = np.abs(ours[stride] - expected).max() / np.abs(expected).max()
        assert difference < 2e-5, f"1/{stride}: {difference:.1e}"


def numbers_of(features: dict[int, np.ndarray]) -> dict[int, tuple[int, float, float, float]]:
    """Channels, mean, deviation, and mean of the first image's first pixel, by stride."""
    return {
        stride: (x.shape[-1], float(x.mean()), float(x.std()), float(x[0, 0, 0].mean()))
        for stride, x in features.items()
    }


def assert_numbers(features: dict[int, np.ndarray], known: dict[int, tuple]) -> None:
    """Fail unless features have the known `numbers_of`, to a thousandth of the deviation."""
    found = numbers_of(features)
    assert set(found) == set(known)
    for stride, (channels, *numbers) in known.items():
        assert found[stride][0] == channels, f"1/{stride}"
        assert found[stride][1:] == pytest.approx(numbers, abs=1e-3 * numbers[1]), f"1/{stride}"
