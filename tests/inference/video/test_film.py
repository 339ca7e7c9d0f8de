"""Videos as written: what another reader finds in them, and that they appear whole or not at all."""

import sys
from fractions import Fraction
from threading import Event

import cv2
import numpy as np
import pytest

import videos
from common.errors import UserError
from data.label_sets import CITYSCAPES
from inference import video
from inference.video import film, frames
from inference.video.h264 import H264File, even
from inference.video.overlay import Canvas

SIZE = (64, 96)


class Bands:
    """A runtime that sees 19 stripes, whatever the image."""

    name, size, label_set = "bands", (32, 38), CITYSCAPES

    def predict(self, images, size=None):
        assert images.shape[1:] == (*self.size, 3)
        height, width = size or self.size
        return np.broadcast_to(np.arange(width) * 19 // width, (len(images), height, width)).astype(np.uint8)


@pytest.fixture
def source(tmp_path):
    return frames.VideoFile(videos.write(tmp_path / "in.mp4", videos.drive(30), 25))


class TestFile:
    @pytest.mark.parametrize("rate", [Fraction(20), Fraction(30000, 1001)], ids=str)
    @pytest.mark.parametrize("size", [(64, 96), (65, 97)], ids=str)
    def test_is_h264_with_the_colours_size_and_rate_given(self, tmp_path, rate, size):
        path = tmp_path / "out.mp4"
        with H264File(path, rate) as file:
            for number, image in enumerate(videos.drive(25, size)):
                file.write(image, number)
            assert not path.exists()
            file.finish()
        facts, found, times = videos.read(path)
        assert facts == {"codec": "h264", "pixels": "yuv420p", "frames": 25, "rate": rate, "colors": (1, 1)}
        np.testing.assert_allclose(times, np.arange(25) / float(rate), atol=1e-4)
        expected = np.stack([even(image) for image in videos.drive(25, size)])
        assert found.shape == expected.shape == (25, 64 + size[0] % 2 * 2, 96 + size[1] % 2 * 2, 3)
        assert np.abs(found.astype(int) - expected).mean() < 4
        assert np.abs(found[:, :8, :8].astype(int) - (110, 150, 200)).max() <= 4
        content = path.read_bytes()
        assert content.index(b"moov") < content.index(b"mdat")  # plays while it loads
        assert [file.name for file in tmp_path.iterdir()] == ["out.mp4"]

    def test_is_the_same_to_opencv(self, tmp_path):
        with H264File(tmp_path / "out.mp4", Fraction(20)) as file:
            for number, image in enumerate(videos.drive(25)):
                file.write(image, number)
            file.finish()
        capture = cv2.VideoCapture(str(tmp_path / "out.mp4"))
        assert capture.get(cv2.CAP_PROP_FPS) == 20
        for expected in videos.drive(25):
            found = cv2.cvtColor(capture.read()[1], cv2.COLOR_BGR2RGB)
            assert np.abs(found.astype(int) - expected).mean() < 4
        assert not capture.read()[0]

    def test_keeps_gaps(self, tmp_path):
        with H264File(tmp_path / "out.mp4", Fraction(10)) as file:
            for image, tick in zip(videos.drive(4), (0, 1, 5, 9)):
                file.write(image, tick)
            file.finish()
        np.testing.assert_allclose(videos.read(tmp_path / "out.mp4")[2], [0, 0.1, 0.5, 0.9], atol=1e-4)

    @pytest.mark.parametrize("written", [0, 3])
    def test_that_is_not_finished_leaves_nothing(self, tmp_path, written):
        (tmp_path / "out.mp4").write_text("of yesterday")
        with pytest.raises(KeyboardInterrupt), H264File(tmp_path / "out.mp4", Fraction(20)) as file:
            for number, image in enumerate(videos.drive(written)):
                file.write(image, number)
            raise KeyboardInterrupt
        assert [file.name for file in tmp_path.iterdir()] == ["out.mp4"]
        assert (tmp_path / "out.mp4").read_text() == "of yesterday"

    def test_in_a_folder_that_is_not_there(self, tmp_path):
        with pytest.raises(UserError, match="^cannot write .*/no/out.mp4: No such file or directory; check"):
            H264File(tmp_path / "no" / "out.mp4", Fraction(20))


class TestCanvas:
    @pytest.mark.parametrize("size", [(256, 512), (1024, 2048), (64, 96), (480, 270)], ids=str)
    def test_legend_names_every_class_in_its_colour_below_the_image(self, size):
        drawn = Canvas(size, CITYSCAPES).draw(np.zeros((*size, 3), np.uint8), np.zeros(size, np.uint8), None)
        legend = drawn[size[0] :]
        assert drawn.shape[1:] == (size[1], 3) and len(legend) >= 40
        pixels = {tuple(color) for color in legend.reshape(-1, 3).tolist()}
        for number, name in enumerate(CITYSCAPES.names):
            if size[1] >= 256:
                assert tuple(CITYSCAPES.palette[number].tolist()) in pixels, name

    def test_mixes_image_and_classes_half_and_half(self):
        image = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)
        labels = np.random.default_rng(1).integers(0, 19, SIZE, np.uint8)
        drawn = Canvas(SIZE, CITYSCAPES).draw(image, labels, None)[: SIZE[0]]
        half = (image.astype(float) + CITYSCAPES.palette[labels]) / 2
        assert np.abs(drawn - half).max() <= 0.5

    def test_rate_is_written_into_a_corner_of_that_frame_alone(self):
        canvas, image = Canvas((256, 512), CITYSCAPES), np.full((256, 512, 3), 128, np.uint8)
        labels = np.full((256, 512), 8, np.uint8)
        plain, with_rate, other = (canvas.draw(image, labels, rate) for rate in (None, 12.3, 45.6))
        changed = np.argwhere((plain != with_rate).any(-1))
        assert changed.max(0)[0] < 32 and changed.max(0)[1] < 100 and len(changed) > 300
        assert (with_rate != other).any()
        np.testing.assert_array_equal(canvas.draw(image, labels, None), plain)


