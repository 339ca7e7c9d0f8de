"""Scoring label images: this repository's `evaluation` against the official script, on the same images.

The yardstick is the script as `pip` installs it. Files come from the page cache, so disks do not enter.
"""

import tempfile
from pathlib import Path

from benchmarks import clock
from common import cli

HELP = "scoring label images against the official script, times and scores"


def add_arguments(parser) -> None:
    """The benchmark's options."""
    parser.add_argument("--pictures", type=cli.positive_int, default=10, help="in a round (default: 10)")
    parser.add_argument(
        "--size", type=cli.size, default=(1024, 2048), metavar="Y,X", help="(default: 1024,2048)"
    )
    parser.add_argument("--objects", type=cli.natural, default=40, help="objects an image (default: 40)")
    parser.add_argument("--rounds", type=cli.positive_int, default=5, help="(default: 5)")


def run(options) -> dict:
    """Score the same made-up images both ways, in turns; returns times, ratios, largest difference."""
    from evaluation import official, predictions
    from evaluation.scored_labels import OFFICIAL
    from evaluation.scores import scores

    found = {}
    threads = predictions.default_threads()
    with tempfile.TemporaryDirectory() as folder:
        samples, files = write_images(Path(folder), options.pictures, options.size, options.objects)

        def ours(workers):
            found["ours"] = scores(predictions.score_files(samples, files, workers), OFFICIAL)

        def theirs():
            found["official"] = official.official_scores(samples, files, instances=True, quiet=True)

        functions = {
            "decode alone": lambda: decode(samples, files),
            "one thread": lambda: ours(1),
            "all threads": lambda: ours(threads),
            "official": theirs,
        }
        seconds = clock.take_turns(functions, options.rounds, warmup=1)
    difference = official.largest_difference(found["ours"], found["official"], instances=True)
    speedups = {name: clock.ratios(seconds["official"], times) for name, times in seconds.items()}
    medians = {name: clock.summary(times)["median"] / len(samples) for name, times in seconds.items()}
    for name, median in medians.items():
        speedup = speedups[name]["median"]
        print(f"{name:14} {median:7.4f} s/image   {speedup:5.2f} x the official script's speed")
    print(f"largest difference of any score: {difference:.1e}")
    return {
        "settings": {
            "pictures": len(samples),
            "size": options.size,
            "objects": options.objects,
            "threads": threads,
            "rounds": options.rounds,
            "official_compiled_helper": official.compiled_helper(),
        },
        "results": {
            "seconds": {name: clock.summary(times) for name, times in seconds.items()},
            "seconds_per_picture": medians,
            "speedup_over_official": speedups,
            "largest_difference": difference,
        },
    }


def decode(samples, files) -> None:
    """Decode the three PNGs of every image in one thread, and nothing else."""
    from data import png

    for sample, file in zip(samples, files, strict=True):
        png.decode_any(sample.label)
        png.decode_any(sample.instances)
        png.decode_any(file)


def write_images(folder: Path, count: int, size: tuple[int, int], objects: int):
    """Write truths, instances and predictions, and return the samples and the predictions' paths."""
    import imagecodecs
    import numpy as np

    from benchmarks.label_maps import make_image
    from data.cityscapes import CityscapesSample

    random = np.random.default_rng(0)
    samples, files = [], []
    for number in range(count):
        stem = f"made_{number:06}_000000"
        samples.append(
            CityscapesSample(folder / f"{stem}_leftImg8bit.png", folder / f"{stem}_gtFine_labelIds.png")
        )
        files.append(folder / f"{stem}_prediction.png")
        paths = samples[-1].label, folder / f"{stem}_gtFine_instanceIds.png", files[-1]
        for path, image in zip(paths, make_image(random, size, objects), strict=True):
            # level and filters of common PNG writers, on which the time to decode depends
            path.write_bytes(imagecodecs.png_encode(image, level=6))
    return samples, files
