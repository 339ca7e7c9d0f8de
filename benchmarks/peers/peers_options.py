"""The options of `benchmark.py peers`, and the comparisons that they ask for."""

import argparse
from collections.abc import Iterator

from benchmarks import backend_devices
from benchmarks import shared_options as shared
from benchmarks.peers import networks
from benchmarks.peers.runtimes import OF_GRAPHS, OF_TRAINING, RUNTIMES
from common import cli, packages
from common.environment import gpus
from common.errors import UserError
from models import ARCHITECTURES, model_options

BATCHES = {"inference": 1, "training": 2}  # scope -> images
PRECISIONS = ("float32", "bfloat16")
TURNS = 10
# the networks of docs/benchmarking.md
DOCUMENTED = (
    ("unet", {"encoder": "resnet50", "preset": "smp"}),
    ("deeplabv3+", {"encoder": "resnet50", "preset": "smp"}),
    ("pspnet", {"encoder": "resnet50", "preset": "smp"}),
    ("fpn", {"encoder": "efficientnet-b5", "preset": "smp"}),
    ("segformer", {"encoder": "mit_b0", "preset": "hub"}),
)


def add_arguments(parser) -> None:
    """The benchmark's options."""
    parser.add_argument(
        "-m", "--model", nargs="+", choices=sorted(ARCHITECTURES), help="(default: those of the docs)"
    )
    parser.add_argument(
        "-t",
        "--target-size",
        type=cli.size,
        nargs="+",
        default=[(512, 1024)],
        metavar="Y,X",
        help="sizes (default: 512,1024)",
    )
    parser.add_argument(
        "-b", "--batch", type=cli.positive_int, help="(default: 1 of inference, 2 of training)"
    )
    parser.add_argument(
        "--scope", nargs="+", choices=tuple(BATCHES), default=list(BATCHES), help="(default: both)"
    )
    parser.add_argument(
        "--precision",
        nargs="+",
        choices=PRECISIONS,
        default=["float32"],
        help="bfloat16: PyTorch's autocast, Keras's mixed precision (default: float32)",
    )
    parser.add_argument(
        "--backend", choices=backend_devices.BACKENDS, help="of keras (default: KERAS_BACKEND, tensorflow)"
    )
    parser.add_argument(
        "--runtimes",
        type=runtimes,
        help=f"of {','.join(RUNTIMES)} (default: all that are installed and have the scope and precision)",
    )
    shared.add_turns(parser, TURNS)
    shared.add_continue(parser)
    model_options.add_arguments(parser)


def runtimes(text: str) -> list[str]:
    """argparse type: names of runtimes with commas between; the original comes first in any case."""
    names = [name for name in RUNTIMES if name in text.split(",")]
    unknown = [name for name in text.split(",") if name not in RUNTIMES]
    if unknown:
        raise argparse.ArgumentTypeError(f"no runtime '{unknown[0]}'; there are: {', '.join(RUNTIMES)}")
    if names[0] != RUNTIMES[0] or len(names) < 2:
        raise argparse.ArgumentTypeError(f"'{text}' compares nothing; name {RUNTIMES[0]} and others")
    return names


def require_fitting(options) -> None:
    """Raise UserError for options that contradict each other."""
    shared.require_turns(options)
    given = model_options.given(options)
    if given and len(options.model or []) != 1:
        raise UserError("options of an architecture are for one model; name it alone with -m")
    if options.runtimes and {*OF_GRAPHS} & {*options.runtimes}:
        packages.require("--runtimes onnx", packages.TO_WRITE_ONNX, "export")
        if {*options.scope} != {"inference"} or {*options.precision} != {"float32"}:
            raise UserError("onnx and openvino have --scope inference and --precision float32 alone")
    if "openvino" in (options.runtimes or []):
        packages.require("--runtimes openvino", packages.TO_RUN_OPENVINO, "export,openvino")


def settings_of(options) -> Iterator[dict]:
    """Every comparison's settings, as its record holds them."""
    given = model_options.given(options)
    wanted = [(name, given) for name in options.model] if options.model else DOCUMENTED
    for package, network in [networks.find(*one) for one in wanted]:  # an unknown one is told at once
        for size in options.target_size:
            for scope in options.scope:
                for precision in options.precision:
                    yield {
                        "model": network.model,
                        "options": network.options,
                        "package": package,
                        "original": network.original,
                        "size": list(size),
                        "batch": options.batch or BATCHES[scope],
                        "scope": scope,
                        "precision": precision,
                        "backend": options.backend or backend_devices.default_backend(),
                        "weights": "random, seed 0",
                        "runtimes": options.runtimes or usual_runtimes(scope, precision),
                        "turns": options.turns or TURNS,
                        "seconds": options.seconds,
                    }


def usual_runtimes(scope: str, precision: str) -> list[str]:
    """All that have a scope and precision; on a CPU also the engines of graphs that are installed."""
    names = list(OF_TRAINING)
    if scope == "training" or precision != "float32" or gpus():
        return names
    for name, needed in (("onnx", packages.TO_WRITE_ONNX), ("openvino", packages.TO_RUN_OPENVINO)):
        if not packages.missing(needed):
            names.append(name)
    return names
