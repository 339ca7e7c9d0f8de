"""Speed of inference: latency and throughput of models on runtimes, every number with its scope.

model         tensors on the device: uint8 pictures in, float32 logits out
model+argmax  the label map as well, made on the device and fetched
end-to-end    from picture files to label ids of their own size, on the host, one after the other

A configuration is a model, a size, a batch and a scope. Its runtimes are processes of their own that take
turns, so that their ratios come from one run, and one that runs out of memory is a result.
"""

import argparse
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import children, clock, inference_report, inference_turns, latency
from common import cli
from common.errors import UserError
from models import ARCHITECTURES

HELP = "latency and throughput of models on runtimes"
FILES = "benchmarks.inference_files"
RUNTIMES = ("keras", "onnx", "onnx-int8", "onnx-fp16")
SCOPES = ("model", "model+argmax", "end-to-end")
BACKENDS = ("tensorflow", "jax", "torch")
PICTURES, PICTURE_SIZE = 4, (1024, 2048)  # of end-to-end without -p: as large as those of Cityscapes


def add_arguments(parser) -> None:
    """The benchmark's options."""
    parser.add_argument(
        "-m", "--model", nargs="+", choices=sorted(ARCHITECTURES), help="models (default: fastscnn)"
    )
    parser.add_argument(
        "-w", "--weights", type=Path, metavar="RUN|FILE", help="run, weights or .onnx file (default: random)"
    )
    parser.add_argument(
        "-t", "--target-size", type=cli.size, nargs="+", metavar="Y,X", help="sizes (default: 1024,2048)"
    )
    parser.add_argument("-b", "--batch", type=cli.positive_int, nargs="+", help="batches (default: 1)")
    parser.add_argument(
        "--runtimes", type=runtimes, default=["keras"], help=f"of {','.join(RUNTIMES)} (default: keras)"
    )
    parser.add_argument("--scope", nargs="+", choices=SCOPES, default=["model"], help="(default: model)")
    parser.add_argument("--backend", choices=BACKENDS, help="of keras (default: KERAS_BACKEND or tensorflow)")
    cli.add_provider(parser)
    parser.add_argument(
        "-p", "--path", type=Path, nargs="+", help="pictures of end-to-end (default: made up)"
    )
    parser.add_argument("--calibration", type=Path, help="pictures for onnx-int8 (default: made up)")
    parser.add_argument("--turns", type=cli.positive_int, default=10, help="of each runtime (default: 10)")
    parser.add_argument("--seconds", type=cli.positive_float, default=2.0, help="of a turn (default: 2)")
    cli.add_model_options(parser)


def runtimes(text: str) -> list[str]:
    """argparse type: names of runtimes with commas between."""
    names = list(dict.fromkeys(text.split(",")))
    unknown = [name for name in names if name not in RUNTIMES]
    if unknown:
        raise argparse.ArgumentTypeError(f"no runtime '{unknown[0]}'; there are: {', '.join(RUNTIMES)}")
    return names


def run(options) -> Iterator[dict]:
    """Measure one configuration after the other; yields what their records hold.

    Raises:
        UserError: options that contradict each other, or nothing could be measured.
    """
    require_fitting(options)
    measured, reasons = 0, []
    with tempfile.TemporaryDirectory() as folder:
        pictures = picture_paths(options, Path(folder))
        calibration = calibration_paths(options.calibration)
        for settings in configurations(options):
            fixed = settings | {"pictures": pictures, "calibration": calibration, "folder": folder}
            found = measure(fixed, options)
            print(inference_report.table(settings, found), flush=True)
            reasons += [result["failed"] for result in found.values() if "failed" in result]
            measured += any("failed" not in result for result in found.values())
            if not all(result.get("mistake") for result in found.values()):
                yield about(settings, found, options, len(calibration))
    if not measured:
        raise UserError(f"nothing was measured: {reasons[-1]}")


