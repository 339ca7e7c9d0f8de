"""A video of what a model sees: reading, inference and writing overlapped against one after the other.

Both read the same H.264 video of the synthetic town, run the same network and write the same H.264 video.
"""

import tempfile
from fractions import Fraction
from pathlib import Path
from threading import Event

from benchmarks import clock
from common import cli, startup

HELP = "a video through a model with reading, inference and writing overlapped, against one after the other"
SCENES = 8  # images that take turns


def add_arguments(parser) -> None:
    """The benchmark's options."""
    parser.add_argument("-m", "--model", default="fastscnn", help="(default: fastscnn)")
    parser.add_argument(
        "-t", "--target-size", type=cli.size, default=(256, 512), metavar="Y,X", help="(default: 256,512)"
    )
    parser.add_argument("--frames", type=cli.positive_int, default=200, help="of the video (default: 200)")
    parser.add_argument("--rounds", type=cli.positive_int, default=5, help="(default: 5)")


def run(options) -> dict:
    """Measure; returns frames per second and the ratio."""
    from inference import video

    video.require_library()
    startup.tensorflow()
    import models
    from common.devices import prepare
    from data.label_sets import CITYSCAPES
    from inference.keras_runtime import KerasRuntime
    from inference.video import film, frames, stages
    from inference.video.h264 import H264File

    jit = prepare()
    network = models.build(options.model, (*options.target_size, 3), CITYSCAPES.classes)
    runtime = KerasRuntime(network, jit, CITYSCAPES)

    with tempfile.TemporaryDirectory() as folder:
        drive = Path(folder) / "drive.mp4"
        write_town(drive, options.target_size, options.frames)
        busy = {}

        def overlapped(source, infer, write):
            return stages.overlapped(source, infer, write, Event()).busy

        def timed(name, way):
            def once():
                with H264File(Path(folder) / f"{name}.mp4", Fraction(20)) as file:
                    busy[name] = way(frames.VideoFile(drive), *film.work(runtime, file))
                    file.finish()

            return once

        ways = {"overlapped": overlapped, "one after the other": stages.one_after_the_other}
        functions = {name: timed(name, way) for name, way in ways.items()}
        seconds = clock.take_turns(functions, options.rounds, warmup=1)
    for name, times in seconds.items():
        rate = options.frames / clock.summary(times)["median"]
        print(f"{name:20} {rate:7.1f} frames/s   {busy[name]}")
    ratio = clock.ratios(seconds["one after the other"], seconds["overlapped"])
    print(f"overlapped is {ratio['median']:.2f} times as fast ({ratio['min']:.2f} to {ratio['max']:.2f})")
    return {
        "settings": {
            "model": options.model,
            "size": options.target_size,
            "frames": options.frames,
            "rounds": options.rounds,
        },
        "results": {
            "seconds": {name: clock.summary(times) for name, times in seconds.items()},
            "busy_in_last_round": {name: vars(found) for name, found in busy.items()},
            "ratio_by_round": ratio,
        },
    }


def write_town(path: Path, size: tuple[int, int], count: int) -> None:
    """A video of the synthetic town, which slides by, with `count` frames of `size`."""
    import numpy as np

    from data.synthetic.render import render
    from data.synthetic.scene import random_scene
    from inference.video.h264 import H264File

    scenes = [render(random_scene(0, "val", number, size))[0] for number in range(SCENES)]
    with H264File(path, Fraction(20)) as file:
        for number in range(count):
            file.write(np.ascontiguousarray(np.roll(scenes[number * SCENES // count], 4 * number, 1)), number)
        file.finish()
