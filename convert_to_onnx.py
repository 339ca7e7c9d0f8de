"""Convert trained weights to ONNX, and compare both before the file gets its name.

    python convert_to_onnx.py -w logs/fastscnn/RUN                           # uint8 RGB in, logits out
    python convert_to_onnx.py -w logs/fastscnn/RUN --argmax -t 1024,2048     # label map out
    python convert_to_onnx.py -w segformer.pth -t 512,1024                   # of a PyTorch package
    python convert_to_onnx.py -w logs/fastscnn/RUN --verify-on DATASET       # and mIoU before and after
    python convert_to_onnx.py -w logs/fastscnn/RUN --int8 --calibration DATASET          # for TensorRT
    python convert_to_onnx.py -w logs/fastscnn/RUN --int8 cpu --calibration DATASET      # for ONNX Runtime
    python convert_to_onnx.py -w SINet.pth --int8 cpu --calibration my_images  # judged by equal labels alone
    python convert_to_onnx.py -w logs/fastscnn/RUN --fp16 --verify-on DATASET
    python convert_to_onnx.py -w logs/bayes_segnet/RUN --samples 20          # Monte-Carlo dropout inside
    python convert_to_onnx.py --tensorrt --onnx fastscnn.onnx --fp16         # engine, on the machine for it

The graph takes RGB in 0..255 and normalises inside; batch norm is folded into convolutions. A file appears
only after ONNX Runtime and Keras agreed on images, and if TensorRT 8.5 and 10 know all its operators.
Dropout is left out: Bayesian SegNet becomes its deterministic network; --samples T keeps it, with masks drawn
anew in every run, and returns the mean softmax of T passes. predict.py and evaluate.py take the file with
-w. Building an engine needs neither TensorFlow nor Keras; see docs/jetson.md.
"""

from __future__ import annotations

import sys
from pathlib import Path

from common import cli, packages
from common.errors import UserError
from deploy.tensorrt import engine_command

MIN_AGREEMENT = 98.0  # of labels of --int8, in 100


def arguments():
    """Read the command line."""
    parser = cli.Parser(description=__doc__)
    parser.add_argument("-m", "--model", help="model's name (default: the one stored with the weights)")
    parser.add_argument(
        "-w",
        "--weights",
        "--weights-file",
        type=Path,
        metavar="RUN|FILE",
        help="run folder, checkpoint or weights file (PyTorch's too)",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="file to write (default: in the run's folder, named by model and size); of --tensorrt, a folder",
    )
    add_graph_arguments(parser.add_argument_group("the graph"))
    checks = parser.add_argument_group("checks")
    checks.add_argument("--verify-on", type=Path, metavar="DATASET", help="compare mIoU on this data set")
    checks.add_argument("--dataset", metavar="NAME", help=cli.DATASET_HELP)
    checks.add_argument("--split", default="val", help="of --verify-on (default: val)")
    add_small_arguments(parser.add_argument_group("smaller numbers", "written only if mIoU hardly drops"))
    engine_command.add_arguments(parser)
    options = parser.parse_args()
    engine_command.require_fitting(options, parser.get_default)
    return options


def add_graph_arguments(graph) -> None:
    """What the graph takes and returns."""
    graph.add_argument(
        "-t", "--target-size", type=cli.size, metavar="Y,X", help="image's size (default: the training's)"
    )
    graph.add_argument("--batch", type=cli.positive_int, default=1, metavar="N", help="images (default: 1)")
    graph.add_argument("--opset", type=int, default=17, choices=range(13, 18), help="of ONNX (default: 17)")
    graph.add_argument(
        "--input-format", choices=("nhwc", "nchw"), default="nhwc", help="order of axes (default: nhwc)"
    )
    graph.add_argument("--float-input", action="store_true", help="take float32 instead of uint8")
    graph.add_argument(
        "--argmax",
        action="store_true",
        help="return labels uint8 [N,H,W], instead of logits, which can be resized",
    )
    graph.add_argument(
        "--samples",
        type=cli.positive_int,
        metavar="T",
        help="average T passes with dropout left active, and return probabilities instead of logits "
        "(default: one pass without dropout)",
    )


def add_small_arguments(small) -> None:
    """Which numbers it calculates in."""
    small.add_argument("--fp16", action="store_true", help="float16 inside")
    small.add_argument(
        "--int8",
        nargs="?",
        choices=("tensorrt", "cpu"),
        const="tensorrt",
        help="int8 convolutions (QDQ), as TensorRT takes them (bare), or as ONNX Runtime is fastest on a CPU",
    )
    small.add_argument(
        "--calibration",
        type=Path,
        metavar="PATH",
        help="images to measure the ranges of --int8 on: a data set (its split train) or a folder",
    )
    small.add_argument(
        "--calibration-pictures", type=cli.positive_int, metavar="N", help="how many (default: 64)"
    )
    small.add_argument(
        "--max-drop", type=cli.non_negative_float, metavar="POINTS", help="of mIoU, in 100 (default: 1.0)"
    )
    small.add_argument(
        "--min-agreement",
        type=cli.non_negative_float,
        metavar="SHARE",
        help="of pixels with the label of float32 on --calibration, in 100, for --int8 "
        f"(default: {MIN_AGREEMENT:g})",
    )


