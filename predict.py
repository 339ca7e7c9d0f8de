"""Predict label maps with a trained model and write them as images.

    python predict.py -m fastscnn -w logs/fastscnn/RUN -p DATASET                # the split val
    python predict.py -m fastscnn -w logs/fastscnn/RUN -p DATASET --split test   # for the benchmark server
    python predict.py -m fastscnn -w logs/fastscnn/RUN -p my_images -r my_results
    python predict.py -m fastscnn -w logs/fastscnn/RUN -p a.png b.jpg
    python predict.py -m separable_unet -w OLD.hdf5 -p a.png b.jpg               # weights that Keras 2 wrote
    python predict.py -w fastscnn.onnx -p my_images                            # by convert_to_onnx.py
    python predict.py -w pspnet.pth -p a.png -t 512,1024                         # of a PyTorch package
    python predict.py -m bayes_segnet -w logs/bayes_segnet/RUN --samples 20      # and how uncertain they are
    python predict.py -w logs/fastscnn/RUN -p my_images --scales 0.5,1,1.5 --flip   # mean of six passes
    python predict.py -w logs/fastscnn/RUN -p my_panoramas --tile                # larger than the model
    python predict.py -w logs/fastscnn/RUN -p my_images --refine logs/segfix/RUN   # borders moved by SegFix

    python predict.py -w logs/fastscnn/RUN -p drive.mp4 --output seen.mp4        # a video of what it sees
    python predict.py -w logs/fastscnn/RUN -p my_frames --output seen.mp4 --fps 20
    python predict.py -w logs/fastscnn/RUN --camera 0 --output seen.mp4          # until Ctrl-C

Written are, in the images' own size, to which logits are resized before the arg-max (docs/models.md), under
RESULTS/ and with the folders and names of the images:
labelIds/*_labelIds.png as the Cityscapes server takes them, color/*_color.png, overlay/*_overlay.png.
Images that are no data set's may be grey, RGBA, of a palette or of 16 bits as well: they are converted to
8-bit RGB, and one line says so.
With --samples also uncertainty/*_uncertainty.npz, arrays in nats (predictive `entropy`, and
`mutual_information`: the part on which the passes disagree), and images of both, brightest at ln CLASSES and
ln 2: uncertainty/*_entropy.png, uncertainty/*_mutualInformation.png.

With --output instead one H.264 video: the frames under their classes' colours, frames per second, and a
legend below. Reading, inference and writing overlap; the last line names the slowest of them. Ctrl-C
finishes the video with what was done (exit status 130). A damaged video is shown as far as it can be
decoded, and named (exit status 2).
"""

import sys
from pathlib import Path

from common import cli, left_out
from common.errors import UserError
from common.files import make_folder
from models import ARCHITECTURES

RESULTS = Path("results")


def arguments():
    """Read the command line."""
    parser = cli.Parser(description=__doc__)
    parser.add_argument(
        "-m",
        "--model",
        choices=sorted(ARCHITECTURES),
        help="model's name (default: the one stored with the weights)",
    )
    parser.add_argument(
        "--encoder",
        "--backbone",
        metavar="NAME",
        help="encoder's name (default: the one stored with the weights)",
    )
    parser.add_argument(
        "-w",
        "--weights",
        "--weights-file",
        type=Path,
        required=True,
        metavar="RUN|FILE",
        help="run folder (its best weights), checkpoint, weights (PyTorch's too), .onnx or .engine file",
    )
    parser.add_argument(
        "-p",
        "--path",
        type=Path,
        nargs="+",
        metavar="PATH",
        help="data set, folder of images, images, or with --output a video "
        f"(default: ${cli.DATASET_VARIABLE})",
    )
    parser.add_argument(
        "-r",
        "--results-path",
        type=Path,
        metavar="FOLDER",
        help=f"where the images are written (default: {RESULTS})",
    )
    parser.add_argument("--split", default="val", help="of a data set (default: val)")
    parser.add_argument(
        "-c",
        "--coarse",
        action="store_true",
        help="of a data set, the images with coarse labels (such as --split train_extra)",
    )
    parser.add_argument(
        "-t",
        "--target-size",
        type=cli.size,
        metavar="Y,X[,C]",
        help="size an image is brought to for the model (default: the training's)",
    )
    parser.add_argument("--dataset", metavar="NAME", help=cli.DATASET_HELP)
    cli.add_provider(parser, "openvino")
    cli.add_sampling(parser)
    cli.add_passes(parser)
    cli.add_refinement(parser)
    add_video(parser)
    return parser.parse_args()


