"""Predict label maps with a trained model and write them as pictures.

    python predict.py -m fastscnn -w logs/fastscnn/RUN -p DATASET                # the split val
    python predict.py -m fastscnn -w logs/fastscnn/RUN -p DATASET --split test   # for the benchmark server
    python predict.py -m fastscnn -w logs/fastscnn/RUN -p my_pictures -r my_results
    python predict.py -m fastscnn -w logs/fastscnn/RUN -p a.png b.jpg
    python predict.py -m separable_unet -w OLD.hdf5 -p a.png b.jpg               # weights that Keras 2 wrote
    python predict.py -w fastscnn.onnx -p my_pictures                            # by convert_to_onnx.py
    python predict.py -m bayes_segnet -w logs/bayes_segnet/RUN --samples 20      # and how uncertain they are
    python predict.py -w logs/fastscnn/RUN -p my_pictures --scales 0.5,1,1.5 --flip   # mean of six passes
    python predict.py -w logs/fastscnn/RUN -p my_panoramas --tile                # larger than the model

Written are, in the pictures' own size, under RESULTS/ and with the folders and names of the pictures:
labelIds/*_labelIds.png as the Cityscapes server takes them, color/*_color.png, overlay/*_overlay.png.
With --samples also uncertainty/*_uncertainty.npz, arrays in nats (predictive `entropy`, and
`mutual_information`: the part on which the passes disagree), and pictures of both, brightest at ln 19 and
ln 2: uncertainty/*_entropy.png, uncertainty/*_mutualInformation.png.
"""

import sys
from pathlib import Path

from common import cli
from models import ARCHITECTURES


def arguments():
    """Read the command line."""
    parser = cli.Parser(description=__doc__)
    parser.add_argument(
        "-m",
        "--model",
        choices=sorted(ARCHITECTURES),
        help="model's name (default: the one stored with the weights)",
    )
    parser.add_argument("--backbone", help="backbone's name (default: the one stored with the weights)")
    parser.add_argument(
        "-w",
        "--weights",
        type=Path,
        required=True,
        metavar="RUN|FILE",
        help="run folder (its best weights), checkpoint, weights file, or .onnx file",
    )
    parser.add_argument(
        "-p",
        "--path",
        type=Path,
        nargs="+",
        metavar="PATH",
        help=f"data set, folder of pictures, or pictures (default: ${cli.DATASET_VARIABLE})",
    )
    parser.add_argument(
        "-r",
        "--results-path",
        type=Path,
        default=Path("results"),
        metavar="FOLDER",
        help="where the pictures are written (default: results)",
    )
    parser.add_argument("--split", default="val", help="of a data set (default: val)")
    parser.add_argument(
        "-c",
        "--coarse",
        action="store_true",
        help="of a data set, the pictures with coarse labels (such as --split train_extra)",
    )
    parser.add_argument(
        "-t",
        "--target-size",
        type=cli.size,
        metavar="Y,X[,C]",
        help="size a picture is brought to for the model (default: the training's)",
    )
    cli.add_provider(parser)
    cli.add_sampling(parser)
    cli.add_passes(parser)
    return parser.parse_args()


def main() -> int:
    options = arguments()
    cli.require_samples_with_seed(options)
    passes = cli.passes(options)
    from deploy import pictures

    paths = options.path or [cli.dataset_path(None)]
    jobs = pictures.find(paths, options.split, options.coarse)

    from deploy.runtimes import load, refined, sampling_of  # seconds, so only now that all else is right

    runtime = load(options.weights, options.model, options.target_size, options.backbone, options.provider)
    if options.samples:
        runtime = sampling_of(runtime, options.samples, options.seed or 0)
    if passes:
        runtime = refined(runtime, **passes)
    pictures.require_writable(options.results_path)
    pictures.predict_all(runtime, jobs, options.results_path)
    kinds = "label maps, colour pictures and overlays"
    if options.samples:
        kinds = "label maps, colour pictures, overlays and uncertainties"
    print(f"wrote {len(jobs)} {kinds} to {options.results_path}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    cli.run(main)
