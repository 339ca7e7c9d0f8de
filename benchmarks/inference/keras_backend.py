"""A Keras model on TensorFlow, JAX or PyTorch, compiled as that library does it."""

from pathlib import Path

import numpy as np

from benchmarks import backend_devices, children
from benchmarks.inference.backend import Backend
from common import left_out
from data.label_sets import CITYSCAPES, LabelSet


def load(settings: dict) -> Backend:
    """Build a model for Keras's backend; settings are those of `benchmarks.inference.inference_process`."""
    import keras

    device = backend_devices.of_backend()
    network = network_of(settings)
    make = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}[keras.backend.backend()]
    size = tuple(network.input_shape[1:3])

    def labels_at(logits, sizes):
        from inference.keras_runtime import resized_labels

        return [
            resized_labels(logits[i : i + 1], image, on_device=device.gpu)[0] for i, image in enumerate(sizes)
        ]

    return Backend(
        network.name,
        size,
        settings["batch"],
        device,
        *make(network, label_set_of(settings), device.gpu),
        keras.ops.convert_to_numpy,
        labels_at,
    )


def network_of(settings: dict):
    """The Keras model in the precision of the settings: of a weights file, or random weights of seed 0.

    What is left out of the file is said, unless the settings have `told`.
    """
    import keras

    import models

    policy = backend_devices.POLICIES[settings["precision"]]
    if settings["weights"]:
        from models.weights.loading import load_network

        network, origin = load_network(
            Path(settings["weights"]), settings["model"], tuple(settings["size"] or ())
        )
        if network.about.left_out and not settings.get("told"):
            children.send_progress(left_out.line(settings["weights"], network.about.left_out))
        return in_precision(network, origin, policy)
    keras.utils.set_random_seed(0)
    return models.build(
        settings["model"], (*settings["size"], 3), CITYSCAPES.classes, policy, **settings["options"]
    )


def label_set_of(settings: dict) -> LabelSet:
    """The label set of that model."""
    if not settings["weights"]:
        return CITYSCAPES
    from models.weights.loading import origin_of

    return origin_of(Path(settings["weights"]), settings["model"]).label_set


def in_precision(network, origin, policy: str):
    """A network loaded in float32 -> one of the same weights under a dtype policy of Keras."""
    import models

    if policy == "float32":
        return network
    options = {name: value for name, value in origin.options.items() if name != "encoder_weights"}
    copy = models.build(origin.model, network.input_shape[1:], origin.classes, policy, **options)
    copy.set_weights(network.get_weights())
    return copy


def complete(logits):
    """The same logits, after the device has calculated them: one number is fetched."""
    float(logits[0, 0, 0, 0])
    return logits


def _tensorflow(network, label_set: LabelSet, gpu: bool):
    import tensorflow as tf

    infer = tf.function(
        lambda images: label_set.without_void(network(images, training=False)),
        autograph=False,
        jit_compile=gpu,
    )

    @tf.function(autograph=False, jit_compile=gpu)
    def classify(images):
        return tf.cast(tf.argmax(infer(images), axis=-1, output_type=tf.int32), tf.uint8)

    return (
        tf.constant,
        lambda images: complete(infer(images)),
        lambda images: classify(images).numpy(),
    )


def _jax(network, label_set: LabelSet, gpu: bool):
    import jax

    state = jax.device_put(
        ([v.value for v in network.trainable_variables], [v.value for v in network.non_trainable_variables])
    )

    @jax.jit
    def infer(trained, others, images):
        logits = label_set.without_void(network.stateless_call(trained, others, images, training=False)[0])
        return logits, logits[0, 0, 0, 0]

    def calculate(images):
        logits, proof = infer(*state, images)
        float(proof)  # picked by the program itself: an operation of its own took 0.9 ms on an H100
        return logits

    @jax.jit
    def classify(trained, others, images):
        return infer(trained, others, images)[0].argmax(-1).astype("uint8")

    return (
        jax.device_put,
        calculate,
        lambda images: np.asarray(classify(*state, images)),
    )


def _torch(network, label_set: LabelSet, gpu: bool):
    import torch

    def infer(images):
        with torch.inference_mode():
            return label_set.without_void(network(images, training=False))

    def classify(images):
        with torch.inference_mode():
            return infer(images).argmax(-1).to(torch.uint8).cpu().numpy()

    return (
        lambda images: torch.from_numpy(np.ascontiguousarray(images)).to("cuda" if gpu else "cpu"),
        lambda images: complete(infer(images)),
        classify,
    )
