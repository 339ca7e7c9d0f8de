"""A Keras model on its backend as a contestant: TensorFlow, JAX or PyTorch, each in its own compiled form."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data.labels import CLASS_COUNT


@dataclass(frozen=True)
class Contestant:
    """A model on a device.

    Attributes:
        name: the architecture's.
        size: (height, width) of its input in pixels.
        batch: pictures of a call.
        device: where it runs.
        place: pictures uint8 [B, H, W, 3] -> what the others take, on the device.
        logits: calculates logits [B, H, W, classes] on the device, and fetches one of them as proof.
        labels: calculates the arg-max on the device as well, and fetches it, uint8 [B, H, W].
        peak: bytes of the device's memory at the peak; None where it is the process's.
    """

    name: str
    size: tuple[int, int]
    batch: int
    device: str
    place: Callable
    logits: Callable
    labels: Callable
    peak: Callable[[], int | None]


def load(settings: dict) -> Contestant:
    """Build the model that settings tell, see `benchmarks.inference_process`, for Keras's backend."""
    import keras

    network = network_of(settings)
    make = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[keras.backend.backend()]
    size = tuple(network.input_shape[1:3])
    return Contestant(network.name, size, settings["batch"], *make(network))


def network_of(settings: dict):
    """The Keras model: of a weights file, or with random weights of seed 0."""
    import keras

    import models

    if settings["weights"]:
        from deploy.keras_runtime import load_network

        return load_network(Path(settings["weights"]), settings["model"], tuple(settings["size"]))[0]
    keras.utils.set_random_seed(0)
    return models.build(settings["model"], (*settings["size"], 3), CLASS_COUNT, **settings["options"])


def cut(logits):
    """Without void, the last output of an old network; no copy where there is none."""
    return logits if logits.shape[-1] == CLASS_COUNT else logits[..., :CLASS_COUNT]


def _tensorflow(network):
    import tensorflow as tf

    from training.devices import prepare

    gpu = prepare()
    infer = tf.function(lambda images: cut(network(images, training=False)), jit_compile=gpu)

    @tf.function(jit_compile=gpu)
    def classify(images):
        return tf.cast(tf.argmax(infer(images), axis=-1, output_type=tf.int32), tf.uint8)

    def peak():
        return tf.config.experimental.get_memory_info("GPU:0")["peak"] if gpu else None

    return (
        tf.config.experimental.get_device_details(tf.config.list_physical_devices("GPU")[0])["device_name"]
        if gpu
        else "CPU",
        tf.constant,
        lambda images: float(infer(images)[0, 0, 0, 0]),
        lambda images: classify(images).numpy(),
        peak,
    )


def _jax(network):
    import jax

    device = jax.devices()[0]
    state = jax.device_put(
        ([v.value for v in network.trainable_variables], [v.value for v in network.non_trainable_variables])
    )

    @jax.jit
    def infer(trained, others, images):
        return cut(network.stateless_call(trained, others, images, training=False)[0])

    @jax.jit
    def classify(trained, others, images):
        return infer(trained, others, images).argmax(-1).astype("uint8")

    return (
        "CPU" if device.platform == "cpu" else device.device_kind,
        jax.device_put,
        lambda images: float(infer(*state, images)[0, 0, 0, 0]),
        lambda images: np.asarray(classify(*state, images)),
        lambda: None if device.platform == "cpu" else device.memory_stats()["peak_bytes_in_use"],
    )


def _torch(network):
    import torch

    gpu = torch.cuda.is_available()
    device = torch.device("cuda" if gpu else "cpu")

    def infer(images):
        with torch.inference_mode():
            return cut(network(images, training=False))

    def classify(images):
        with torch.inference_mode():
            return infer(images).argmax(-1).to(torch.uint8).cpu().numpy()

    return (
        torch.cuda.get_device_name() if gpu else "CPU",
        lambda images: torch.from_numpy(np.ascontiguousarray(images)).to(device),
        lambda images: float(infer(images)[0, 0, 0, 0]),
        classify,
        lambda: torch.cuda.max_memory_allocated() if gpu else None,
    )
