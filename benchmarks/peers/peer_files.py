"""Makes what all runtimes of a comparison read, as a process of its own: `peers_command` starts it.

The first argument is JSON: `model`, `options`, `package`, `size`, `batch`, `export` (whether an .onnx file is
needed) and `folder`. Written there are the weights for both sides, the graph, and the input.
"""

import json
import sys
from pathlib import Path

import numpy as np

from benchmarks import backend_devices
from benchmarks.children import die_first
from benchmarks.train.steps import inputs
from common import cli
from data.label_sets import CITYSCAPES

OURS, THEIRS, GRAPH = "ours.weights.h5", "theirs.safetensors", "graph.onnx"
NORMALIZED = "normalized.npy"  # float32 [B, 3, H, W], the same images as PyTorch's packages take them


def main() -> int:
    """Make the files that the first argument asks for."""
    settings = json.loads(sys.argv[1])
    die_first()
    backend_devices.import_keras()
    import keras

    import models
    from models.weights import native, torch_export

    size, folder, classes = tuple(settings["size"]), Path(settings["folder"]), CITYSCAPES.classes
    keras.utils.set_random_seed(0)
    network = models.build(settings["model"], (*size, 3), classes, **settings["options"])
    vary(network)
    origin = native.Origin(settings["model"], classes, size, settings["options"])
    native.write(folder / OURS, network, origin)
    exported = torch_export.export(network, origin, settings["package"])
    torch_export.write(folder / THEIRS, exported)
    images, _ = inputs(settings["batch"], size, classes)
    np.save(folder / NORMALIZED, normalized(network, images))
    if settings["export"]:
        write_graph(network, settings["batch"], folder / GRAPH)
    print("{}")
    return 0


def vary(network) -> None:
    """Give norms and biases values of which each matters to the logits, as after training."""
    random = np.random.default_rng(0)
    for variable in network.weights:
        if variable.name.startswith(("moving_variance", "gamma")):
            variable.assign(random.uniform(0.8, 1.2, variable.shape))
        elif variable.name.startswith(("moving_mean", "beta", "bias")):
            variable.assign(random.normal(0, 0.1, variable.shape))


def normalized(network, images: np.ndarray) -> np.ndarray:
    """What a network makes of images first: uint8 [B, H, W, 3] -> float32 [B, 3, H, W]."""
    import keras

    layer = network.get_layer("normalize")
    found = keras.ops.convert_to_numpy(layer(images))
    return np.ascontiguousarray(found.transpose(0, 3, 1, 2))


def write_graph(network, batch: int, path: Path) -> None:
    """Export a network."""
    from common.files import write_bytes
    from deploy import export
    from inference.graph_interface import GraphInterface

    graph = export.export(network, GraphInterface(batch), CITYSCAPES)
    write_bytes(path, graph.SerializeToString())


if __name__ == "__main__":
    cli.run(main)
