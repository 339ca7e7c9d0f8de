"""Training steps of the three backends: the same numbers, and each part a part of the next."""

import importlib.util
import json
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import children
from benchmarks.train import step_parts, steps
from tiny import REPO

CLASSES = 19
SCRIPT = Path(__file__).with_name("step_on_a_backend.py")
TOLERANCES = {"float32": 1e-5, "float16": 2e-3}


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """(backend, precision) -> what the script tells; TensorFlow's of this process."""
    script = runpy.run_path(str(SCRIPT))
    path = tmp_path_factory.mktemp("weights") / "toy.npz"
    np.savez(path, *script["build"]().get_weights())
    found = {("tensorflow", precision): script["losses"](path, precision) for precision in TOLERANCES}
    for backend in ("jax", "torch"):
        if not importlib.util.find_spec(backend):
            pytest.skip(f"{backend} is not installed: pip install -c constraints.txt -e .[backends]")
        done = subprocess.run(
            [sys.executable, SCRIPT, path, *TOLERANCES],
            env=children.environment(KERAS_BACKEND=backend, PYTHONPATH=f"{REPO}:{REPO}/tests/support"),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        lines = map(json.loads, done.stdout.splitlines()[-len(TOLERANCES) :])
        found |= {(backend, precision): line for precision, line in zip(TOLERANCES, lines, strict=True)}
    return found


@pytest.mark.slow
@pytest.mark.parametrize("precision", TOLERANCES)
def test_the_backends_train_alike(told, precision):
    """float16 with loss scaling, whose steps are skipped where it overflows: these are not."""
    by_tensorflow, tolerance = told["tensorflow", precision], TOLERANCES[precision]
    for backend in ("tensorflow", "jax", "torch"):
        found = told[backend, precision]
        first, *later = found["steps"]
        calculated = [found["forward"], found["gradients"], first]
        assert calculated == pytest.approx([by_tensorflow["numpy"]] * 3, rel=tolerance)
        assert later == sorted(later, reverse=True) and later[-1] < 0.95 * first
        np.testing.assert_allclose(found["steps"], by_tensorflow["steps"], rtol=tolerance)


def test_a_batch_has_an_ignored_stripe_and_any_size():
    images, labels = steps.inputs(2, (40, 72), CLASSES)
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
