"""Every model and backbone trains: in mixed precision, and until it knows four pictures by heart."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import models
from data import index
from data.cache import open_cache
from data.pipeline import Batches
from tiny import CAMVID, REPO, tiny_dataset
from training import step

TWENTY_STEPS = Path(__file__).with_name("twenty_steps.py")
# case -> (options, learning rate of Adam and steps that let it overfit)
MODELS = {
    "fastscnn": ({"dropout": 0.0}, 0.003, 120),
    "unet": ({"width": 16}, 0.003, 120),
    "separable_unet": ({}, 0.02, 400),
    "separable_unet large": ({"variant": "large"}, 0.003, 100),
    "bayes_segnet": ({"dropout": 0.0}, 0.0005, 60),
    "deeplabv3+": ({"dropout": 0.0}, 0.001, 100),
    "deeplabv3+ resnet50": ({"backbone": "resnet50", "dropout": 0.0}, 0.0005, 60),
    "deeplabv3+ xception": ({"backbone": "xception", "dropout": 0.0}, 0.0005, 160),
    "deeplabv3+ modified_xception": ({"backbone": "modified_xception", "dropout": 0.0}, 0.0005, 160),
}
HEAVY = ("bayes_segnet", "deeplabv3+ resnet50", "deeplabv3+ xception", "deeplabv3+ modified_xception")
DEEPEST = HEAVY[1:]
CASES = [pytest.param(case, marks=pytest.mark.slow) if case in HEAVY else case for case in MODELS]


@pytest.mark.timeout(1200)  # on some processors float16 is calculated number by number
@pytest.mark.parametrize("case", CASES)
def test_twenty_steps_in_mixed_precision_stay_finite(case):
    """In float16 by XLA, as on a GPU. The deepest are only translated by it: to run them may take minutes."""
    name = case.partition(" ")[0]
    size = (32, 32) if name == "bayes_segnet" else (32, 64)
    given = {"model": name, "options": MODELS[case][0], "size": size}
    ways = {
        "mixed_float16": {"lowered": True, "jit": False} if case in DEEPEST else {"jit": True},
        "mixed_bfloat16": {"jit": False},
    }
    words = [json.dumps(given | {"precision": precision} | way) for precision, way in ways.items()]
    done = subprocess.run(
        [sys.executable, TWENTY_STEPS, *words],
        env=os.environ | {"PYTHONPATH": str(REPO)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for precision, line in zip(ways, done.stdout.splitlines(), strict=True):
        told = json.loads(line)
        assert np.isfinite(told["losses"]).all() and told["finite"], precision
        assert np.mean(told["losses"][-3:]) < told["losses"][0], precision
        if precision == "mixed_float16":
            assert told["scale"] >= 1.0


@pytest.mark.parametrize("case", CASES)
def test_four_pictures_are_learned_by_heart(case, tmp_path):
    """Of CamVid, or of a made-up data set on machines without it: over nine of ten pixels are right."""
    root = CAMVID if CAMVID.is_dir() else tiny_dataset(tmp_path, train=160, val=1, size=(64, 96))
    samples = index.labelled(root, "train")[::40][:4]
    size, (_, rate, steps) = (32, 64) if case in HEAVY else (64, 96), MODELS[case]
    images, labels = next(iter(Batches(samples, size, 4, open_cache("none", samples), 1).evaluation()))
    keras.utils.set_random_seed(0)
    model = models.build(case.partition(" ")[0], (*size, 3), 19, **MODELS[case][0])
    optimizer = keras.optimizers.Adam(rate)
    optimizer.build(model.trainable_variables)
    train = step.training_step(model, optimizer, jit=False)
    validate = step.validation_step(model, 19, jit=False)
    accuracy = 0.0
    for count in range(1, steps + 1):
        train(images, labels)
        if count % 10 == 0:
            matrix = validate(images, labels)[1].numpy()
            accuracy = np.trace(matrix) / matrix.sum()
        if accuracy > 0.9:
            return
    pytest.fail(f"{accuracy:.3f} of the pixels after {steps} steps")
