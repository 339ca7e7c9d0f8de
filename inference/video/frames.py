"""Where frames come from: a video file, images in order, or a camera.

Every source is an iterator of `Frame`s with `rate`, the frames per second that its ticks count, and
`count`, how many frames there are, or None.
"""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from common.errors import UserError
from inference import image_files

IMAGE_RATE = Fraction(20)  # frames per second where images do not tell
CAMERA_RATE = Fraction(30)  # where a camera does not tell
HIGHEST_RATE = 1000
MAX_PIXELS = 2**26  # of a frame, twice 8K; FFmpeg allocates nothing for a header that claims more
MISSING_OF_STREAM, MISSING_OF_FILE = 0.01, 0.05  # of their durations; a file's may be that of its sound

# Others could open further files of this machine or of the net: playlists, lists of parts, sequences.
CONTAINERS = "mov,mp4,matroska,webm,avi,mpegts,mpeg"
OPTIONS = {"format_whitelist": CONTAINERS, "protocol_whitelist": "file", "max_pixels": str(MAX_PIXELS)}


@dataclass(frozen=True)
class Frame:
    """An image, uint8 RGB [H, W, 3], when it is shown, counted in 1 / rate seconds, and its file if any."""

    image: np.ndarray
    tick: int
    path: Path | None = None


def exact_rate(rate: float) -> Fraction:
    """Frames per second as a fraction: containers count time in whole parts of seconds."""
    return Fraction(rate).limit_denominator(1001)  # 29.97, and 30000 / 1001


class VideoFile:
    """The frames of a video file, upright.

    What cannot be decoded is left out, and told when all else has been read.

    Args:
        path: of the file.
        rate: frames per second to assume; None takes the file's.

    Raises:
        UserError: no video, or of an absurd size; while reading: damaged, or it ends too early.
    """

    def __init__(self, path: Path, rate: Fraction | None = None):
        self._path = path
        try:
            self._container = av.open(f"file:{path}", options=OPTIONS)
        except (av.FFmpegError, OSError) as error:
            kind = " (the file is empty)" if path.is_file() and not path.stat().st_size else ""
            raise UserError(f"{path} is no readable video{kind}; copy it again or convert it") from error
        if not self._container.streams.video:
            raise UserError(f"{path} holds no moving images; it is cut off, or correct `paths`")
        self._stream = self._container.streams.video[0]
        self._stream.thread_type = "AUTO"
        height, width = self._stream.height, self._stream.width
        if width * height > MAX_PIXELS:
            raise UserError(f"{path}: its header claims {height}x{width} pixels; leave it out")
        own = self._stream.average_rate or self._stream.guessed_rate
        if not rate and not (own and 0 < own <= HIGHEST_RATE):
            raise UserError(f"{path} does not tell its frame rate; give `rate`")
        self.rate, self._own_rate = rate or own, own
        self.count = self._stream.frames or None

    def __iter__(self) -> Iterator[Frame]:
        number, end, damaged = 0, None, 0
        for found in self._decoded():
            if found is None:
                damaged += 1
                continue
            image = np.rot90(found.to_ndarray(format="rgb24"), found.rotation // 90)
            yield Frame(np.ascontiguousarray(image), number)
            number, end = number + 1, found.time
        if not number:
            raise UserError(f"{self._path}: no frame can be decoded; it is damaged, empty or absurdly large")
        if damaged:
            raise UserError(f"{self._path} is damaged in {damaged} places; copy it again")
        self._require_whole(number, end)

    def _decoded(self):
        """Frames, and None for each packet that is damaged."""
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except (av.FFmpegError, OSError):  # the container's own structure; there is no way on
                yield None
                return
            if packet is None:
                return
            try:
                yield from packet.decode()
            except (av.FFmpegError, OSError):
                yield None

    def _require_whole(self, number, end):
        """Raise UserError if the last frame is far from where the file says that it ends."""
        stream, container = self._stream, self._container
        if stream.duration is not None:
            start, seconds = stream.start_time or 0, float(stream.duration * stream.time_base)
            start, missing = float(start * stream.time_base), MISSING_OF_STREAM
        elif container.duration is not None:
            start, seconds = (container.start_time or 0) / av.time_base, container.duration / av.time_base
            missing = MISSING_OF_FILE
        else:
            return
        frame = 1 / float(self._own_rate or self.rate)
        seen = number * frame if end is None else end - start + frame
        if seen < (1 - missing) * seconds - frame:
            raise UserError(f"{self._path} breaks off after {seen:.1f} of {seconds:.1f} s; copy it again")


class ImageFiles:
    """Images in the order of the numbers in their names, at a constant rate.

    Args:
        jobs: see `inference.image_files.find`, sorted.
        rate: frames per second.
    """

    def __init__(self, jobs: list[image_files.Job], rate: Fraction | None = None):
        self._jobs, self.rate, self.count = jobs, rate or IMAGE_RATE, len(jobs)

    def __iter__(self) -> Iterator[Frame]:
        for number, image in enumerate(image_files.images(self._jobs)):
            path, (height, width) = self._jobs[number].image, image.shape[:2]
            if height * width > MAX_PIXELS:
                raise UserError(f"{path}: {height}x{width} are too many pixels for a video")
            yield Frame(image, number, path)


def by_number(job: image_files.Job) -> list:
    """Sorting key of an image: frame_10 comes after frame_9."""
    parts = re.split(r"(\d+)", str(job.folder / job.image.name))
    return [int(part) if part.isdecimal() else part for part in parts]


class Camera:
    """The frames of a camera, as they come.

    Args:
        number: of the camera, from 0.
        rate: ticks per second; None takes the camera's frames per second.

    Raises:
        UserError: there is none, or it stops.
    """

    count = None

    def __init__(self, number: int, rate: Fraction | None = None, open_camera: Callable = cv2.VideoCapture):
        self._number, self._capture = number, open_camera(number)
        if not self._capture.isOpened():
            raise UserError(f"no camera {number}; check its cable and your permissions (/dev/video{number})")
        own = self._capture.get(cv2.CAP_PROP_FPS)
        known = 0 < own <= HIGHEST_RATE
        self.rate = rate or (exact_rate(own) if known else CAMERA_RATE)

    def __iter__(self) -> Iterator[Frame]:
        start, tick = None, -1
        while True:
            worked, image = self._capture.read()
            now = time.perf_counter()
            if not worked:
                raise UserError(f"camera {self._number} gives no more images; check its cable")
            start = start or now
            # by the clock, so that the video runs at life's speed however many frames the camera drops
            tick = max(tick + 1, round((now - start) * self.rate))
            yield Frame(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), tick)


def of_one_size(frames: Iterator[Frame]) -> Iterator[Frame]:
    """Hand frames on.

    Raises:
        UserError: one has another size than the first.
    """
    size = None
    for number, frame in enumerate(frames, 1):
        height, width = frame.image.shape[:2]
        size = size or (height, width)
        if (height, width) != size:
            name = frame.path or f"frame {number}"
            raise UserError(
                f"{name} is {height}x{width}, those before it {size[0]}x{size[1]}; a video has one size"
            )
        yield frame
