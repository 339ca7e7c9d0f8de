"""H.264 in MP4, as every browser and player takes it: 4:2:0, colours by BT.709, the index in front."""

import contextlib
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import Colorspace

from common.files import partial_name, writing_error

SUFFIX = ".mp4"
QUALITY = {"preset": "veryfast", "crf": "20"}  # the processors have a network to run as well
BT709 = {"colorspace": 1, "color_primaries": 1, "color_trc": 1, "color_range": 1}  # ISO 23001-8; 1: limited


class H264File:
    """A video that appears under its name when it is finished, whole.

    Args:
        path: of the file, .mp4.
        rate: ticks per second.

    Raises:
        UserError: it cannot be written.
    """

    def __init__(self, path: Path, rate: Fraction):
        self.path, self._rate, self.frames = path, rate, 0
        self._partial = partial_name(path)
        try:
            self._partial.touch()  # FFmpeg opens the file with the first frame; a mistake shall not wait
            self._container = av.open(
                f"file:{self._partial}", "w", format="mp4", options={"movflags": "+faststart"}
            )
        except (av.FFmpegError, OSError) as error:
            self._partial.unlink(missing_ok=True)
            raise self._cannot(error) from error
        self._stream = None

    def write(self, image: np.ndarray, tick: int) -> None:
        """Append uint8 RGB [H, W, 3], all of one size, shown from `tick` on, which always grows."""
        image = even(image)
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)
        frame.pts, frame.time_base = tick, 1 / self._rate
        try:
            if self._stream is None:
                self._stream = self._add_stream(*image.shape[:2])
            self._container.mux(self._stream.encode(frame))
        except (av.FFmpegError, OSError) as error:
            raise self._cannot(error) from error
        self.frames += 1

    def finish(self) -> None:
        """Write what the encoder still holds, and the index; then the file gets its name."""
        try:
            self._container.mux(self._stream.encode(None))
            self._container.close()
            self._partial.replace(self.path)
        except (av.FFmpegError, OSError) as error:
            raise self._cannot(error) from error

    def __enter__(self):
        return self

    def __exit__(self, *error):
        """Leave nothing behind unless it was finished."""
        with contextlib.suppress(av.FFmpegError, OSError):  # what is wrong has been told
            self._container.close()
        self._partial.unlink(missing_ok=True)

    def _add_stream(self, height, width):
        stream = self._container.add_stream("libx264", rate=self._rate)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        stream.time_base = stream.codec_context.time_base = 1 / self._rate
        for name, value in BT709.items():
            setattr(stream.codec_context, name, value)
        stream.options = QUALITY
        return stream

    def _cannot(self, error):
        return writing_error(self.path, error)


def even(image: np.ndarray) -> np.ndarray:
    """Repeat the last row or column where a side is odd, for colours are stored for 2x2 pixels."""
    height, width = image.shape[:2]
    if not (height % 2 or width % 2):
        return image
    return cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
