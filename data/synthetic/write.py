"""Writes a scene's files in the Cityscapes layout; the image comes last, so none is without labels."""

import json
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from cityscapesscripts.helpers.annotation import Annotation
from cityscapesscripts.preparation.json2instanceImg import createInstanceImage
from cityscapesscripts.preparation.json2labelImg import createLabelImage
from tqdm import tqdm

from common.files import make_folder, write_bytes
from data import png
from data.cityscapes import FINE, IMAGES
from data.synthetic.render import render
from data.synthetic.scene import random_scene

TOWNS = {"train": ("alderbruck", "fernhagen", "muhlenrode"), "val": ("kastelheim", "ostmarden")}
FRAME = 19  # the data set annotates the 20th frame of each snippet


@dataclass(frozen=True)
class Job:
    """One image to make."""

    root: Path
    split: str
    index: int
    size: tuple[int, int]
    seed: int

    def path(self, kind: str, suffix: str) -> Path:
        """The image's file of that kind: `gtFine/train/town/town_000000_000019_gtFine_color.png`."""
        towns = TOWNS[self.split]
        town, sequence = towns[self.index % len(towns)], self.index // len(towns)
        return self.root / kind / self.split / town / f"{town}_{sequence:06d}_{FRAME:06d}_{kind}{suffix}"


def write_all(jobs: list[Job], workers: int) -> None:
    """Make the images, in this process for one worker; shows progress where stderr is a terminal.

    Raises:
        UserError: a file cannot be written.
    """
    with tqdm(total=len(jobs), unit="image", disable=None) as progress:
        if workers == 1:
            threads = cv2.getNumThreads()
            for job in jobs:
                write_scene(job)
                progress.update()
            cv2.setNumThreads(threads)
            return
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            pending = [pool.submit(write_scene, job) for job in jobs]
            try:
                for done in as_completed(pending):
                    done.result()
                    progress.update()
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise


def write_scene(job: Job) -> None:
    """Make one image with its four label files.

    Raises:
        UserError: a file cannot be written.
    """
    cv2.setNumThreads(1)  # there is a process for each core
    pixels, objects = render(random_scene(job.seed, job.split, job.index, job.size))
    content = {"imgHeight": job.size[0], "imgWidth": job.size[1], "objects": objects}
    image = job.path(IMAGES, ".png")
    for folder in (job.path(FINE, "").parent, image.parent):
        make_folder(folder, "path")
    write_bytes(job.path(FINE, "_polygons.json"), json.dumps(content).encode())
    for suffix, label in draw_labels(content).items():
        png.write(job.path(FINE, suffix), label)
    png.write(image, pixels)


def draw_labels(content: dict) -> dict[str, np.ndarray]:
    """The label files of a polygon file's content, by suffix, as the data set's own tools draw them.

    The tools' `json2instanceImg` is not called as a whole, because it saves in a mode that Pillow 13
    no longer writes; the file is a 16-bit PNG either way.
    """
    annotation = Annotation()
    annotation.fromJsonText(json.dumps(content))
    return {
        "_labelIds.png": np.asarray(createLabelImage(annotation, "ids")),
        "_instanceIds.png": np.asarray(createInstanceImage(annotation, "ids")).astype(np.uint16),
        "_color.png": np.asarray(createLabelImage(annotation, "color")),
    }
