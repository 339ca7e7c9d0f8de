"""The input pipeline against decoding alone: images per second from PNG or JPEG files and from the cache.

The yardstick is the pipeline's own decoder on the same files with as many threads, and nothing else. Beside
it, the same threads decode and augment: what is left to the pipeline is the cost of its batches.
"""

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks import clock
from common import cli, startup

HELP = "the input pipeline with augmentation, from files and from the cache, against decoding alone"


def add_arguments(parser) -> None:
    """The benchmark's options."""
    parser.add_argument("-p", "--path", type=Path, help=f"data set (default: ${cli.DATASET_VARIABLE})")
    cli.add_data_set(parser)
    parser.add_argument(
        "-t", "--target-size", type=cli.size, default=(512, 1024), metavar="Y,X", help="(default: 512,1024)"
    )
    parser.add_argument("-b", "--batch", type=cli.positive_int, default=4, help="(default: 4)")
    parser.add_argument("--workers", type=cli.positive_int, help="threads (default: all CPUs)")
    parser.add_argument(
        "--pictures",
        type=cli.positive_int,
        default=512,
        help="images a round, the data set's repeated; an epoch of Cityscapes has 2975 (default: 512)",
    )
    parser.add_argument("--rounds", type=cli.positive_int, default=3, help="(default: 3)")


def run(options) -> dict:
    """Measure; returns images per second and ratios to decoding."""
    startup.tensorflow()
    from common.threads import usable_cpus
    from data import cache, datasets, draws
    from data.pipeline import Batches

    root = cli.dataset_path(options.path)
    found = datasets.opened(root, options.dataset, options.classes).training()
    samples = (found * -(-options.pictures // len(found)))[: options.pictures]
    workers = options.workers or usable_cpus()
    stored = "PNG" if samples[0].image.suffix.lower() == ".png" else "JPEG"

    def batches(image_cache) -> Batches:
        return Batches(samples, options.target_size, options.batch, image_cache, workers)

    def in_threads(function):
        with ThreadPoolExecutor(workers) as pool:
            drain(pool.map(function, range(len(samples))))

    def augment(index):
        uncached.augmented(index, draws.generator(0, 0, index))

    uncached = batches(cache.NoCache())

    with tempfile.TemporaryDirectory() as folder:
        functions = {
            "decode alone": lambda: in_threads(lambda index: samples[index].decode()),
            "decode and augment": lambda: in_threads(augment),
            f"from {stored}": Epochs(uncached),
            "memory cache": Epochs(batches(cache.MemoryCache())),
            "folder cache": Epochs(batches(cache.FolderCache(Path(folder)))),
        }
        seconds = clock.take_turns(functions, options.rounds, warmup=1)
    alone = seconds["decode alone"]
    fastest = {name: len(samples) / min(times) for name, times in seconds.items()}  # noise only adds time
    for name, rate in fastest.items():
        print(f"{name:18} {rate:7.1f} images/s   {rate / fastest['decode alone']:5.2f} x decoding alone")
    return {
        "settings": {
            "pictures": len(samples),
            "size": options.target_size,
            "batch": options.batch,
            "workers": workers,
            "rounds": options.rounds,
        },
        "results": {
            "seconds": {name: clock.summary(times) for name, times in seconds.items()},
            "pictures_per_second": fastest,
            "ratio_to_decoding_by_round": {
                name: clock.ratios(alone, times) for name, times in seconds.items()
            },
        },
    }


class Epochs:
    """Each call runs through the next epoch of augmented batches."""

    def __init__(self, batches):
        self.batches, self.epoch = batches, 0

    def __call__(self):
        drain(self.batches.training(seed=0, epoch=self.epoch))
        self.epoch += 1


def drain(iterator: Iterator) -> None:
    """Take everything."""
    for _ in iterator:
        pass
