"""This suite's network: inference on its runtimes, and the training step of Keras's backend."""

from pathlib import Path

import numpy as np

from benchmarks.inference import inference_process
from benchmarks.peers import first_loss
from benchmarks.peers.peer_files import GRAPH, OURS
from benchmarks.train.steps import inputs
from benchmarks.turn_process import Work
from data.label_sets import CITYSCAPES


def inference(settings: dict, logits: Path) -> Work:
    """Images on the device -> float32 logits on the device, on Keras, ONNX Runtime or OpenVINO.

    Args:
        settings: see `benchmarks.peers.peer_process`.
        logits: where those of the first image are written, float32 [1, H, W, classes].
    """
    folder = Path(settings["folder"])
    files = {"weights": str(folder / OURS), "file": str(folder / GRAPH)}
    backend = inference_process.load(settings | files | {"scope": "model", "provider": None})
    placed = backend.place(_inputs(settings)[0])

    def call():
        backend.logits(placed)  # returns nothing: a result would be taken for seconds of stages

    def check():
        np.save(logits, backend.fetch(backend.logits(placed))[:1])

    return Work(call, backend.device, {"batch": backend.batch}, check)


def training(settings: dict, logits: Path) -> Work:
    """A whole step on Keras's backend; arguments as those of `inference`."""
    from benchmarks import backend_devices

    backend_devices.import_keras()
    from benchmarks.inference.keras_backend import network_of
    from benchmarks.train import steps

    device = backend_devices.of_backend()
    network = network_of(settings | {"weights": str(Path(settings["folder"]) / OURS)})
    images, labels = _inputs(settings)
    np.save(logits, network.predict_on_batch(images[:1]))  # before the weights change
    optimizer = steps.optimizer(network)
    step = steps.compiled(network, optimizer, images, labels, device.gpu).step
    about = {"batch": settings["batch"]}
    return Work(lambda: first_loss.note(about, step()), device, about)


def _inputs(settings: dict):
    return inputs(settings["batch"], tuple(settings["size"]), CITYSCAPES.classes)
