"""Check or measure a data set (docs/data.md), or make one up in the Cityscapes layout.

    python prepare_data.py synthesize town                         # a small made-up town to try things on
    python prepare_data.py verify /data/cityscapes                 # before the first training
    python prepare_data.py verify /data/cityscapes --coarse        # gtCoarse and train_extra as well
    python prepare_data.py stats /data/cityscapes --json stats.json
    python prepare_data.py stats /data/bdd100k --dataset bdd100k-drivable

The data set's folder may also come from -p/--path or from the environment variable CITYSCAPES_DATASET.
"""

import argparse
import functools
import shlex
import time
from pathlib import Path

from common import cli
from common.files import require_folder_of

EXIT_DAMAGED = 1


def main() -> int:
    """Run the subcommand and return the exit status."""
    arguments = parser().parse_args()
    return arguments.command(arguments)


def parser() -> argparse.ArgumentParser:
    """The command line; nothing slow is imported for it."""
    top = cli.Parser(description=__doc__)
    commands = top.add_subparsers(title="subcommands", metavar="{verify,synthesize,stats}", required=True)

    one = commands.add_parser(
        "verify",
        help="decode every image and name what is missing or damaged",
        description="Decode every image and name what is missing or damaged, one line each. "
        f"Exit status: 0 fit for training, {EXIT_DAMAGED} training would fail, 2 no data set found.",
    )
    add_path(one)
    one.add_argument("-c", "--coarse", action="store_true", help="check gtCoarse and train_extra as well")
    add_workers(one, "threads")
    one.set_defaults(command=verify)

    one = commands.add_parser("synthesize", help="write a made-up town, in the Cityscapes layout")
    one.add_argument("folder", metavar="PATH", type=Path, help="where to write it")
    one.add_argument("--train", metavar="N", type=cli.positive_int, default=64, help="images; default: 64")
    one.add_argument("--val", metavar="N", type=cli.positive_int, default=16, help="images; default: 16")
    one.add_argument("--size", metavar="HxW", type=cli.size, default=(256, 512), help="default: 256x512")
    one.add_argument("--seed", metavar="S", type=cli.natural, default=0, help="default: %(default)s")
    add_workers(one, "processes")
    one.set_defaults(command=synthesize)

    one = commands.add_parser("stats", help="count the pixels of each class and derive class weights")
    add_path(one)
    one.add_argument("--split", choices=("train", "val"), default="train", help="default: %(default)s")
    one.add_argument("-c", "--coarse", action="store_true", help="count the coarse labels (with train_extra)")
    one.add_argument("--json", metavar="FILE", type=Path, help="write counts and weights there as well")
    add_workers(one, "threads")
    one.set_defaults(command=stats)
    return top


def add_path(command: argparse.ArgumentParser) -> None:
    """The data set's folder, as a word or as an option."""
    either = command.add_mutually_exclusive_group()
    default = f"the data set; default: the environment's {cli.DATASET_VARIABLE}"
    either.add_argument("folder", metavar="PATH", nargs="?", type=Path, help=default)
    either.add_argument("-p", "--path", type=Path, help="the same as an option")
    cli.add_data_set(command)


def add_workers(command: argparse.ArgumentParser, kind: str) -> None:
    """How much runs at once."""
    default = f"{kind}; default: one for each processor"
    command.add_argument("--workers", metavar="N", type=cli.positive_int, help=default)


def verify(arguments) -> int:
    """Print errors and remarks as they are found, then a summary."""
    from tqdm import tqdm

    from data import datasets
    from data.verify import check

    start = time.perf_counter()
    root = cli.dataset_path(arguments.folder or arguments.path)
    data_set = datasets.opened(root, arguments.dataset, arguments.classes)
    planned = data_set.plan(arguments.coarse)
    found = {True: 0, False: 0}
    for finding in check(planned, arguments.workers, progress_bar("verify", len(planned.jobs))):
        found[finding.error] += 1
        tqdm.write(str(finding))  # above the progress bar, on stdout
    seconds = time.perf_counter() - start
    print(
        f"verified {len(planned.jobs)} images in {seconds:.1f} s: "
        f"{found[True]} errors, {found[False]} remarks"
    )
    return EXIT_DAMAGED if found[True] else 0


def synthesize(arguments) -> int:
    """Write the synthetic town and say how to go on."""
    import data.synthetic

    root, (height, width) = arguments.folder, arguments.size
    data.synthetic.synthesize(
        root, arguments.train, arguments.val, arguments.size, arguments.seed, workers=arguments.workers
    )
    print(f"wrote {arguments.train} train and {arguments.val} val images of {height}x{width} to {root}")
    print(f"go on with: python train.py -m fastscnn -p {shlex.quote(str(root))} -t {height},{width}")
    return 0


def stats(arguments) -> int:
    """Print the class table; write it as JSON where asked."""
    from data import datasets, stats

    root = cli.dataset_path(arguments.folder or arguments.path)
    if arguments.json:  # said before the minutes of counting
        require_folder_of(arguments.json, "json")
    data_set = datasets.opened(root, arguments.dataset, arguments.classes)
    if arguments.split == "train":
        samples = data_set.training(arguments.coarse)
    else:
        samples = data_set.labelled(arguments.split, arguments.coarse)
    counts = stats.count(samples, arguments.workers, progress_bar("stats", len(samples)))
    kind = "coarse" if arguments.coarse else "fine"
    print(f"{counts.images} label maps of split '{arguments.split}' ({kind}) in {root}")
    print(stats.table(counts))
    if arguments.json:
        source = {"data_set": str(root), "split": arguments.split, "labels": kind}
        stats.write_json(arguments.json, source | stats.record(counts))
        print(f"wrote {arguments.json}")
    return 0


def progress_bar(name: str, total: int):
    """A wrapper for an iterator that shows progress on stderr, on terminals only."""
    from tqdm import tqdm

    return functools.partial(tqdm, desc=name, total=total, unit=" images", disable=None, leave=False)


if __name__ == "__main__":
    cli.run(main)
