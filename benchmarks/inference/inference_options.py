"""The options of `benchmark.py inference`, and which of them go together."""

import argparse
from pathlib import Path

from benchmarks import shared_options as shared
from common import cli, packages
from common.errors import UserError
from models import ARCHITECTURES, model_options

RUNTIMES = ("keras", "onnx", "onnx-int8", "onnx-fp16", "openvino", "openvino-int8")
SCOPES = ("model", "model+argmax", "end-to-end")
TURNS = 10


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
    shared.add_backend_and_precision(parser)
    cli.add_provider(parser)
    parser.add_argument("-p", "--path", type=Path, nargs="+", help="images of end-to-end (default: made up)")
    parser.add_argument("--calibration", type=Path, help="images for int8 runtimes (default: made up)")
    shared.add_turns(parser, TURNS)
    shared.add_back_off(parser)
    shared.add_continue(parser)
    model_options.add_arguments(parser)


def runtimes(text: str) -> list[str]:
    """argparse type: names of runtimes with commas between."""
    names = list(dict.fromkeys(text.split(",")))
    unknown = [name for name in names if name not in RUNTIMES]
    if unknown:
        raise argparse.ArgumentTypeError(f"no runtime '{unknown[0]}'; there are: {', '.join(RUNTIMES)}")
    return names


def require_fitting(options) -> None:
    """Raise UserError for options that contradict each other."""
    shared.require_turns(options)
    if len(options.model or []) > 1 and (options.weights or model_options.given(options)):
        raise UserError("-w and options of an architecture are for one model; name it alone with -m")
    if options.weights:
        _require_fitting_weights(options)
    if options.path and "end-to-end" not in options.scope:
        raise UserError("-p belongs to --scope end-to-end; add it or leave -p out")
    if options.calibration and not any(name.endswith("int8") for name in options.runtimes):
        raise UserError("--calibration belongs to --runtimes onnx-int8; add it or leave --calibration out")
    if options.provider and not any(name.startswith("onnx") for name in options.runtimes):
        raise UserError("--provider belongs to --runtimes onnx; add it or leave --provider out")
    if options.precision != ["float32"] and options.runtimes != ["keras"]:
        raise UserError("--precision is that of keras; measure it alone, or take --runtimes onnx-fp16")
    _require_packages(options)


def _require_packages(options) -> None:
    engines = {name.partition("-")[0] for name in options.runtimes}
    if engines != {"keras"} and not is_graph(options.weights):
        packages.require("--runtimes onnx", packages.TO_WRITE_ONNX, "export")
    if "onnx" in engines:
        packages.require("--runtimes onnx", packages.TO_RUN_ONNX, "export")
    if "openvino" in engines:
        packages.require("--runtimes openvino", packages.TO_RUN_OPENVINO, "export,openvino")


def _require_fitting_weights(options) -> None:
    require_there(options.weights)
    if options.weights.suffix == ".engine":
        raise UserError(f"{options.weights}: engines are measured by trtexec, see docs/jetson.md")
    if model_options.given(options):
        raise UserError("weights know the options of their architecture; leave those out")
    if not is_graph(options.weights):
        return
    given = options.model or options.target_size or options.batch or options.batch_back_off
    if given or not {*options.runtimes} <= {"onnx", "openvino"}:
        raise UserError(
            f"{options.weights} is one model, size and batch: give --runtimes onnx or openvino, no -m, -t, -b"
        )


def require_there(weights: Path) -> None:
    """Raise UserError unless there is such a file or folder, or published weights of that name."""
    from models.weights import catalogue

    if not weights.exists() and not catalogue.find(weights):
        raise UserError(f"{weights} does not exist{catalogue.near(weights)}; correct -w/--weights")


def is_graph(path: Path | None) -> bool:
    """Whether weights are an exported graph."""
    return path is not None and path.suffix.lower() == ".onnx"
