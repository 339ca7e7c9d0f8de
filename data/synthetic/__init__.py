"""A procedural town in the Cityscapes layout: to try, test and benchmark the suite without the data set."""

import os
from pathlib import Path

from common.errors import UserError
from common.files import make_folder

SMALLEST = (128, 256)  # height, width; below, signs and people are a pixel wide


def synthesize(
    root: Path, train: int, val: int, size: tuple[int, int], seed: int, workers: int | None = None
) -> None:
    """Write a data set of street scenes: images, polygons, label ids, instance ids and colours.

    The same seed gives the same bytes, however many workers there are; an image does not depend on
    how many others are made.

    Arguments:
        root: folder to make, or one without images.
        train, val: how many images each split gets.
        size: (height, width) in pixels, at least 128x256, about twice as wide as high.
        seed: whole number of at least 0.
        workers: processes; None takes one for each core.

    Raises:
        UserError: a data set is there already, the size is too small, or a file cannot be written.
    """
    root = Path(root)
    if size[0] < SMALLEST[0] or size[1] < SMALLEST[1]:
        raise UserError(
            f"size {size[0]}x{size[1]} is too small for a street scene; "
            f"give at least {SMALLEST[0]}x{SMALLEST[1]}"
        )
    if seed < 0:
        raise UserError(f"seed {seed} is negative; give a whole number of at least 0")
    _require_no_data_set(root)
    # cityscapesscripts, OpenCV and tqdm take a second to import: too long for `--help`
    from data.synthetic.write import Job, write_all

    make_folder(root, "path")
    jobs = [
        Job(root, split, index, tuple(size), seed)
        for split, count in (("train", train), ("val", val))
        for index in range(count)
    ]
    write_all(jobs, max(1, min(workers or os.cpu_count() or 1, len(jobs))))


def _require_no_data_set(root: Path) -> None:
    for kind, pattern in (("leftImg8bit", "*/*/*.png"), ("gtFine", "*/*/*.*")):
        found = next((root / kind).glob(pattern), None)
        if found is not None:
            raise UserError(
                f"{root} holds a data set already ({found.relative_to(root)}); "
                "give an empty folder or delete that one"
            )
