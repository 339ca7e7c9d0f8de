"""The part of convert_to_onnx.py that runs on the machine with TensorRT."""

from __future__ import annotations

import sys
from pathlib import Path

from common import cli
from common.errors import UserError
from inference.tensorrt.plan import Plan, require_sound, trtexec

ONLY_HERE = ("onnx", "dla_core", "calibration_cache", "workspace", "timing_cache")
ONLY_THERE = (
    *(
        "weights",
        "model",
        "target_size",
        "batch",
        "opset",
        "input_format",
        "float_input",
        "argmax",
        "samples",
    ),
    *("verify_on", "split", "max_drop", "calibration_pictures"),
)


def add_arguments(parser) -> None:
    """Add the options of engines."""
    group = parser.add_argument_group(
        "on the machine with TensorRT", "needs NumPy and OpenCV only; --fp16, --int8 and --calibration apply"
    )
    group.add_argument("--tensorrt", action="store_true", help="build an engine of --onnx for this GPU")
    group.add_argument("--onnx", type=Path, metavar="FILE", help="what convert_to_onnx.py wrote")
    group.add_argument(
        "--dla-core",
        type=cli.natural,
        metavar="N",
        help="deep learning accelerator to run on; the GPU does what it cannot",
    )
    group.add_argument(
        "--calibration-cache",
        type=Path,
        metavar="FILE",
        help="ranges of --int8 for a file without QDQ: read if it is there, else written",
    )
    group.add_argument(
        "--workspace", type=cli.positive_int, metavar="MIB", help="most memory for a layer (default: 1024)"
    )
    group.add_argument(
        "--timing-cache", type=Path, metavar="FILE", help="of measured layers: the next build is faster"
    )


def require_fitting(options, default) -> None:
    """Raise UserError if options of engines and of conversions are mixed.

    Args:
        options: the command line's.
        default: name of an option -> what it is where it is not given.
    """
    mixed = ONLY_THERE if options.tensorrt else ONLY_HERE
    for name in mixed:
        if getattr(options, name) != default(name):
            why = "belongs to converting, not to --tensorrt" if options.tensorrt else "belongs to --tensorrt"
            raise UserError(f"--{name.replace('_', '-')} {why}; leave it out")
    if options.tensorrt and not options.onnx:
        raise UserError("--tensorrt builds an engine of an ONNX file: give it with --onnx FILE")
    if options.tensorrt and options.int8 == "cpu":
        raise UserError("--int8 cpu is for ONNX Runtime; give --int8 alone")


def run(options) -> int:
    """Build the engine that the options ask for.

    Raises:
        UserError: see `deploy.tensorrt.build`; where TensorRT is missing, `trtexec`'s line is printed first.
    """
    plan = Plan(
        options.onnx,
        options.output,
        options.fp16,
        bool(options.int8),
        options.calibration,
        options.calibration_cache,
        options.dla_core,
        options.workspace or 1024,
        options.timing_cache,
    )
    require_sound(plan)
    from deploy.tensorrt import build
    from inference.tensorrt import package

    try:
        package.tensorrt()
    except UserError:
        print(by_hand(plan))
        raise
    from inference.tensorrt.cuda import Cuda

    path = build.build(plan, Cuda().device_name())
    print(f"wrote {path}", file=sys.stderr)
    return 0


def by_hand(plan: Plan) -> str:
    """How TensorRT's own tool makes the same engine, in one line."""
    if plan.calibration and not (plan.cache and plan.cache.is_file()):
        return "trtexec, TensorRT's own tool, calibrates on no images; it can use a --calibration-cache"
    return f"the same by TensorRT's own tool: {trtexec(plan)}"
