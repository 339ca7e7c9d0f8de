"""TensorFlow's start: quiet, quick, and without what this processor runs slowly."""

import gc
import os
import sys
from contextlib import contextmanager

from common import environment


def tensorflow() -> None:
    """Import TensorFlow, and Keras with it, without start-up notices; failures are exceptions and still show.

    Their libraries write some notices to the stderr of the process before any logging level applies, so
    that stream is closed for the seconds of the import.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    if "tensorflow" in sys.modules:
        return
    with quiet_libraries(), without("jax", "matplotlib"), uncollected():
        import tensorflow  # noqa: F401
    leave_batch_norm_apart()


def leave_batch_norm_apart() -> None:
    """Have TensorFlow join no convolution with the batch norm behind it where oneDNN lacks AVX-512.

    Its kernel of both is slow there: Fast-SCNN took 815 ms an image of 256x512 on two cores, 48 ms apart.
    """
    import tensorflow as tf

    found = environment.cpu_features()
    if has_onednn() and "avx2" in found and "avx512f" not in found:
        tf.config.optimizer.set_experimental_options({"remapping": False})


def has_onednn() -> bool:
    """Whether TensorFlow calculates with oneDNN.

    As TF_ENABLE_ONEDNN_OPTS says; by default where the processor has AVX-512 with VNNI, or its like.
    """
    from tensorflow.python.util import _pywrap_util_port

    return _pywrap_util_port.IsMklEnabled()


@contextmanager
def without(*packages: str):
    """Inside, packages cannot be imported that were not yet.

    TensorFlow Lite imports JAX where it finds it, and Keras matplotlib, for functions that are not used here:
    a third of their start. Both do without.
    """
    hidden = [name for name in packages if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@contextmanager
def uncollected():
    """Inside, Python looks for no garbage, and later for none among what is there at the end.

    TensorFlow makes 400,000 objects, which stay: going through them again and again took a fifth of its
    import.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


@contextmanager
def quiet_libraries():
    """Close the stderr of the process, past Python's own, while libraries in C++ run."""
    sys.stderr.flush()
    stderr, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nowhere)
