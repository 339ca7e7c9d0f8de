"""A video of what a model sees: each frame under its classes' colours."""

import contextlib
import itertools
import signal
import sys
import time
from collections import deque
from fractions import Fraction
from pathlib import Path
from threading import Event

import numpy as np
from tqdm import tqdm

from common.errors import UserError
from inference import image_files
from inference.segment import segment
from inference.video import frames, stages
from inference.video.h264 import SUFFIX, H264File
from inference.video.overlay import Canvas

WINDOW = 30  # frames over which the burnt-in rate is taken


def require_writable(output: Path) -> None:
    """Raise UserError unless a video can be written there."""
    if output.suffix.lower() != SUFFIX:
        raise UserError(f"`output` {output} is no {SUFFIX} file; give it that ending")
    if output.is_dir():
        raise UserError(f"`output` {output} is a folder; name a file in it")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder of `output` {output}: {error.strerror}") from error


def open_frames(
    paths: list[Path],
    split: str,
    coarse: bool,
    rate: Fraction | None,
    output: Path,
    dataset: str | None = None,
):
    """The frames that paths name: one video file, or images as `inference.image_files.find` finds them.

    Images of a folder come in the order of the numbers in their names.

    Raises:
        UserError: nothing there, several videos, or the video is the one that is to be written.
    """
    videos = [path for path in paths if path.is_file() and path.suffix.lower() not in image_files.SUFFIXES]
    if not videos:
        jobs = [
            job
            for path in paths
            for job in sorted(image_files.find([path], split, coarse, dataset), key=frames.by_number)
        ]
        return frames.ImageFiles(jobs, rate)
    if len(paths) > 1:
        raise UserError(f"{videos[0]} is one of several paths; give videos one at a time")
    if output.exists() and output.samefile(videos[0]):
        raise UserError(f"`output` {output} is the video that is read; give it another name")
    return frames.VideoFile(videos[0], rate)


def predict_video(runtime, source, output: Path, most: int | None = None) -> None:
    """Read, classify, draw and write, overlapped; Ctrl-C finishes the video early.

    Prints how fast it was and which stage was the slowest.

    Args:
        runtime: see `inference.runtimes`.
        source: see `inference.video.frames`.
        output: the video's path.
        most: frames at most; None for all.

    Raises:
        UserError: the frames end by a fault (what came before is finished), or the video cannot be written.
        KeyboardInterrupt: after Ctrl-C, once the video is finished.
    """
    runtime.predict(np.zeros((1, *(runtime.size or (1, 1)), 3), np.uint8))  # the first call compiles
    count = min(filter(None, (source.count, most)), default=None)
    wanted = itertools.islice(frames.of_one_size(source), most)
    with (
        H264File(output, source.rate) as file,
        _interruptible() as interrupted,
        tqdm(total=count, desc="predict", unit="frame", disable=None) as bar,
    ):
        infer, write = work(runtime, file)

        def write_and_count(result):
            write(result)
            bar.update()

        outcome = stages.overlapped(wanted, infer, write_and_count, interrupted)
        if file.frames:
            file.finish()
    if file.frames:
        rate = file.frames / outcome.busy.seconds
        what = f"wrote {file.frames} frames to {output}"
        print(f"{what} at {rate:.1f} frames/s; {outcome.busy}", file=sys.stderr)
    if interrupted.is_set():
        raise KeyboardInterrupt
    if isinstance(outcome.error, UserError) and file.frames:
        raise UserError(f"{outcome.error} ({output} shows the {file.frames} frames that were read)")
    if outcome.error:
        raise outcome.error


def work(runtime, file):
    """What the second and third stage do: (frame -> result, result -> None)."""
    finished, canvases = deque(maxlen=WINDOW), []

    def infer(frame):
        labels = segment(runtime, frame.image)
        finished.append(time.perf_counter())
        seconds = finished[-1] - finished[0]
        return frame, labels, (len(finished) - 1) / seconds if seconds else None

    def write(result):
        frame, labels, rate = result
        if not canvases:
            canvases.append(Canvas(frame.image.shape[:2], runtime.label_set))
        file.write(canvases[0].draw(frame.image, labels, rate), frame.tick)

    return infer, write


@contextlib.contextmanager
def _interruptible():
    """An event that the first Ctrl-C sets; a second one interrupts at once."""
    interrupted = Event()

    def handle(number, stack):
        interrupted.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)
