"""TensorFlow is silenced and kept to this machine's processors before any test imports it."""

import gc
import os

import pytest

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.pop("CITYSCAPES_DATASET", None)


@pytest.fixture(autouse=True, scope="module")
def no_networks_left():
    """After each file; TensorFlow's graphs refer to themselves, and Python collects them gigabytes late."""
    yield
    gc.collect()