def add_video(parser):
    """Add --output and what belongs to it."""
    group = parser.add_argument_group(
        "video", 'needs the extra: pip install -c constraints.txt -e ".[video]"'
    )
    group.add_argument(
        "--output", type=Path, metavar="FILE.mp4", help="write a video of all frames instead of images"
    )
    group.add_argument("--camera", type=cli.natural, metavar="N", help="read camera N, from 0, instead of -p")
    group.add_argument(
        "--fps",
        type=cli.positive_float,
        help="the video's frames per second (default: those of the video or camera; 20 for images)",
    )
    group.add_argument("--frames", type=cli.positive_int, metavar="N", help="stop after N frames")


def main() -> int:
    options = arguments()
    cli.require_samples_with_seed(options)
    cli.passes(options)  # refuses what does not go together
    require_video_options(options)
    if options.output:
        write_video(options)
    else:
        write_images(options)
    return 0


def require_video_options(options):
    """Raise UserError if options of videos and of images are mixed."""
    if options.output is None:
        of_a_video = {"--camera": options.camera, "--fps": options.fps, "--frames": options.frames}
        for name, value in of_a_video.items():
            if value is not None:
                raise UserError(f"{name} belongs to a video; add --output FILE.mp4 or leave {name} out")
        return
    if options.results_path:
        raise UserError("-r/--results-path belongs to images; leave it out, or --output")
    if options.camera is not None and options.path:
        raise UserError("--camera and -p/--path are two sources of frames; leave one out")


def write_video(options):
    """Predict frames into a video."""
    from inference import video

    video.require_library()
    from inference.video import film, frames

    film.require_writable(options.output)
    rate = frames.exact_rate(options.fps) if options.fps else None
    if options.camera is not None:
        source = frames.Camera(options.camera, rate)
    else:
        paths = options.path or [cli.dataset_path(None)]
        source = film.open_frames(paths, options.split, options.coarse, rate, options.output, options.dataset)
    film.predict_video(load_runtime(options), source, options.output, options.frames)


def write_images(options):
    """Predict images one by one."""
    from inference import image_files, video

    paths = options.path or [cli.dataset_path(None)]
    video.require_none(paths)
    jobs = image_files.find(paths, options.split, options.coarse, options.dataset)
    runtime = load_runtime(options)
    results = options.results_path or RESULTS
    make_folder(results)
    image_files.predict_all(runtime, jobs, results)
    kinds = "label maps, colour images and overlays"
    if options.samples:
        kinds = "label maps, colour images, overlays and uncertainties"
    print(f"wrote {len(jobs)} {kinds} to {results}", file=sys.stderr)


def load_runtime(options):
    """The trained model; takes seconds, so only once all else is known to be right."""
    from inference.runtimes import load, refined, sampling_of, with_passes

    runtime = load(options.weights, options.model, options.target_size, options.encoder, options.provider)
    left_out.tell(options.weights, getattr(runtime, "left_out", ()))
    if options.samples:
        return sampling_of(runtime, options.samples, options.seed or 0)
    passes = cli.passes(options)
    runtime = with_passes(runtime, **passes) if passes else runtime
    return refined(runtime, options.refine) if options.refine else runtime


if __name__ == "__main__":
    cli.run(main)
