"""What the command lines share: argument types, the data set's path, errors in one line.

Nothing here may import TensorFlow or anything else that is slow: `--help` answers at once. It is read by
Python 3.8 as well, on a Jetson that builds an engine.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from common import arguments
from common.errors import EXIT_INTERRUPTED, EXIT_USER_ERROR, UserError

DATASET_VARIABLE = "CITYSCAPES_DATASET"
DATASET_HELP = "kind of data set, of docs/data.md (default: recognised by its folders)"
CLASSES_HELP = "its classes, such as Cityscapes' categories (docs/data.md)"
# option -> argument of library functions, where these call it otherwise
ARGUMENTS = {
    "weights": "source",
    "path": "paths",
    "target_size": "size",
    "results_path": "folder",
    "output": "folder",
    "tile": "overlap",
    "samples": "dropout_passes",
    "fps": "rate",
    "dla_core": "dla",
    "calibration": "paths",
    "calibration_cache": "cache",
    "benchmark_line": "benchmark",
}


def run(main) -> None:
    """Call `main()` and exit with its status; a mistake of the user's becomes one line on stderr."""
    try:
        status = main()
        sys.stdout.flush()
    except UserError as error:
        print(f"{program()}: error: {arguments.as_options(str(error))}", file=sys.stderr)
        status = error.status
    except KeyboardInterrupt:
        print(f"{program()}: interrupted", file=sys.stderr)
        status = EXIT_INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe has gone, as in `evaluate.py ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 141
    sys.exit(status)


def program() -> str:
    """The script's name, as the user typed it."""
    return os.path.basename(sys.argv[0])


class Parser(argparse.ArgumentParser):
    """An argument parser whose help is the script's docstring and whose errors are one line."""

    def __init__(self, **options):
        super().__init__(**{"formatter_class": argparse.RawDescriptionHelpFormatter, **options})

    def parse_known_args(self, args=None, namespace=None):
        """Parse; from now on messages name this command line's options, see `common.arguments`."""
        arguments.are_set_by(self._options_by_argument())
        return super().parse_known_args(args, namespace)

    def _options_by_argument(self) -> dict[str, str]:
        found = {
            action.dest: written(action.option_strings) for action in self._actions if action.option_strings
        }
        for name, argument in ARGUMENTS.items():
            if name in found:
                found.setdefault(argument, found[name])
        return found

    def error(self, message):
        """Exit with status 2; argparse would print the whole usage first."""
        self.exit(EXIT_USER_ERROR, f"{self.prog}: error: {message} (see --help)\n")


def written(strings: list[str]) -> str:
    """An option as messages name it, in its short and its long form: `-p/--path`."""
    short = [string for string in strings if not string.startswith("--")][:1]
    return "/".join(short + [string for string in strings if string.startswith("--")][:1])


def positive_int(text: str) -> int:
    """argparse type: a whole number of at least 1."""
    return _number(text, int, lambda value: value >= 1, "a whole number of at least 1")


def natural(text: str) -> int:
    """argparse type: a whole number of at least 0."""
    return _number(text, int, lambda value: value >= 0, "a whole number of at least 0")


def positive_float(text: str) -> float:
    """argparse type: a finite number above 0."""
    return _number(text, float, lambda value: 0 < value < float("inf"), "a number above 0")


def non_negative_float(text: str) -> float:
    """argparse type: a finite number of at least 0."""
    return _number(text, float, lambda value: 0 <= value < float("inf"), "a number of at least 0")


def dilations(text: str) -> tuple[int, ...]:
    """argparse type: whole numbers from 1 on, separated by commas."""
    return tuple(positive_int(part) for part in text.split(","))


def share(text: str) -> float:
    """argparse type: a number from 0 to below 1."""
    return _number(text, float, lambda value: 0 <= value < 1, "a number from 0 to below 1")


def _number(text, kind, valid, wanted):
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not valid(value):
        raise argparse.ArgumentTypeError(f"'{text}' is not {wanted}")
    return value


def size(text: str) -> tuple[int, int]:
    """argparse type: `y,x` or `y,x,3` or `HxW` in pixels, as (height, width)."""
    parts = text.lower().replace("x", ",").split(",")
    if len(parts) not in (2, 3) or not all(part.strip().isdigit() for part in parts):
        raise argparse.ArgumentTypeError(f"'{text}' is not a size; write height,width such as 512,1024")
    height, width, *channels = (int(part) for part in parts)
    if channels not in ([], [3]):
        raise argparse.ArgumentTypeError(f"'{text}': images have 3 channels; leave the third number out")
    if not height or not width:
        raise argparse.ArgumentTypeError(f"'{text}': height and width must be at least 1")
    return height, width


def add_data_set(parser) -> None:
    """Add --dataset and --classes, of the data set that a folder is."""
    parser.add_argument("--dataset", metavar="NAME", help=DATASET_HELP)
    parser.add_argument("--classes", metavar="NAME", help=CLASSES_HELP)


def add_provider(parser, *others: str) -> None:
    """Add --provider, of ONNX files: ONNX Runtime's, and `others`."""
    parser.add_argument(
        "--provider",
        choices=("cpu", "cuda", "tensorrt", *others),
        help="what runs an .onnx file (default: CUDA where ONNX Runtime has it, else the CPU)",
    )


def add_sampling(parser) -> None:
    """Add --samples and --seed, of predictions with dropout left active."""
    group = parser.add_argument_group("uncertainty", "of a model with dropout, by Monte-Carlo dropout")
    group.add_argument(
        "--samples",
        type=positive_int,
        metavar="T",
        help="average T passes with dropout left active (default: one pass without dropout)",
    )
    group.add_argument("--seed", type=natural, help="of the passes' random numbers (default: 0)")


def require_samples_with_seed(options) -> None:
    """Raise UserError if --seed is given without --samples."""
    if options.seed is not None and not options.samples:
        raise UserError("--seed belongs to --samples; add it or leave --seed out")


HIGHEST_SCALE = 4.0  # of a pass; its memory grows with the square
HIGHEST_OVERLAP = 0.9  # of tiles; a hundred times the work


def scales(text: str) -> tuple[float, ...]:
    """argparse type: different numbers above 0, separated by commas."""
    wanted = f"a scale above 0, at most {HIGHEST_SCALE:g}"
    found = tuple(
        _number(part, float, lambda value: 0 < value <= HIGHEST_SCALE, wanted) for part in text.split(",")
    )
    if len(set(found)) < len(found):
        raise argparse.ArgumentTypeError(f"'{text}' names a scale twice")
    return found


def scale_range(text: str) -> tuple[float, float]:
    """argparse type: the least and the largest scale, separated by a comma; of one number both."""
    wanted = f"a scale above 0, at most {HIGHEST_SCALE:g}, or two of them, the smaller one first"
    found = [
        _number(part, float, lambda value: 0 < value <= HIGHEST_SCALE, wanted) for part in text.split(",")
    ]
    if len(found) > 2 or found[0] > found[-1]:
        raise argparse.ArgumentTypeError(f"'{text}' is not {wanted}")
    return found[0], found[-1]


def overlap(text: str) -> float:
    """argparse type: the part of their sides that tiles share."""
    wanted = f"an overlap from 0 to {HIGHEST_OVERLAP:g}"
    return _number(text, float, lambda value: 0 <= value <= HIGHEST_OVERLAP, wanted)


def add_passes(parser) -> None:
    """Add --tile, --scales and --flip."""
    group = parser.add_argument_group("several passes", "over each image: slower by their number")
    group.add_argument(
        "--tile",
        nargs="?",
        type=overlap,
        const=0.25,
        metavar="OVERLAP",
        help="cover images in tiles of the model's size, blended where they overlap by this part of their "
        "sides (bare: 0.25), instead of resizing images to that size",
    )
    group.add_argument(
        "--scales",
        type=scales,
        metavar="S,S,...",
        help="average the probabilities at these multiples of the model's size, such as 0.5,1,1.5",
    )
    group.add_argument("--flip", action="store_true", help="average with those of the mirrored image")


def add_refinement(parser) -> None:
    """Add --refine."""
    parser.add_argument(
        "--refine",
        type=Path,
        metavar="RUN|FILE",
        help="weights of segfix, which moves the labels at borders (docs/models.md)",
    )


def passes(options) -> dict:
    """Those of `add_passes` that are given, as `inference.runtimes.with_passes` takes them.

    Raises:
        UserError: together with --samples.
    """
    given = {"overlap": options.tile, "scales": options.scales, "flip": options.flip or None}
    given = {name: value for name, value in given.items() if value is not None}
    if given and options.samples:
        raise UserError("--samples averages passes of its own; leave --tile, --scales and --flip out")
    if options.refine and options.samples:
        raise UserError("--samples tells how certain labels are, --refine moves them; leave one out")
    return given


def named_dataset(option: Path | None) -> Path | None:
    """The same as `dataset_path`, but None where nothing names a data set."""
    return dataset_path(option) if option or os.environ.get(DATASET_VARIABLE) else None


def dataset_path(option: Path | None) -> Path:
    """The data set's folder: `-p/--path`, else the environment's CITYSCAPES_DATASET.

    Raises:
        UserError: neither is given, or the folder does not exist.
    """
    path = option or (Path(os.environ[DATASET_VARIABLE]) if os.environ.get(DATASET_VARIABLE) else None)
    if path is None:
        raise UserError(
            f"no data set: give -p/--path or set {DATASET_VARIABLE}; "
            "`python prepare_data.py synthesize town` makes a small one"
        )
    if not path.is_dir():
        raise UserError(
            f"no data set at {path}: the folder does not exist; correct -p/--path or {DATASET_VARIABLE}, "
            f"or make one with `python prepare_data.py synthesize {path}`"
        )
    return path