def main() -> int:
    options = arguments()
    if options.tensorrt:
        return engine_command.run(options)
    if not options.weights:
        raise UserError("give the weights to convert with -w/--weights RUN")
    require_fitting(options)
    packages.require("writing ONNX files", packages.TO_WRITE_ONNX, "export")
    samples = labelled(options)
    images = calibration_images(options)
    from common import left_out, startup

    startup.tensorflow()

    from common.files import require_folder_of, write_bytes
    from deploy import convert
    from inference.graph_interface import GraphInterface

    interface = GraphInterface(
        options.batch,
        options.input_format,
        options.float_input,
        options.argmax,
        options.opset,
        options.samples or 0,
    )
    made = convert.convert(options.weights, options.model, options.target_size, interface, samples)
    left_out.tell(options.weights, made.network.about.left_out)
    path = options.output or made.default_path(precision(options))
    require_folder_of(path)
    print(f"parity with Keras: {made.parity}")
    if samples:
        before, after = convert.scores(made, samples)
        print(f"mIoU on {len(samples)} images: Keras {before:.4f}, ONNX {after:.4f}")
    model = made.model
    if options.int8 or options.fp16:
        model = smaller(made, interface, options, samples, images)
    write_bytes(path, model.SerializeToString())
    print(f"wrote {path}", file=sys.stderr)
    return 0


def require_fitting(options) -> None:
    """Raise UserError for options that belong to others which are missing."""
    if options.int8 and options.fp16:
        raise UserError("--int8 or --fp16: make one file after the other")
    if options.int8 and not options.calibration:
        raise UserError("--int8 measures ranges on images: give --calibration DATASET or a folder of them")
    if not options.int8 and (options.calibration or options.calibration_pictures):
        raise UserError("--calibration and --calibration-pictures belong to --int8; add it or leave them out")
    if options.min_agreement is not None and not options.int8:
        raise UserError("--min-agreement belongs to --int8; add it or leave --min-agreement out")
    if options.max_drop is not None and not (options.int8 or options.fp16):
        raise UserError("--max-drop belongs to --int8 and --fp16; add one or leave it out")
    if options.max_drop is not None and not (options.verify_on or labelled_calibration(options)):
        raise UserError("--max-drop is of mIoU: give labelled images with --verify-on DATASET")
    if options.fp16 and not options.verify_on:
        raise UserError("float16 is judged by mIoU: give labelled images with --verify-on DATASET")


def labelled_calibration(options):
    """The path of --calibration if it is a data set, which can judge as well; else None."""
    from data import datasets

    path = options.calibration
    return path if path and datasets.found(path, options.dataset) else None


def calibration_images(options) -> list[Path]:
    """The images to measure ranges on, spread over all there are."""
    if not options.calibration:
        return []
    from inference import image_files

    found = [job.image for job in image_files.find([options.calibration], "train", False, options.dataset)]
    count = min(options.calibration_pictures or 64, len(found))
    return [found[number * len(found) // count] for number in range(count)]


def precision(options) -> str:
    """What the file's name says of it."""
    return {None: "fp16" if options.fp16 else "", "tensorrt": "int8", "cpu": "int8-cpu"}[options.int8]


def smaller(made, interface, options, samples, paths):
    """The graph in float16 or int8; prints what that costs."""
    from deploy import convert

    max_drop = 1.0 if options.max_drop is None else options.max_drop
    if options.fp16:
        model, after = convert.float16(made, samples, max_drop)
        print(f"mIoU of float16: {after:.4f}")
        return model
    agreement = MIN_AGREEMENT if options.min_agreement is None else options.min_agreement
    found = convert.int8(made, interface, options.int8, paths, samples, max_drop, agreement)
    told = [f"labels as of float32 in {100 * found.agreement:.2f} % of the pixels"] if agreement else []
    told += [f"mIoU {found.miou:.4f}"] if samples else []
    told += [f"{len(found.kept)} convolutions kept in float: {', '.join(found.kept)}"] if found.kept else []
    print(f"int8, calibrated on {len(paths)} images: {'; '.join(told)}")
    return found.model


def labelled(options):
    """The split's images with labels, which judge the graph; none where no data set is given."""
    root = options.verify_on or labelled_calibration(options)
    if root is None:
        return []
    from data import datasets
    from inference.runtimes import label_set_of

    data_set = datasets.opened(cli.dataset_path(root), options.dataset)
    return data_set.for_model(label_set_of(options.weights, options.model)).labelled(options.split)


if __name__ == "__main__":
    cli.run(main)
