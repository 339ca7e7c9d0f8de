"""Speed of inference: latency and throughput of models on runtimes, every number with its scope.

model         tensors on the device: uint8 images in, float32 logits out
model+argmax  the label map as well, made on the device and fetched
end-to-end    from image files to label ids of their own size, on the host, one after the other

A configuration is a model, a size, a batch, a scope, a precision and a backend of Keras. Its runtimes are
processes of their own that take turns, so that their ratios come from one run, and one that runs out of
memory is a result.
"""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import backend_devices, children, clock, configurations, turns
from benchmarks.inference import inference_options, inference_table, subjects

HELP = "latency and throughput of models on runtimes"
FILES = "benchmarks.inference.onnx_files"
CHILD = "benchmarks.inference.inference_process"

add_arguments = inference_options.add_arguments


def run(options) -> Iterator[dict]:
    """Measure one configuration after the other; yields what their records hold.

    Raises:
        UserError: options that contradict each other, or nothing could be measured.
    """
    inference_options.require_fitting(options)
    if "end-to-end" in options.scope:
        subjects.warn_of_labels(options.weights)
    with tempfile.TemporaryDirectory() as folder:
        inputs = {
            "pictures": subjects.image_paths(options, Path(folder)),
            "calibration": subjects.calibration_paths(options.calibration),
        }
        weights = {"weights": str(options.weights) if options.weights else None}

        def measure_one(settings):
            rest = inputs | weights | {"folder": folder, "all_turns": options.turns is not None}
            found = measure(settings | rest)
            print(inference_table.table(settings, found), flush=True)
            return {"runtimes": found, "speed": inference_table.speed(found), "clock": clock.self_check()}

        yield from configurations.measure("inference", settings_of(options, inputs), measure_one, options)


def settings_of(options, inputs: dict) -> Iterator[dict]:
    """Every configuration's settings, as its record holds them."""
    for subject in subjects.subjects(options):
        for scope in options.scope:
            for precision in options.precision:
                for backend in options.backend or [backend_devices.default_backend()]:
                    yield subject | {
                        "scope": scope,
                        "precision": precision,
                        "backend": backend,
                        "runtimes": options.runtimes,
                        "provider": options.provider,
                        "calibration_pictures": len(inputs["calibration"]) or "synthetic",
                        "pictures": len(inputs["pictures"]) if options.path else "synthetic",
                        "turns": options.turns or inference_options.TURNS,
                        "seconds": options.seconds,
                    }


def measure(settings: dict) -> dict:
    """Measure the runtimes of a configuration: name -> figures, or `failed`, the reason.

    Args:
        settings: a record's, but with the path of `weights`, the paths of `pictures` and `calibration`, a
            `folder` for files, and `all_turns`, see `benchmarks.turns.measure`.
    """
    print(f"{configurations.described(settings)}:", flush=True)
    exported = [name for name in settings["runtimes"] if name != "keras"]
    failed, files = {}, {}
    if settings["weights"] and inference_options.is_graph(Path(settings["weights"])):
        files = dict.fromkeys(exported, settings["weights"])
    elif exported:
        print(f"  exporting {', '.join(exported)}", flush=True)
        sent, ended = children.objects(
            FILES,
            json.dumps(settings | {"runtimes": exported}),
            **backend_devices.VARIABLES | {"KERAS_BACKEND": "tensorflow"},
        )
        if ended:
            failed = {name: ended.result() for name in exported}
        else:
            files = sent[-1]
    found = turns.measure(
        CHILD,
        {
            name: settings | {"runtime": name, "file": files.get(name), "told": bool(exported)}
            for name in settings["runtimes"]
            if name not in failed
        },
        settings["turns"],
        settings["seconds"],
        backend_devices.VARIABLES | {"KERAS_BACKEND": settings["backend"]},
        settings["all_turns"],
    )
    return {name: (found | failed)[name] for name in settings["runtimes"]}
