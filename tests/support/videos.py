"""Real video files, written and read by PyAV directly."""

from fractions import Fraction

import av
import numpy as np
from av.video.reformatter import Colorspace


def drive(count, size=(64, 96)):
    """Frames of a car driving by, uint8 [H, W, 3]: no two are equal."""
    height, width = size
    for number in range(count):
        frame = np.full((*size, 3), (110, 150, 200), np.uint8)
        frame[height // 2 :] = (90, 90, 95)
        left = number * 3 % width
        frame[height // 3 : 2 * height // 3, left : left + width // 4] = (200, 30, 40)
        yield frame


def write(path, frames, rate=20, form="mp4", codec="libx264", rotation=0, **options):
    """Write uint8 RGB frames; container `options` such as movflags."""
    with av.open(str(path), "w", format=form, options=options) as container:
        stream = None
        for number, image in enumerate(frames):
            if stream is None:
                stream = container.add_stream(codec, rate=Fraction(rate))
                stream.height, stream.width = image.shape[:2]
                stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
                stream.codec_context.gop_size = 10
                if rotation:
                    stream.set_display_rotation(rotation)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame = frame.reformat(format=stream.pix_fmt, dst_colorspace=Colorspace.ITU601)
            frame.pts = number
            container.mux(stream.encode(frame))
        if stream:
            container.mux(stream.encode(None))
    return path


def read(path):
    """(the stream's facts, its frames uint8 RGB [N, H, W, 3], their times in seconds)."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        facts = {
            "codec": stream.codec_context.name,
            "pixels": stream.codec_context.pix_fmt,
            "frames": stream.frames,
            "rate": stream.average_rate,
            "colors": (stream.codec_context.colorspace, stream.codec_context.color_range),
        }
        found = [(frame.to_ndarray(format="rgb24"), frame.time) for frame in container.decode(stream)]
    return facts, np.stack([image for image, _ in found]), [time for _, time in found]
