"""Speed beside PyTorch: the same network with the same weights and the same input, in one run.

pytorch           the package's own network in eager mode, channels-last
pytorch-compiled  the same by torch.compile, where a compiler is installed
keras             this suite's network on Keras's backend, TensorFlow if no other is named
onnx, openvino    this suite's export on ONNX Runtime and OpenVINO (inference alone)

A comparison is a network, a size, a scope and a precision. Each runtime is a process of its own, they take
turns, and each writes the logits of the first image: on a CPU, those of float32 have to be the original's.
"""

import json
import tempfile
from collections.abc import Iterator

from benchmarks import backend_devices, children, clock, configurations, turns
from benchmarks.inference import inference_table
from benchmarks.peers import networks, peers_options, peers_table
from benchmarks.peers.runtimes import EAGER, OF_GRAPHS, logits_file
from common.errors import UserError

HELP = "inference and training beside the original networks in PyTorch"
FILES = "benchmarks.peers.peer_files"
CHILD = "benchmarks.peers.peer_process"
# Of the largest logit. Coordinates of an enlargement with aligned corners are rounded float32: at 1024x2048
# and with random weights that alone makes SINet's logits differ by 1e-4 from PyTorch to ONNX Runtime.
EXACT = 2e-4

add_arguments = peers_options.add_arguments


def run(options) -> Iterator[dict]:
    """Measure one comparison after the other; yields what their records hold.

    Raises:
        UserError: options that contradict each other, or nothing could be measured.
    """
    peers_options.require_fitting(options)

    def measure_one(settings):
        found = measure(settings, all_turns=options.turns is not None)
        print(peers_table.table(settings, found), flush=True)
        return found

    yield from configurations.measure("peers", peers_options.settings_of(options), measure_one, options)


def measure(settings: dict, all_turns: bool) -> dict:
    """The results of a comparison.

    Args:
        settings: a record's.
        all_turns: take them all, even of slow calls that agree before.

    Returns:
        `runtimes`, name -> figures or `failed`; `speed` over the original, turn by turn; `difference`, see
        `compare`; `clock`.
    """
    print(f"{configurations.described(settings)}:", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        files = settings | {"folder": folder, "export": bool({*OF_GRAPHS} & {*settings["runtimes"]})}
        try:
            networks.require_installed(settings["package"])
            backend = "tensorflow" if files["export"] else settings["backend"]
            children.run(FILES, json.dumps(files), **variables(backend))
        except UserError as error:
            return failed(settings, {"failed": str(error), "mistake": True})
        except children.Ended as ended:
            return failed(settings, ended.result())
        found = turns.measure(
            CHILD,
            {name: files | {"runtime": name} for name in settings["runtimes"]},
            settings["turns"],
            settings["seconds"],
            variables(settings["backend"]),
            all_turns,
        )
        differences = compare(folder, settings["runtimes"])
    exact = settings["precision"] == "float32" and found.get(EAGER, {}).get("device") == "CPU"
    for name, difference in differences.items():
        if exact and difference > EXACT:
            why = f"its logits differ from the original's by {difference:.1e} of the largest"
            found[name] = {"failed": why, "mistake": False}
    return {
        "runtimes": found,
        "speed": inference_table.speed(found),
        "difference": differences,
        "clock": clock.self_check(),
    }


def variables(backend: str) -> dict[str, str]:
    """Of the environment of a process that may use Keras."""
    return backend_devices.VARIABLES | {"KERAS_BACKEND": backend}


def failed(settings: dict, reason: dict) -> dict:
    """Results where nothing could be started."""
    return {"runtimes": dict.fromkeys(settings["runtimes"], reason), "speed": {}, "difference": {}}


def compare(folder: str, runtimes: list[str]) -> dict[str, float]:
    """How much the logits of each runtime differ from the original's, at most, relative to the largest."""
    import numpy as np

    found = {name: np.load(path) for name in runtimes if (path := logits_file(folder, name)).is_file()}
    if EAGER not in found:
        return {}
    original = found.pop(EAGER)
    largest = np.abs(original).max()
    return {name: float(np.abs(logits - original).max() / largest) for name, logits in found.items()}
