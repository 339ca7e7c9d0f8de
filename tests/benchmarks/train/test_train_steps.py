"""Training steps of the three backends: the same numbers, and each part a part of the next."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import models
from benchmarks import children
from benchmarks.train import step_parts, synthetic

SIZE, CLASSES = (32, 64), 19  # of the script
SCRIPT = Path(__file__).with_name("step_on_a_backend.py")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "unet.npz"
    np.savez(path, *models.build("unet", (*SIZE, 3), CLASSES, width=4).get_weights())
    return path


def losses(backend, weights, precision):
    if not importlib.util.find_spec(backend):
        pytest.skip(f"{backend} is not installed: pip install -c constraints.txt -e .[backends]")
    done = subprocess.run(
        [sys.executable, SCRIPT, weights, precision],
        env=children.environment(KERAS_BACKEND=backend, OMP_NUM_THREADS="1") | {"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.timeout(1800)  # JAX compiles for minutes where others calculate as well
@pytest.mark.parametrize("precision, tolerance", [("float32", 1e-5), ("float16", 2e-3)])
def test_the_backends_train_alike(weights, precision, tolerance):
    """float16 with loss scaling, whose steps are skipped where it overflows: these are not."""
    found = {backend: losses(backend, weights, precision) for backend in ("tensorflow", "jax", "torch")}
    by_numpy = found["tensorflow"]["numpy"]
    for losses in found.values():
        first, *later = losses["steps"]
        assert [losses["forward"], losses["gradients"], first] == pytest.approx([by_numpy] * 3, rel=tolerance)
        assert later == sorted(later, reverse=True) and later[-1] < 0.95 * first
        np.testing.assert_allclose(losses["steps"], found["tensorflow"]["steps"], rtol=tolerance)


def test_a_batch_has_an_ignored_stripe_and_any_size():
    images, labels = synthetic.inputs(2, (40, 72), CLASSES)
    assert images.shape == (2, 40, 72, 3) and images.dtype == np.uint8
    assert labels.shape == (2, 40, 72) and labels.dtype == np.uint8
    assert (labels[:, :4] == 255).all() and labels[:, 4:].max() < CLASSES


def test_parts_are_what_each_function_adds():
    # a machine twice as slow in the second of three rounds
    found = step_parts.of_compute([[1.0, 3.0, 4.0], [2.0, 6.0, 8.0], [1.0, 3.0, 4.0]])
    assert found == {"forward": 1.0, "backward": 2.0, "optimizer": 1.0}
    assert [part["share"] for part in step_parts.shares(found, 4.0).values()] == [0.25, 0.5, 0.25]
    # noise: a step that seems faster than its own gradients
    assert step_parts.of_compute([[1.0, 3.0, 2.9]] * 3)["optimizer"] == 0.0