def require_fitting(options) -> None:
    """Raise UserError for options that contradict each other."""
    several = len(options.model or []) > 1
    if options.turns < latency.LEAST_TURNS:
        raise UserError(f"--turns {options.turns} tell no spread; give {latency.LEAST_TURNS} or more")
    if several and (options.weights or cli.model_options(options)):
        raise UserError("-w and options of an architecture are for one model; name it alone with -m")
    if options.weights and not options.weights.exists():
        raise UserError(f"{options.weights} does not exist; correct -w/--weights")
    if options.weights and options.weights.suffix == ".engine":
        raise UserError(f"{options.weights}: engines are measured by trtexec, see docs/jetson.md")
    if options.weights and cli.model_options(options):
        raise UserError("weights know the options of their architecture; leave those out")
    if is_graph(options):
        given = options.model or options.target_size or options.batch or options.runtimes != ["onnx"]
        if given:
            raise UserError(
                f"{options.weights} is one model, size and batch: give --runtimes onnx, no -m, -t, -b"
            )
    if options.path and "end-to-end" not in options.scope:
        raise UserError("-p belongs to --scope end-to-end; add it or leave -p out")
    if options.calibration and "onnx-int8" not in options.runtimes:
        raise UserError("--calibration belongs to --runtimes onnx-int8; add it or leave --calibration out")
    if options.provider and options.runtimes == ["keras"]:
        raise UserError("--provider belongs to --runtimes onnx; add it or leave --provider out")


def is_graph(options) -> bool:
    """Whether the weights are an exported graph."""
    return bool(options.weights) and options.weights.suffix.lower() == ".onnx"


def picture_paths(options, folder: Path) -> list[str]:
    """What end-to-end reads: the given pictures, or some of the synthetic town, written to the folder."""
    if "end-to-end" not in options.scope:
        return []
    from deploy import pictures

    if options.path:
        return [str(job.image) for job in pictures.find(options.path, "val", coarse=False)]
    from data import png
    from data.synthetic.render import render
    from data.synthetic.scene import random_scene

    paths = [folder / f"{number}.png" for number in range(PICTURES)]
    for number, path in enumerate(paths):
        png.write(path, render(random_scene(0, "val", number, PICTURE_SIZE))[0])
    return [str(path) for path in paths]


def calibration_paths(path: Path | None) -> list[str]:
    """Up to 16 pictures below a path, spread over all there are."""
    if path is None:
        return []
    from deploy import pictures

    found = pictures.find([path], "train", coarse=False)
    count = min(16, len(found))
    return [str(found[number * len(found) // count].image) for number in range(count)]


def configurations(options) -> Iterator[dict]:
    """Every model, size, batch and scope."""
    common = {
        "options": cli.model_options(options),
        "weights": str(options.weights) if options.weights else None,
        "provider": options.provider,
    }
    for model in options.model or [None if options.weights else "fastscnn"]:
        for size in options.target_size or [(1024, 2048)]:
            for batch in options.batch or [1]:
                for scope in options.scope:
                    yield {"model": model, "size": size, "batch": batch, "scope": scope} | common


def measure(settings: dict, options) -> dict:
    """Every runtime's figures in a configuration, or why there are none."""
    variables = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}  # the others' turns need memory too
    exported = [name for name in options.runtimes if name != "keras"]
    failed, files = {}, {}
    if is_graph(options):
        files = {"onnx": str(options.weights)}
    elif exported:
        try:
            told = children.run(
                FILES, json.dumps(settings | {"runtimes": exported}), KERAS_BACKEND="tensorflow", **variables
            )
            files = json.loads(told)
        except children.Ended as ended:
            failed = {name: ended.result() for name in exported}
    backend = options.backend or os.environ.get("KERAS_BACKEND", "tensorflow")
    found = inference_turns.measure(
        {
            name: settings | {"runtime": name, "file": files.get(name)}
            for name in options.runtimes
            if name not in failed
        },
        options.turns,
        options.seconds,
        variables | {"KERAS_BACKEND": backend},
    )
    return {name: (found | failed)[name] for name in options.runtimes}


def about(settings: dict, found: dict, options, calibration: int) -> dict:
    """What the record of a configuration holds."""
    told = next((result for result in found.values() if "failed" not in result), settings)
    model, size = told["model"] or settings["model"] or "model", told["size"]
    label = f"{model}-{size[0]}x{size[1]}-b{told['batch']}-{settings['scope']}"
    return {
        "label": label.replace("+", "_"),
        "settings": settings
        | {
            "model": model,
            "size": size,
            "batch": told["batch"],
            "weights": weights(options.weights),
            "precision": "float32",
            "backend": options.backend or os.environ.get("KERAS_BACKEND", "tensorflow"),
            "calibration_pictures": calibration or "synthetic",
            "turns": options.turns,
            "seconds": options.seconds,
        },
        "results": {
            "runtimes": found,
            "speed": inference_report.speed(found),
            "clock": clock.self_check(),
        },
    }


def weights(path: Path | None) -> dict | str:
    """What the record says of the weights: the file's name and SHA-256, or that they are random."""
    if path is None:
        return "random, seed 0"
    from training.run_folder import weights_file

    file = path if path.suffix.lower() == ".onnx" else weights_file(path)
    return {"file": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