class TestPredictVideo:
    def test_shows_every_frame_with_its_classes(self, source, tmp_path, capsys):
        film.predict_video(Bands(), source, tmp_path / "out.mp4")
        facts, found, _ = videos.read(tmp_path / "out.mp4")
        assert (facts["codec"], facts["frames"], facts["rate"]) == ("h264", 30, 25)
        labels = Bands().predict(np.zeros((1, *Bands.size, 3), np.uint8), SIZE)[0]
        below_the_rate = np.s_[32:64]
        for image, frame in zip(videos.drive(30), found):
            half = (image.astype(float) + CITYSCAPES.palette[labels]) / 2
            # colours are stored at half the resolution, and the stripes are five pixels wide
            assert np.abs(frame[: SIZE[0]] - half)[below_the_rate].mean() < 12
        error = capsys.readouterr().err
        assert error.startswith(f"wrote 30 frames to {tmp_path}/out.mp4 at ")
        assert error.count("\n") == 1 and " frames/s; busy: reading " in error and "; slowest: " in error

    def test_stops_after_as_many_frames_as_wanted(self, source, tmp_path):
        film.predict_video(Bands(), source, tmp_path / "out.mp4", most=7)
        assert videos.read(tmp_path / "out.mp4")[0]["frames"] == 7

    def test_of_a_damaged_video_shows_the_rest_and_fails(self, tmp_path):
        path = videos.write(tmp_path / "a.mp4", videos.drive(200), movflags="+faststart")
        path.write_bytes(path.read_bytes()[:-3000])
        said = r"a.mp4 (is damaged in|breaks off after) .*; copy it again \(.*out.mp4 shows the \d+ frames"
        with pytest.raises(UserError, match=said):
            film.predict_video(Bands(), frames.VideoFile(path), tmp_path / "out.mp4")
        assert 20 <= videos.read(tmp_path / "out.mp4")[0]["frames"] < 200

    def test_of_no_frame_at_all_writes_nothing(self, tmp_path):
        class Nothing:
            rate, count = Fraction(20), None

            def __iter__(self):
                raise UserError("nothing there")

        with pytest.raises(UserError, match="^nothing there$"):
            film.predict_video(Bands(), Nothing(), tmp_path / "out.mp4")
        assert list(tmp_path.iterdir()) == []

    def test_a_fault_of_the_model_leaves_no_file(self, source, tmp_path):
        class Failing(Bands):
            def predict(self, images, size=None):
                if images.any():
                    raise UserError("the model fails")
                return super().predict(images, size)

        with pytest.raises(UserError, match="the model fails"):
            film.predict_video(Failing(), source, tmp_path / "out.mp4")
        assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]

    def test_the_frame_rate_is_that_of_the_last_frames(self, monkeypatch):
        clock = iter([10.0, 10.5, 11.0, 13.0])
        monkeypatch.setattr(film.time, "perf_counter", lambda: next(clock))
        infer, _ = film.work(Bands(), None)
        frame = frames.Frame(np.zeros((*SIZE, 3), np.uint8), 0)
        assert [infer(frame)[2] for _ in range(4)] == [None, 2.0, 2.0, 1.0]


def test_ctrl_c_sets_an_event_once_and_interrupts_at_the_second():
    import signal

    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), film._interruptible() as interrupted:
            assert isinstance(interrupted, Event) and not interrupted.is_set()
            signal.raise_signal(signal.SIGINT)
            assert interrupted.is_set()
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_without_pyav_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    cure = r"`pip install -c constraints.txt -e .\[video\]`"
    with pytest.raises(UserError, match=rf"^`output` needs PyAV; {cure}"):
        video.require_library()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a.avi", "is no .mp4 file; give it that ending"),
        ("folder.mp4", "is a folder; name a file in it"),
        ("file/a.mp4", "cannot make the folder of `output` .*: "),
    ],
)
def test_outputs_that_cannot_be_written(tmp_path, name, said):
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=said):
        film.require_writable(tmp_path / name)


def test_the_output_is_not_the_video_that_is_read(tmp_path):
    path = videos.write(tmp_path / "in.mp4", videos.drive(3))
    (tmp_path / "link.mp4").symlink_to(path)
    for output in (path, tmp_path / "link.mp4"):
        with pytest.raises(UserError, match="is the video that is read; give it another name"):
            film.open_frames([path], "val", False, None, output)
