"""Makes the ONNX files of one configuration, as a process of its own: `inference_command` starts it.

The first argument is JSON: `runtimes`, `folder`, `provider`, `calibration` (paths of images), and the model
as `benchmarks.inference.inference_process` takes it. Sends the files' paths, see `benchmarks.children.send`.
"""

import json
import sys
from pathlib import Path

import numpy as np

from benchmarks.children import die_first, send
from common import cli, startup
from common.files import write_bytes


def main() -> int:
    """Make the files that the first argument asks for."""
    settings = json.loads(sys.argv[1])
    die_first()
    startup.tensorflow()
    from benchmarks.inference.keras_backend import label_set_of, network_of
    from deploy import export
    from inference.graph_interface import GraphInterface

    network = network_of(settings)
    interface = GraphInterface(settings["batch"])
    exact = export.export(network, interface, label_set_of(settings))
    made = {}
    for runtime in settings["runtimes"]:  # runtimes with the same numbers read the same file
        numbers = runtime.partition("-")[2]
        path = Path(settings["folder"]) / f"{numbers or 'float32'}.onnx"
        if str(path) not in made.values():
            write_bytes(path, graph(numbers, exact, interface, settings).SerializeToString())
        made[runtime] = str(path)
    send(**made)
    return 0


def graph(numbers: str, exact, interface, settings: dict):
    """The graph in fp16 or int8, else in float32; how much mIoU a smaller one loses does not matter here."""
    from deploy import quantize

    if numbers == "fp16":
        return quantize.float16(exact, ungated, 0.0)[0]
    if numbers == "int8":
        target = "tensorrt" if settings["provider"] == "tensorrt" else "cpu"
        images = calibration(settings["calibration"], tuple(settings["size"]))
        return quantize.int8(exact, interface, target, images, quantize.Gate(agreement=0)).model
    return exact


def ungated(model) -> float:
    """The same score for every graph, so that no layer is left in float."""
    return 0.0


def calibration(paths: list[str], size: tuple[int, int]) -> np.ndarray:
    """Images to measure ranges on, uint8 [N, H, W, 3]: the given ones, or a few of the synthetic town."""
    from data.augment import resize_image
    from deploy import parity
    from inference import image_files

    if not paths:
        return parity.sample_images(size)
    return np.stack([resize_image(image_files.decode(Path(path)), size) for path in paths])


if __name__ == "__main__":
    cli.run(main)
