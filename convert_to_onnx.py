"""Convert trained weights to ONNX, and compare both before the file gets its name.

    python convert_to_onnx.py -w logs/fastscnn/RUN                           # uint8 RGB in, logits out
    python convert_to_onnx.py -w logs/fastscnn/RUN --argmax -t 1024,2048     # label map out
    python convert_to_onnx.py -w logs/fastscnn/RUN --verify-on DATASET       # and mIoU before and after

The graph takes RGB in 0..255 and normalises inside; batch norm is folded into convolutions. A file appears
only after ONNX Runtime and Keras agreed on pictures, and if TensorRT 8.5 and 10 know all its operators.
Dropout is left out: Bayesian SegNet becomes its deterministic network. predict.py and evaluate.py take the
file with -w.
"""

from __future__ import annotations

import sys
from pathlib import Path

from common import cli
from common.errors import UserError


def arguments():
    """Read the command line."""
    parser = cli.Parser(description=__doc__)
    parser.add_argument("-m", "--model", help="model's name (default: the one stored with the weights)")
    parser.add_argument(
        "-w", "--weights", type=Path, metavar="RUN|FILE", help="run folder, checkpoint or weights file"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="file to write (default: in the run's folder, named by model and size)",
    )
    graph = parser.add_argument_group("the graph")
    graph.add_argument(
        "-t", "--target-size", type=cli.size, metavar="Y,X", help="picture's size (default: the training's)"
    )
    graph.add_argument("--batch", type=cli.positive_int, default=1, metavar="N", help="pictures (default: 1)")
    graph.add_argument("--opset", type=int, default=17, choices=range(13, 18), help="of ONNX (default: 17)")
    graph.add_argument(
        "--input-format", choices=("nhwc", "nchw"), default="nhwc", help="order of axes (default: nhwc)"
    )
    graph.add_argument("--float-input", action="store_true", help="take float32 instead of uint8")
    graph.add_argument("--argmax", action="store_true", help="return labels uint8 [N,H,W] instead of logits")
    checks = parser.add_argument_group("checks")
    checks.add_argument("--verify-on", type=Path, metavar="DATASET", help="compare mIoU on this data set")
    checks.add_argument("--split", default="val", help="of --verify-on (default: val)")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    if not options.weights:
        raise UserError("give the weights to convert with -w/--weights RUN")
    require_packages()
    samples = labelled(options.verify_on, options.split)
    cli.quiet_tensorflow()

    from common.files import write_bytes
    from deploy import convert
    from deploy.form import Form

    form = Form(options.batch, options.input_format, options.float_input, options.argmax, options.opset)
    made = convert.convert(options.weights, options.model, options.target_size, form, samples)
    path = options.output or made.default_path
    convert.require_folder(path)
    print(f"parity with Keras: {made.parity}")
    if samples:
        before, after = convert.scores(made, samples)
        print(f"mIoU on {len(samples)} pictures: Keras {before:.4f}, ONNX {after:.4f}")
    write_bytes(path, made.model.SerializeToString())
    print(f"wrote {path}", file=sys.stderr)
    return 0


def require_packages() -> None:
    """Raise UserError unless what writes ONNX files is installed."""
    from importlib.util import find_spec

    missing = [name for name in ("onnx", "onnxruntime", "tf2onnx", "tensorflow") if find_spec(name) is None]
    if missing:
        raise UserError(f"needs {', '.join(missing)}; `pip install -c constraints.txt -e .[export]`")


def labelled(root, split):
    """The split's pictures with labels; none without a root."""
    if root is None:
        return []
    from data import index

    return index.labelled(cli.dataset_path(root), split)


if __name__ == "__main__":
    cli.run(main)
