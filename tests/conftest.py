"""The tests' order, and TensorFlow silenced and kept to processors before any of them imports it."""

import gc
import os

import pytest

pytest_plugins = ["processor_time"]

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # NumPy's, which would wait by spinning
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # three files at a time wait on two processors
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.pop("CITYSCAPES_DATASET", None)

import toy  # noqa: E402
from common import startup  # noqa: E402

toy.register()
if "PYTEST_XDIST_WORKER" in os.environ:  # not in the process that only hands tests out
    startup.tensorflow()
    os.environ.pop("KERAS_BACKEND")  # which child processes would take over

LONG = (  # minutes each: where two files run at a time, none of them may be the last
    "slurm/test_jobs.py",
    "models/test_contract.py",
    "training/steps/test_every_model.py",
    "test_demo.py",
    "models/weights/test_published_weights.py",
    "test_readme.py",
    "training/ranks/test_mirrored.py",
    "training/ranks/test_distributed.py",  # waits as well, so it starts when SLURM's jobs end
)


def pytest_collection_modifyitems(items):
    """The long files, then the others in their order."""
    order = {f"tests/{name}": place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: order.get(item.nodeid.partition("::")[0], len(LONG)))


def pytest_collection_finish():
    """What all imports have made stays: to go through it after each file took a sixth of a second.

    And what a test makes is looked through seldom: that took a twentieth of the time of building networks.
    """
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


@pytest.fixture(autouse=True, scope="module")
def no_networks_left():
    """After each file; TensorFlow's graphs refer to themselves, and Python collects them gigabytes late.

    What is left then stays: to go through it after each file took a fortieth of the time.
    """
    yield
    gc.collect()
    gc.freeze()
