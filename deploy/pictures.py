"""Pictures in, predicted pictures out: what `predict.py` reads and writes."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

from common.errors import UserError
from common.threads import bounded_map
from data import index, png
from data.labels import TRAIN_TO_LABEL, colorize
from deploy import uncertainty
from deploy.predict import Uncertainty, segment, segment_sampled

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
OVERLAY = 0.5  # share of the class colours
WRITERS = 4
AS_STORED = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH  # grey stays grey, 16 bits stay 16; but upright by EXIF

FORMATS = ("JPEG", "BMP", "TIFF", "WEBP")  # as PIL calls those of SUFFIXES that are no PNG
warnings.filterwarnings("ignore", "Corrupt EXIF data", UserWarning)  # decode() tells it with the name
Image.MAX_IMAGE_PIXELS = None  # its limit only warns up to twice as many; decode() has one of its own

# decode() says what is wrong with a picture; OpenCV would say it as well, without the file's name
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


@dataclass(frozen=True)
class Job:
    """A picture and the folder and name its results get."""

    image: Path
    folder: Path  # relative to the results' labelIds/, color/, overlay/ and uncertainty/
    name: str


def find(paths: list[Path], split: str, coarse: bool) -> list[Job]:
    """The pictures that the paths name: a data set's split, folders with all below them, single files.

    Raises:
        UserError: nothing there, or two results would get the same name.
    """
    jobs = [job for path in paths for job in _jobs(path, split, coarse)]
    seen = {}
    for job in jobs:
        first = seen.setdefault((job.folder, job.name), job)
        if first is not job:
            both = f"{first.image} and {job.image}"
            raise UserError(f"{both} would get the same name; predict them one after the other")
    return jobs


def _jobs(path: Path, split: str, coarse: bool) -> list[Job]:
    if (path / index.IMAGES).is_dir():
        samples = index.labelled(path, split, index.COARSE) if coarse else index.unlabelled(path, split)
        return [Job(sample.image, Path(sample.city), sample.name) for sample in samples]
    if path.is_dir():
        images = sorted(file for file in path.rglob("*") if _is_picture(file))
        if not images:
            raise UserError(f"no pictures ({', '.join(SUFFIXES)}) in {path}; give another -p/--path")
        return [Job(image, image.parent.relative_to(path), _stem(image)) for image in images]
    if not path.is_file():
        raise UserError(f"no picture or folder at {path}; correct -p/--path")
    return [Job(path, Path(), _stem(path))]


def _is_picture(file: Path) -> bool:
    # macOS leaves hidden files beside the pictures, with their suffixes
    return file.suffix.lower() in SUFFIXES and not file.name.startswith(".") and file.is_file()


def _stem(image: Path) -> str:
    return image.stem.removesuffix(f"_{index.IMAGES}")


def decode(path: Path) -> np.ndarray:
    """Decode a picture to uint8 RGB [H, W, 3].

    Raises:
        UserError: unreadable, damaged, not an 8-bit colour picture, or of an absurd size.
    """
    if path.suffix.lower() == ".png":
        return png.decode_image(path)
    _require_sane_size(path)
    try:
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; check its permissions") from error
    image = cv2.imdecode(content, AS_STORED) if content.size else None
    if image is None:
        raise UserError(f"{path} is no readable picture; leave it out or copy it again")
    if image.ndim != 3 or image.dtype != np.uint8:
        kind = f"{8 * image.itemsize}-bit {'grey' if image.ndim == 2 else 'colour'}"
        raise UserError(f"{path}: {kind} picture, need 8-bit RGB; convert it")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _require_sane_size(path: Path) -> None:
    """Raise UserError if a header claims more pixels than any picture has, before any is decoded."""
    try:
        with Image.open(path, formats=FORMATS) as picture:
            width, height = picture.size
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        return  # damaged, which decoding tells
    if width * height > png.MAX_PIXELS:
        raise UserError(f"{path}: its header claims {height}x{width} pixels; leave it out")


def require_writable(folder: Path) -> None:
    """Make the results folder.

    Raises:
        UserError: not possible.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"cannot make the results folder {folder}: {error.strerror}; see -r/--results-path"
        ) from error


def predict_all(runtime, jobs: list[Job], results: Path) -> None:
    """Decode, classify and write; the three overlap, memory is bounded by a few pictures.

    With a runtime that samples, the uncertainty is written as well.

    Raises:
        UserError: a picture that cannot be read, or a result that cannot be written.
    """
    images = bounded_map(lambda job: decode(job.image), jobs)

    samples = hasattr(runtime, "sample")

    def labelled():
        for job, image in zip(jobs, images):
            label, doubt = segment_sampled(runtime, image) if samples else (segment(runtime, image), None)
            yield job, image, label, results, doubt

    with tqdm(total=len(jobs), desc="predict", unit="picture", disable=None) as bar:
        for _ in bounded_map(lambda done: write(*done), labelled(), WRITERS):
            bar.update()


def write(
    job: Job, image: np.ndarray, label: np.ndarray, results: Path, doubt: Uncertainty | None = None
) -> None:
    """Write the three pictures of a label map, uint8 [H, W] of train ids, and its uncertainty if given."""
    colors = colorize(label)
    overlay = cv2.addWeighted(image, 1 - OVERLAY, colors, OVERLAY, 0)
    for kind, picture in (("labelIds", TRAIN_TO_LABEL[label]), ("color", colors), ("overlay", overlay)):
        target = results / kind / job.folder / f"{job.name}_{kind}.png"
        require_writable(target.parent)
        png.write(target, picture)
    if doubt:
        folder = results / uncertainty.FOLDER / job.folder
        require_writable(folder)
        uncertainty.write(folder, job.name, doubt)
