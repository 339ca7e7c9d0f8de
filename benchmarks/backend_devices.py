"""The device that Keras's backend calculates on: its name, and the peak of its memory.

Each function imports its backend alone, so that a machine needs only one of them.
"""

import os
import resource
from collections.abc import Callable
from dataclasses import dataclass

from common import startup
from common.environment import gpus
from common.errors import UserError

BACKENDS = ("tensorflow", "jax", "torch")
POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}  # of Keras
VARIABLES = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}  # JAX would take three quarters of a GPU at once
KIBIBYTE = 2**10


@dataclass(frozen=True)
class Device:
    """Where a backend calculates.

    Attributes:
        name: `CPU`, or a GPU's.
        gpu: whether it is one.
        peak: bytes of its memory at the peak until now; None where it is the process's.
    """

    name: str
    gpu: bool
    peak: Callable[[], int | None]

    def state(self) -> dict:
        """What to note after the work: `memory`, the peak until now, and of GPUs clocks and temperatures.

        Memory is the device's where the backend measures it, else the process's.
        """
        own = self.peak()
        resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIBIBYTE
        memory = {
            "peak_bytes": resident if own is None else own,
            "of": "process" if own is None else "device",
        }
        return {"memory": memory} | ({"gpus_after": gpus()} if self.gpu else {})


def default_backend() -> str:
    """The backend that Keras's own variable names, or TensorFlow."""
    return os.environ.get("KERAS_BACKEND", "tensorflow")


def import_keras() -> str:
    """Import Keras on the backend that is asked for, TensorFlow by default; returns its name.

    Raises:
        UserError: it is not installed.
    """
    backend = default_backend()
    try:
        if backend == "tensorflow":
            startup.tensorflow()
        with startup.without("matplotlib"):
            import keras
    except ImportError as error:
        raise UserError(
            f"Keras has no backend '{backend}' here ({error}); set KERAS_BACKEND to an installed one: "
            "tensorflow, jax or torch"
        ) from error
    return keras.backend.backend()


def of_backend() -> Device:
    """The device of Keras's backend, made ready."""
    import keras

    return {"tensorflow": _tensorflow, "jax": _jax, "torch": torch_device}[keras.backend.backend()]()


def _tensorflow() -> Device:
    from common.devices import prepare

    prepare()
    return tensorflow_device()


def tensorflow_device() -> Device:
    """TensorFlow's device, which is made ready already."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return Device("CPU", False, lambda: None)
    name = tf.config.experimental.get_device_details(gpus[0])["device_name"]
    return Device(name, True, lambda: tf.config.experimental.get_memory_info("GPU:0")["peak"])


def _jax() -> Device:
    import jax

    device = jax.devices()[0]
    if device.platform == "cpu":
        return Device("CPU", False, lambda: None)
    return Device(device.device_kind, True, lambda: device.memory_stats()["peak_bytes_in_use"])


def torch_device() -> Device:
    """PyTorch's device, made ready."""
    import torch

    if not torch.cuda.is_available():
        return Device("CPU", False, lambda: None)
    torch.backends.cudnn.benchmark = True  # tries its convolutions' forms, as XLA does
    return Device(torch.cuda.get_device_name(), True, torch.cuda.max_memory_allocated)
