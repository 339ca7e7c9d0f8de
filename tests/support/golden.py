"""Golden answers: a few logits of each network of `cases.py`, with weights that need no file.

Weights follow from the variables' paths and shapes alone, through NumPy's frozen legacy generator, so that
they are the same on every backend and machine. An answer changes only where a network calculates something
else, or names or shapes a variable otherwise, and then published weights do not fit any more either.
"""

import json
import zlib
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest import mock

import keras
import numpy as np
from keras import initializers

import models
from cases import CASES
from models import registry
from models.decoders import segfix
from models.weights import native
from networks import random_images

FOLDER = Path(__file__).resolve().parents[1] / "models" / "golden"
CLASSES = 7
SIZE = (64, 128)  # (height, width): at 1/16 wide enough for a dilation of 6
GAIN = 1.6  # variance of kernels times their fan-in
TOLERANCE = 1e-4  # of the largest logit


def build(case: str, size=SIZE, precision: str | None = None):
    """The network of a case, in the precision of its golden answer unless another is given."""
    about = CASES[case]
    with undrawn():
        return models.build(about.model, (*size, 3), CLASSES, precision or about.precision, **about.options)


@contextmanager
def undrawn():
    """Inside, kernels are zeros: to draw what is replaced is up to nine tenths of the time of building."""

    def zeros(self, shape, dtype=None):
        return keras.ops.convert_to_tensor(np.zeros(shape, dtype or "float32"))

    with ExitStack() as patches:
        for drawn in (initializers.VarianceScaling, initializers.RandomNormal, initializers.TruncatedNormal):
            patches.enter_context(mock.patch.object(drawn, "__call__", zeros))
        yield


def outputs(case: str) -> int:
    """How many channels the logits of a case have."""
    return segfix.OUTPUTS if registry.architecture(CASES[case].model).refines else CLASSES


def fill(model) -> dict[str, np.ndarray]:
    """Give a network its weights; returns them by path."""
    arrays = {variable.path: weight(variable.path, tuple(variable.shape)) for variable in model.weights}
    native.assign(model.weights, arrays, "a golden answer")
    return arrays


def weight(path: str, shape: tuple[int, ...]) -> np.ndarray:
    """A variable's float32 numbers.

    Kernels are normal with variance `GAIN` / fan-in, scales and variances uniform in 0.5..1.5, the rest is
    normal with deviation 0.1. A kernel whose last axis is 1 is taken for one of a depthwise convolution.
    """
    random = np.random.RandomState(zlib.crc32(path.encode()))
    if path.endswith(("gamma", "variance")):
        return random.uniform(0.5, 1.5, shape).astype(np.float32)
    deviation = 0.1
    if len(shape) > 1:
        deviation = np.sqrt(GAIN / np.prod(shape[:-2] if shape[-1] == 1 else shape[:-1]))
    return (random.standard_normal(shape) * deviation).astype(np.float32)


def image(size=SIZE) -> np.ndarray:
    """What is answered, uint8 [1, *size, 3]."""
    return random_images(1, size)


def excerpt(logits) -> np.ndarray:
    """Of logits [1, H, W, classes] those of corners, edges' middles and the centre, [9, classes]."""
    height, width, classes = logits.shape[1:]
    rows, columns = (np.linspace(0, side - 1, 3).astype(int) for side in (height, width))
    return logits[0, rows[:, None], columns].reshape(-1, classes)


def difference(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference of two excerpts, relative to the largest expected logit; NaN stays NaN."""
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def read(case: str) -> np.ndarray:
    """The golden answer of a case, [9, `outputs`]."""
    return np.array(json.loads(file(case).read_text())["logits"])


def write(case: str, logits: np.ndarray) -> None:
    """Write a golden answer [9, `outputs`]: a line of each pixel, six digits of each number."""
    lines = [json.dumps([float(f"{value:.6g}") for value in pixel]) for pixel in logits]
    file(case).write_text('{"logits": [\n' + ",\n".join(lines) + "\n]}\n")


def file(case: str) -> Path:
    """Where a golden answer lies."""
    return FOLDER / f"{case}.json"
