"""Every model and backbone trains: in mixed precision, and until it knows four pictures by heart."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

import twenty_steps
from data import index
from data.cache import open_cache
from data.pipeline import Batches
from tiny import CAMVID, REPO, tiny_dataset
from training import step
from twenty_steps import MODELS, build

HEAVY = ("bayes_segnet", "deeplabv3+ resnet50", "deeplabv3+ xception", "deeplabv3+ modified_xception")
CASES = [pytest.param(case, marks=pytest.mark.slow) if case in HEAVY else case for case in MODELS]


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("case", CASES)
def test_twenty_steps_in_mixed_precision_stay_finite(case, precision):
    done = subprocess.run(
        [sys.executable, twenty_steps.__file__, case, precision],
        env=os.environ | {"PYTHONPATH": str(REPO)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert np.isfinite(told["losses"]).all() and told["finite"]
    assert np.mean(told["losses"][-3:]) < told["losses"][0]
    assert told["scale"] >= 1.0


@pytest.mark.parametrize("case", CASES)
def test_four_pictures_are_learned_by_heart(case, tmp_path):
    """Of CamVid, or of a made-up data set on machines without it: over nine of ten pixels are right."""
    root = CAMVID if CAMVID.is_dir() else tiny_dataset(tmp_path, train=160, val=1, size=(64, 96))
    samples = index.labelled(root, "train")[::40][:4]
    size, (_, rate, steps) = (64, 96), MODELS[case]
    images, labels = next(iter(Batches(samples, size, 4, open_cache("none", samples), 1).evaluation()))
    model = build(case, size)
    optimizer = keras.optimizers.Adam(rate)
    optimizer.build(model.trainable_variables)
    train = step.training_step(model, optimizer, jit=False)
    validate = step.validation_step(model, 19, jit=False)
    accuracy = 0.0
    for count in range(1, steps + 1):
        train(images, labels)
        if count % 20 == 0:
            matrix = validate(images, labels)[1].numpy()
            accuracy = np.trace(matrix) / matrix.sum()
        if accuracy > 0.9:
            return
    pytest.fail(f"{accuracy:.3f} of the pixels after {steps} steps")
