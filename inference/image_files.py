"""Images in, predicted images out: what `predict.py` reads and writes."""

import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

from common.errors import UserError
from common.files import make_folder
from common.threads import bounded_map
from data import datasets, png
from data.cityscapes import IMAGES
from data.label_sets import LabelSet
from data.samples import Sample
from inference import uncertainty
from inference.segment import Uncertainty, segment, segment_sampled

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
OVERLAY = 0.5  # share of the class colours
WRITERS = 4
AS_STORED = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH  # grey stays grey, 16 bits stay 16; but upright by EXIF

FORMATS = ("JPEG", "BMP", "TIFF", "WEBP")  # as PIL calls those of SUFFIXES that are no PNG
warnings.filterwarnings("ignore", "Corrupt EXIF data", UserWarning)  # decode() tells it with the name
Image.MAX_IMAGE_PIXELS = None  # its limit only warns up to twice as many; decode() has one of its own

# decode() says what is wrong with an image; OpenCV would say it as well, without the file's name
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


@dataclass(frozen=True)
class Job:
    """An image and the folder and name its results get."""

    image: Path
    folder: Path  # relative to the results' labelIds/, color/, overlay/ and uncertainty/
    name: str
    sample: Sample | None = None  # of a data set, whose images are 8-bit RGB; anything else is a mistake


def find(paths: list[Path], split: str, coarse: bool, dataset: str | None = None) -> list[Job]:
    """The images that the paths name: a data set's split, folders with all below them, single files.

    Args:
        paths: of data sets, folders and files.
        split, coarse: see `data.samples.DataSet`.
        dataset: the kind that the data sets are of; None: recognised by their folders.

    Raises:
        UserError: nothing there, or two results would get the same name.
    """
    jobs = [job for path in paths for job in _jobs(path, split, coarse, dataset)]
    seen = {}
    for job in jobs:
        first = seen.setdefault((job.folder, job.name), job)
        if first is not job:
            both = f"{first.image} and {job.image}"
            raise UserError(f"{both} would get the same name; predict them one after the other")
    return jobs


def _jobs(path: Path, split: str, coarse: bool, dataset: str | None) -> list[Job]:
    if data_set := datasets.found(path, dataset):
        samples = data_set.labelled(split, coarse) if coarse else data_set.unlabelled(split)
        return [Job(sample.image, Path(sample.folder), sample.name, sample) for sample in samples]
    if path.is_dir():
        images = sorted(file for file in path.rglob("*") if _is_image(file))
        if not images:
            raise UserError(f"no images ({', '.join(SUFFIXES)}) in {path}; correct `paths`")
        return [Job(image, image.parent.relative_to(path), _stem(image)) for image in images]
    if not path.is_file():
        raise UserError(f"no image or folder at {path}; correct `paths`")
    return [Job(path, Path(), _stem(path))]


def _is_image(file: Path) -> bool:
    # macOS leaves hidden files beside the images, with their suffixes
    return file.suffix.lower() in SUFFIXES and not file.name.startswith(".") and file.is_file()


def _stem(image: Path) -> str:
    return image.stem.removesuffix(f"_{IMAGES}")


def images(jobs: list[Job]) -> Iterator[np.ndarray]:
    """The jobs' images, uint8 RGB [H, W, 3], decoded ahead in threads.

    Of what belongs to no data set, other kinds are converted, see `decode_any`; one line on stderr says so.

    Raises:
        UserError: an image that cannot be read.
    """
    converted = []
    try:
        for job, (image, kind) in zip(jobs, bounded_map(_read, jobs)):
            if kind:
                converted.append(f"{job.image} ({kind})")
            yield image
    finally:
        if converted:
            several = f"{len(converted)} images, the first of them " if len(converted) > 1 else ""
            print(f"converted to 8-bit RGB: {several}{converted[0]}", file=sys.stderr)


def _read(job: Job) -> tuple[np.ndarray, str | None]:
    return (job.sample.decode_image(), None) if job.sample else decode_any(job.image)


