"""What is measured: models with random weights, that of a weights file, or a graph; and on which images."""

import hashlib
from pathlib import Path

from benchmarks import backend_devices
from benchmarks.inference.inference_options import is_graph
from models import model_options

IMAGES, IMAGE_SIZE = 4, (1024, 2048)  # of end-to-end without -p: as large as those of Cityscapes
CALIBRATION = 16  # images
SIZE = (1024, 2048)


def subjects(options) -> list[dict]:
    """Model, size, batch, options of the architecture and weights, as records hold them, of each one.

    Raises:
        UserError: a weights file or graph that is broken or another model's.
    """
    if is_graph(options.weights):
        return [of_graph(options.weights)]
    architecture, names, weights = model_options.given(options), options.model or ["fastscnn"], None
    if options.weights:
        weights = file_and_hash(options.weights)
        name, architecture = of_weights(options.weights, *(options.model or [None]))
        names = [name]
    return [
        {
            "model": name,
            "size": list(size),
            "batch": batch,
            "options": model_options.to_record(name, architecture),
            "weights": weights or "random, seed 0",
        }
        for name in names
        for size in options.target_size or [SIZE]
        for batch in options.batch or [1]
    ]


def of_graph(path: Path) -> dict:
    """The one subject that an .onnx file is."""
    from inference import onnx_file

    graph = onnx_file.read(path)
    signature = onnx_file.signature(graph, path)
    return {
        "model": onnx_file.metadata(graph).get("model", graph.graph.name),
        "size": list(signature.size),
        "batch": signature.interface.batch,
        "options": {},
        "weights": file_and_hash(path),
    }


def warn_of_labels(weights: Path | None) -> None:
    """Print a note if weights are a graph that returns labels: `end-to-end` cannot resize its logits."""
    if is_graph(weights):
        from inference import onnx_file, resizing

        if onnx_file.signature(onnx_file.read(weights), weights).interface.argmax:
            resizing.tell_of_labels(str(weights))


def of_weights(path: Path, model: str | None) -> tuple[str, dict]:
    """A weights file's model and the options of its architecture.

    Raises:
        UserError: broken, or not of the model that is named.
    """
    from models.weights import loading

    if loading.needs_keras(path):
        backend_devices.import_keras()  # without notices, at the first import
    origin = loading.origin_of(path, model)
    return origin.model, {name: value for name, value in origin.options.items() if name != "encoder_weights"}


def file_and_hash(path: Path) -> dict:
    """The name and SHA-256 of a weights file, as records hold them."""
    from models.weights.run_files import weights_file

    file = path if is_graph(path) else weights_file(path)
    with open(file, "rb") as opened:
        return {"file": file.name, "sha256": hashlib.file_digest(opened, "sha256").hexdigest()}


def image_paths(options, folder: Path) -> list[str]:
    """Paths of the images of end-to-end: the given ones, or some of the synthetic town, made in `folder`."""
    if "end-to-end" not in options.scope:
        return []
    from inference import image_files

    if options.path:
        return [str(job.image) for job in image_files.find(options.path, "val", coarse=False)]
    from data import png
    from data.synthetic.render import render
    from data.synthetic.scene import random_scene

    paths = [folder / f"{number}.png" for number in range(IMAGES)]
    for number, path in enumerate(paths):
        png.write(path, render(random_scene(0, "val", number, IMAGE_SIZE))[0])
    return [str(path) for path in paths]


def calibration_paths(path: Path | None) -> list[str]:
    """Some images below a path, spread over all there are."""
    if path is None:
        return []
    from inference import image_files

    found = image_files.find([path], "train", coarse=False)
    count = min(CALIBRATION, len(found))
    return [str(found[number * len(found) // count].image) for number in range(count)]
