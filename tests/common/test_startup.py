"""How TensorFlow starts."""

import subprocess
import sys

import pytest

from common import environment, startup
from tiny import REPO

START = """
import gc, sys
from common import startup
startup.tensorflow()
assert gc.isenabled() and gc.get_freeze_count() > 100_000
assert not {"jax", "matplotlib"} & set(sys.modules)
import keras, matplotlib.pyplot, tensorflow
assert keras.backend.backend() == "tensorflow"
"""


@pytest.mark.slow
def test_tensorflow_starts_quietly_and_without_what_is_not_used():
    done = subprocess.run(
        [sys.executable, "-c", START], cwd=REPO, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("onednn", "features", "told"),
    [
        (True, ["avx2"], {"remapping": False}),
        (True, ["avx2", "avx512f"], {}),
        (True, ["asimddp"], {}),  # ARM, where oneDNN has other kernels
        (False, ["avx2"], {}),
    ],
)
def test_batch_norm_is_left_apart_where_onednn_is_slow_with_it(monkeypatch, onednn, features, told):
    import tensorflow as tf

    found = {}
    monkeypatch.setattr(tf.config.optimizer, "set_experimental_options", found.update)
    monkeypatch.setattr(startup, "has_onednn", lambda: onednn)
    monkeypatch.setattr(environment, "cpu_features", lambda: features)
    startup.leave_batch_norm_apart()
    assert found == told
