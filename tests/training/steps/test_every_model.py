"""Training in mixed precision by XLA, and until a network has memorised four images.

How layers train alone is tested where they are, and that every weight gets a gradient in the contract.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import models
from data import datasets
from data.cache import open_cache
from data.pipeline import Batches
from tiny import CAMVID, REPO, tiny_dataset
from training.steps import step

TWENTY_STEPS = Path(__file__).with_name("twenty_steps.py")
STEPS = {"mixed_float16": {"jit": True}, "mixed_bfloat16": {"jit": False}}
LOWERED = {"mixed_float16": {"jit": None}}  # translated by XLA, which fails where a kernel is missing
MODELS = {
    "bayes_segnet": {},
    "deeplabv3+": {},
    "fastscnn": {},
    "separable_unet": {},
    "unet": {"width": 4},
}


def twenty_steps(model: str, options: dict, ways: dict) -> dict[str, dict]:
    """The output of `twenty_steps.py` for each precision."""
    given = {"model": model, "options": options, "size": (32, 32) if model == "bayes_segnet" else (32, 64)}
    words = [json.dumps(given | {"precision": precision} | way) for precision, way in ways.items()]
    done = subprocess.run(
        [sys.executable, TWENTY_STEPS, *words],
        env=os.environ | {"PYTHONPATH": f"{REPO}:{REPO / 'tests' / 'support'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(ways, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.slow
def test_twenty_steps_in_mixed_precision_stay_finite():
    """In float16 by XLA, as on a GPU."""
    for precision, found in twenty_steps("toy", {"dropout": 0.0}, STEPS).items():
        assert np.isfinite(found["losses"]).all() and found["finite"], precision
        assert np.mean(found["losses"][-3:]) < found["losses"][0], precision
        if precision == "mixed_float16":
            assert found["scale"] >= 1.0


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_xla_has_a_kernel_for_every_operation_of_a_step(model):
    """In float16; to run such a step on a CPU may take minutes, as some calculate it number by number."""
    found = twenty_steps(model, MODELS[model], LOWERED)["mixed_float16"]
    assert found["losses"] == [] and found["finite"]


@pytest.mark.slow
def test_four_images_are_memorised(tmp_path):
    """Of CamVid, or of a made-up data set on machines without it: over nine of ten pixels are right."""
    root = CAMVID if CAMVID.is_dir() else tiny_dataset(tmp_path, train=160, val=1, size=(64, 96))
    samples, size = datasets.opened(root).labelled("train")[::40][:4], (64, 96)
    images, labels = next(iter(Batches(samples, size, 4, open_cache("none", samples), 1).evaluation()))
    keras.utils.set_random_seed(0)
    model = models.build("fastscnn", (*size, 3), 19, dropout=0.0)
    optimizer = keras.optimizers.Adam(0.003)
    optimizer.build(model.trainable_variables)
    train = step.training_step(model, optimizer, jit=False)
    validate = step.validation_step(model, 19, jit=False)
    accuracy = 0.0
    for count in range(1, 121):
        train(images, labels)
        if count % 10 == 0:
            matrix = validate(images, labels)[1].numpy()
            accuracy = np.trace(matrix) / matrix.sum()
        if accuracy > 0.9:
            return
    pytest.fail(f"{accuracy:.3f} of the pixels after {count} steps")