def decode(path: Path) -> np.ndarray:
    """Decode an 8-bit colour image to uint8 RGB [H, W, 3].

    Raises:
        UserError: unreadable, damaged, not an 8-bit colour image, or of an absurd size.
    """
    if _is_png(path):
        return png.decode_image(path)
    pixels = _decode(path)
    if kind := _kind(pixels):
        raise UserError(f"{path}: {kind} image, need 8-bit RGB; convert it")
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def decode_any(path: Path) -> tuple[np.ndarray, str | None]:
    """Decode an image to uint8 RGB [H, W, 3], whatever it holds.

    Alpha is dropped, grey repeated, a palette looked up, and of 16 bits 65535 becomes 255.

    Returns:
        (the image, and what the file holds, such as `8-bit RGBA`, where that is not 8-bit RGB).

    Raises:
        UserError: unreadable, damaged, of an absurd size, or of numbers that are not of 8 or 16 bits.
    """
    if _is_png(path):
        found = png.header(path)
        kind = None if found.is_rgb else f"{found.bits}-bit {found.color}"
        return _rgb(_eight_bits(png.decode_any(path), path)), kind
    pixels = _decode(path)
    colors = _rgb(_eight_bits(pixels, path))
    return (colors if pixels.ndim == 2 else cv2.cvtColor(colors, cv2.COLOR_BGR2RGB)), _kind(pixels)


def _is_png(path: Path) -> bool:
    return path.suffix.lower() == ".png"


def _decode(path: Path) -> np.ndarray:
    """What a file that is no PNG holds, [H, W] or BGR [H, W, 3]."""
    _require_sane_size(path)
    try:
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; check its permissions") from error
    pixels = cv2.imdecode(content, AS_STORED) if content.size else None
    if pixels is None:
        raise UserError(f"{path} is no readable image; leave it out or copy it again")
    return pixels


def _kind(pixels: np.ndarray) -> str | None:
    """What an image is in words; None for 8-bit colours."""
    if pixels.ndim == 3 and pixels.dtype == np.uint8:
        return None
    return f"{8 * pixels.itemsize}-bit {'grey' if pixels.ndim == 2 else 'colour'}"


def _eight_bits(pixels: np.ndarray, path: Path) -> np.ndarray:
    """The same as uint8; raises UserError for numbers of other than 8 or 16 bits."""
    if pixels.dtype == np.uint16:
        return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if pixels.dtype != np.uint8:
        raise UserError(f"{path}: an image of {pixels.dtype} numbers, need 8 or 16 bits; convert it")
    return pixels


def _rgb(pixels: np.ndarray) -> np.ndarray:
    """Three channels [H, W, 3] of grey [H, W] or colours [H, W, 3], also with alpha, [H, W, 2 or 4]."""
    if pixels.ndim == 3 and pixels.shape[2] >= 3:
        return np.ascontiguousarray(pixels[..., :3])
    grey = pixels if pixels.ndim == 2 else pixels[..., 0]
    return np.repeat(grey[..., None], 3, axis=2)


def _require_sane_size(path: Path) -> None:
    """Raise UserError if a header claims more pixels than any image has, before any is decoded."""
    try:
        with Image.open(path, formats=FORMATS) as opened:
            width, height = opened.size
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        return  # damaged, which decoding tells
    if width * height > png.MAX_PIXELS:
        raise UserError(f"{path}: its header claims {height}x{width} pixels; leave it out")


def predict_all(runtime, jobs: list[Job], results: Path) -> None:
    """Decode, classify and write; the three overlap, memory is bounded by a few images.

    With a runtime that samples, the uncertainty is written as well.

    Raises:
        UserError: an image that cannot be read, or a result that cannot be written.
    """
    samples = hasattr(runtime, "sample")

    def labelled():
        for image, job in zip(images(jobs), jobs):  # this way round the images are read to their end
            label, doubt = segment_sampled(runtime, image) if samples else (segment(runtime, image), None)
            yield job, image, label, _written_set(job, runtime.label_set), results, doubt

    with tqdm(total=len(jobs), desc="predict", unit="image", disable=None) as bar:
        for _ in bounded_map(lambda done: write(*done), labelled(), WRITERS):
            bar.update()


def _written_set(job: Job, label_set: LabelSet) -> LabelSet:
    """The label set of results: the data set's own where it has the model's classes, as its tools read it."""
    own = job.sample and job.sample.label_set
    return own if own and own.names == label_set.names else label_set


def write(
    job: Job,
    image: np.ndarray,
    label: np.ndarray,
    label_set: LabelSet,
    results: Path,
    doubt: Uncertainty | None = None,
) -> None:
    """Write the three images of a label map, uint8 [H, W] of train ids, and its uncertainty if given."""
    colors = label_set.colorize(label)
    overlay = cv2.addWeighted(image, 1 - OVERLAY, colors, OVERLAY, 0)
    for kind, pixels in (
        ("labelIds", label_set.train_to_file[label]),
        ("color", colors),
        ("overlay", overlay),
    ):
        target = results / kind / job.folder / f"{job.name}_{kind}.png"
        make_folder(target.parent)
        png.write(target, pixels)
    if doubt:
        folder = results / uncertainty.FOLDER / job.folder
        make_folder(folder)
        uncertainty.write(folder, job.name, doubt, label_set.classes)
