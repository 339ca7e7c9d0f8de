"""predict.py --output as a user runs it: real processes, real video files, Ctrl-C, a full disk."""

import re
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import videos
from data import png
from data.label_sets import CITYSCAPES
from inference import runtimes
from inference.segment import segment
from processes import assert_one_line_error, run_script
from tiny import REPO, tiny_dataset
from trained import weights_file

pytestmark = pytest.mark.slow

SIZE = (64, 128)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return weights_file(tmp_path_factory.mktemp("trained") / "model.weights.h5", "fastscnn", SIZE)


@pytest.fixture(scope="module")
def long_drive(tmp_path_factory):
    """More frames than any of the tests waits for."""
    return videos.write(tmp_path_factory.mktemp("drive") / "long.mp4", videos.drive(4000, SIZE), 25)


def only(folder, *names):
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)


def test_of_a_data_set_and_of_that_video(trained, tmp_path):
    """A folder of frames at 20 a second; and what is written can be read again."""
    town = tiny_dataset(tmp_path / "town", train=1, val=12, size=SIZE)
    done = run_script("predict.py", "-w", trained, "-p", town, "--output", tmp_path / "seen.mp4")
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(
        rf"wrote 12 frames to {tmp_path}/seen.mp4 at [\d.]+ frames/s; "
        r"busy: reading \d+ %, inference \d+ %, writing \d+ %; slowest: \w+\n",
        done.stderr,
    )
    facts, found, _ = videos.read(tmp_path / "seen.mp4")
    assert (facts["codec"], facts["frames"], facts["rate"]) == ("h264", 12, 20)
    runtime = runtimes.load(trained)
    paths = sorted((town / "leftImg8bit" / "val").rglob("*.png"))
    for path, frame in zip(paths, found, strict=True):
        image = png.decode_image(path)
        half = (image.astype(float) + CITYSCAPES.palette[segment(runtime, image)]) / 2
        error = np.abs(frame[: SIZE[0]] - half)
        assert error[:, 64:].mean() < 16  # noisy images at half the resolution of their colours

    options = ("--output", tmp_path / "again.mp4", "--fps", 10, "--frames", 5, "--flip")
    done = run_script("predict.py", "-w", trained, "-p", tmp_path / "seen.mp4", *options)
    assert done.returncode == 0, done.stderr
    facts, again, _ = videos.read(tmp_path / "again.mp4")
    assert (facts["frames"], facts["rate"]) == (5, 10)
    assert again.shape[1] > found.shape[1] > SIZE[0]  # a legend below each
    only(tmp_path, "town", "seen.mp4", "again.mp4")


def start(*options, **settings):
    command = [sys.executable, str(REPO / "predict.py"), *map(str, options)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **settings)


def test_ctrl_c_leaves_a_playable_video_of_what_was_done(trained, long_drive, tmp_path):
    process = start("-w", trained, "-p", long_drive, "--output", tmp_path / "seen.mp4")
    deadline = time.monotonic() + 90
    while not any(path.stat().st_size for path in tmp_path.iterdir()):  # the first frames are being written
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    said, interrupted = error.splitlines()
    frames = int(re.match(r"wrote (\d+) frames to ", said)[1])
    assert interrupted == "predict.py: interrupted"
    facts, found, _ = videos.read(tmp_path / "seen.mp4")
    assert facts["frames"] == len(found) == frames and 1 <= frames < 4000
    only(tmp_path, "seen.mp4")


def test_a_full_disk_is_one_line_and_leaves_nothing(trained, long_drive, tmp_path):
    def at_most_40_kilobytes():
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))

    process = start(
        *("-w", trained, "-p", long_drive, "--output", tmp_path / "seen.mp4"), preexec_fn=at_most_40_kilobytes
    )
    _, error = process.communicate(timeout=90)
    assert process.returncode == 74, error
    assert re.fullmatch(
        r"predict.py: error: cannot write .*/seen.mp4: .* MiB free\); check the folder .*\n", error
    )
    only(tmp_path)


class TestMistakes:
    """Each is one line on stderr and writes nothing."""

    @pytest.fixture
    def here(self, trained, tmp_path):
        def run(*options):
            return run_script("predict.py", "-w", trained, *options)

        yield run
        assert not list(tmp_path.glob("out*")) and not list(tmp_path.glob(".*"))

    @pytest.fixture
    def drive(self, tmp_path):
        return videos.write(tmp_path / "drive.mp4", videos.drive(5))

    def test_an_empty_video(self, here, tmp_path):
        (tmp_path / "empty.mp4").touch()
        done = here("-p", tmp_path / "empty.mp4", "--output", tmp_path / "out.mp4")
        assert_one_line_error(done, "empty.mp4 is no readable video (the file is empty)")

    def test_a_video_without_output(self, here, drive):
        assert_one_line_error(here("-p", drive), f"{drive} is a video; name the video to write with --output")

    def test_a_missing_camera(self, here, tmp_path):
        done = here("--camera", 77, "--output", tmp_path / "out.mp4")
        assert_one_line_error(done, "no camera 77; check its cable")

    def test_weights_that_are_missing(self, drive, tmp_path):
        options = ("-p", drive, "--output", tmp_path / "out.mp4")
        done = run_script("predict.py", "-w", tmp_path / "no.h5", *options)
        assert_one_line_error(done, "no weights at")

    def test_options_that_do_not_go_together(self, here, drive, tmp_path):
        out = ("--output", tmp_path / "out.mp4")
        for options, said in (
            (("-p", drive, "--fps", 20), "--fps belongs to a video; add --output FILE.mp4"),
            (("--camera", 0), "--camera belongs to a video"),
            (("-p", drive, "--frames", 3), "--frames belongs to a video"),
            (("-p", drive, *out, "-r", tmp_path / "out"), "-r/--results-path belongs to images"),
            (("-p", drive, *out, "--camera", 0), "--camera and -p/--path are two sources of frames"),
            (("-p", drive, *out, "--fps", 0), "'0' is not a number above 0"),
        ):
            assert_one_line_error(here(*options), said)
