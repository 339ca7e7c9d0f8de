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
from benchmarks.train import process, synthetic

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
        timeout=300,
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_the_backends_train_alike(weights):
    found = {backend: losses(backend, weights, "float32") for backend in ("tensorflow", "jax", "torch")}
    for told in found.values():
        assert told["forward"] == pytest.approx(told["numpy"], rel=1e-4)
        assert told["gradients"] == pytest.approx(told["numpy"], rel=1e-4)
        first, *later = told["steps"]
        assert first == pytest.approx(told["numpy"], rel=1e-4) and later[-1] < 0.98 * first
        np.testing.assert_allclose(told["steps"], found["tensorflow"]["steps"], rtol=2e-3)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_float16_trains_with_loss_scaling(weights, backend):
    told = losses(backend, weights, "float16")
    assert told["forward"] == pytest.approx(told["numpy"], rel=1e-2)
    assert np.isfinite(told["steps"]).all() and told["steps"][-1] < 0.98 * told["numpy"]


def test_a_batch_has_an_ignored_stripe_and_any_size():
    images, labels = synthetic.inputs(2, (40, 72), CLASSES)
    assert images.shape == (2, 40, 72, 3) and images.dtype == np.uint8
    assert labels.shape == (2, 40, 72) and labels.dtype == np.uint8
    assert (labels[:, :4] == 255).all() and labels[:, 4:].max() < CLASSES


def test_parts_are_what_each_function_adds():
    # a machine twice as slow in the second of three rounds
    found = process.parts([[1.0, 3.0, 4.0], [2.0, 6.0, 8.0], [1.0, 3.0, 4.0]])
    assert {name: part["seconds"] for name, part in found.items()} == {
        "forward": 1.0,
        "backward": 2.0,
        "optimizer": 1.0,
    }
    assert [part["share"] for part in found.values()] == [0.25, 0.5, 0.25]
    # noise: a step that seems faster than its own gradients
    assert process.parts([[1.0, 3.0, 2.9]] * 3)["optimizer"] == {"seconds": 0.0, "share": 0.0}
