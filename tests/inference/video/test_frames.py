"""Frames of real video files, images and captures, and of files that are broken or hostile."""

import re
import resource
import struct
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

import damage
import videos
from common.errors import UserError
from data import png
from inference import image_files
from inference.video import film, frames

COUNT = 30


@pytest.fixture
def drive(tmp_path):
    return videos.write(tmp_path / "drive.mp4", videos.drive(COUNT))


class TestVideoFile:
    @pytest.mark.parametrize(
        ("form", "codec"),
        [("mp4", "libx264"), ("matroska", "libx264"), ("avi", "mjpeg"), ("mpegts", "mpeg2video")],
    )
    def test_is_read_whole(self, tmp_path, form, codec):
        path = videos.write(tmp_path / "film", videos.drive(COUNT), 25, form, codec)
        source = frames.VideoFile(path)
        found = list(source)
        assert source.rate == 25 and source.count in (COUNT, None)
        assert [frame.tick for frame in found] == list(range(COUNT))
        for frame, expected in zip(found, videos.drive(COUNT)):
            assert frame.image.shape == (64, 96, 3) and frame.image.flags.c_contiguous
            assert np.abs(frame.image.astype(int) - expected).mean() < 6

    def test_at_another_rate(self, drive):
        assert frames.VideoFile(drive, Fraction(5)).rate == 5

    @pytest.mark.parametrize("rotation", [90, 180, -90])
    def test_stands_upright_as_opencv_shows_it(self, tmp_path, rotation):
        path = videos.write(tmp_path / "phone.mp4", videos.drive(3), rotation=rotation)
        capture = cv2.VideoCapture(str(path))
        for frame in frames.VideoFile(path):
            expected = cv2.cvtColor(capture.read()[1], cv2.COLOR_BGR2RGB)
            assert frame.image.shape == expected.shape
            assert np.abs(frame.image.astype(int) - expected).mean() < 4


def refused(path, words):
    """Nothing but a message, at once or while reading; returns the frames before."""
    found = []
    with pytest.raises(UserError, match=words) as caught:
        for frame in frames.VideoFile(path):
            found.append(frame)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    return found


class TestBrokenVideo:
    def test_empty(self, drive, capfd):
        damage.empty(drive)
        refused(drive, r"is no readable video \(the file is empty\); copy it again or convert it")
        assert capfd.readouterr() == ("", "")  # FFmpeg itself says nothing

    @pytest.mark.parametrize("harm", [damage.text, damage.truncate])
    def test_text_or_without_its_end(self, drive, harm, capfd):
        harm(drive)
        refused(drive, "is no readable video|holds no moving images; it is cut off")
        assert capfd.readouterr() == ("", "")

    def test_cut_off_behind_its_index(self, tmp_path, capfd):
        path = videos.write(tmp_path / "a.mp4", videos.drive(200), movflags="+faststart")
        content = path.read_bytes()
        path.write_bytes(content[: len(content) * 3 // 4])
        found = refused(path, "is damaged in .* places|breaks off after .* of 10.0 s")
        assert 20 <= len(found) < 190
        assert capfd.readouterr() == ("", "")

    def test_cut_off_without_an_index(self, tmp_path):
        path = videos.write(tmp_path / "a.mkv", videos.drive(200), form="matroska", cluster_time_limit="500")
        content = path.read_bytes()
        path.write_bytes(content[: len(content) * 3 // 4])
        found = refused(path, r"breaks off after \d.\d of 10.0 s; copy it again")
        assert 20 <= len(found) < 190

    def test_damaged_in_the_middle_goes_on_behind_it(self, tmp_path):
        path = videos.write(tmp_path / "a.avi", videos.drive(COUNT), form="avi", codec="mjpeg")
        content = bytearray(path.read_bytes())
        end = content.rindex(b"idx1")
        starts = [at.start() for at in re.finditer(b"00dc", content[:end])]
        start, end = starts[10] + 8, starts[11]
        content[start:end] = bytes(end - start)
        path.write_bytes(content)
        found = refused(path, "is damaged in 1 places; copy it again")
        assert len(found) == COUNT - 1

    def test_without_frames(self, tmp_path):
        with av.open(str(tmp_path / "sound.mp4"), "w", format="mp4") as container:
            stream = container.add_stream("aac", rate=48000)
            sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            sound.rate = 48000
            container.mux(stream.encode(sound))
            container.mux(stream.encode(None))
        refused(tmp_path / "sound.mp4", "holds no moving images")

    def test_a_image_stream_without_a_frame(self, tmp_path):
        path = videos.write(tmp_path / "a.avi", videos.drive(3), form="avi", codec="mjpeg")
        content = path.read_bytes()
        path.write_bytes(content[: content.index(b"movi") + 4])
        refused(path, "is no readable video|no frame can be decoded|does not tell its frame rate")


class TestHostileVideo:
    def test_that_claims_absurd_sizes(self, tmp_path):
        """A true AVI of three JPEGs, whose headers are changed to claim 60,000 x 60,000 pixels."""
        path = videos.write(tmp_path / "bomb.avi", videos.drive(3), form="avi", codec="mjpeg")
        content = bytearray(path.read_bytes())
        header = content.index(b"strf") + 8
        content[header + 4 : header + 12] = struct.pack("<ii", 60_000, 60_000)
        at = -1
        while (at := content.find(b"\xff\xc0", at + 1)) >= 0:
            content[at + 5 : at + 9] = struct.pack(">HH", 60_000, 60_000)
        path.write_bytes(content)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        refused(path, "absurdly large|claims 60000x60000 pixels")
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB; 10 GB decoded

    @pytest.mark.parametrize(
        "playlist",
        [
            "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{secret}\n#EXT-X-ENDLIST\n",
            "ffconcat version 1.0\nfile {name}\n",
            "<?xml version='1.0'?>\n<MPD xmlns='urn:mpeg:dash:schema:mpd:2011'><BaseURL>{secret}</BaseURL>"
            "</MPD>",
        ],
        ids=["hls", "concat", "dash"],
    )
    def test_that_is_a_playlist_of_another_file(self, drive, tmp_path, playlist):
        path = tmp_path / "evil.mp4"
        path.write_text(playlist.format(secret=drive, name=drive.name))
        refused(path, "is no readable video")

    def test_of_the_net_is_never_asked_for(self, tmp_path):
        with pytest.raises(UserError, match="no image or folder at http:/localhost/a.mp4"):
            film.open_frames([Path("http://localhost/a.mp4")], "val", False, None, tmp_path / "o.mp4")


class TestImages:
    @pytest.fixture
    def folder(self, tmp_path):
        """Frames 8 to 12, whose names sort otherwise; each is as grey as its number says."""
        for number in range(8, 13):
            png.write(tmp_path / f"frame_{number}.png", np.full((10, 14, 3), number * 10, np.uint8))
        return tmp_path

    def open(self, *paths, rate=None):
        return film.open_frames(list(paths), "val", False, rate, paths[0] / "none.mp4")

    def test_come_in_the_order_of_their_numbers_at_20_a_second(self, folder):
        source = self.open(folder)
        assert source.rate == 20 and source.count == 5
        found = list(source)
        assert [int(frame.image.mean()) for frame in found] == [80, 90, 100, 110, 120]
        assert [frame.tick for frame in found] == [0, 1, 2, 3, 4]
        assert self.open(folder, rate=Fraction(5)).rate == 5

    def test_of_another_size_end_them(self, folder):
        png.write(folder / "frame_11.png", np.zeros((10, 16, 3), np.uint8))
        found = []
        with pytest.raises(UserError, match="frame_11.png is 10x16, those before it 10x14; a video has one"):
            for frame in frames.of_one_size(self.open(folder)):
                found.append(frame)
        assert len(found) == 3

    def test_of_absurd_size(self, folder, monkeypatch):
        monkeypatch.setattr(frames, "MAX_PIXELS", 100)
        with pytest.raises(UserError, match="frame_8.png: 10x14 are too many pixels for a video"):
            next(iter(self.open(folder)))

    def test_and_a_video(self, folder, drive):
        with pytest.raises(UserError, match="drive.mp4 is one of several paths; give videos one at a time"):
            film.open_frames([drive, folder], "val", False, None, folder / "none.mp4")

    def test_single_ones_keep_their_place(self, folder):
        files = [folder / "frame_9.png", folder / "frame_8.png"]
        source = film.open_frames(files, "val", False, None, folder / "none.mp4")
        assert [int(frame.image.mean()) for frame in source] == [90, 80]

    def test_that_are_grey_are_converted(self, folder, capfd):
        cv2.imwrite(str(folder / "grey.png"), np.full((10, 14), 33, np.uint8))
        (frame,) = film.open_frames([folder / "grey.png"], "val", False, None, folder / "none.mp4")
        assert frame.image.tolist() == [[[33] * 3] * 14] * 10
        assert capfd.readouterr().err == f"converted to 8-bit RGB: {folder}/grey.png (8-bit grey)\n"

    def test_numbers_within_names(self):
        names = ["b/2.png", "a/10_x.png", "a/9_x.png", "a/9_w.png"]
        jobs = [image_files.Job(Path(name), Path(name).parent, Path(name).stem) for name in names]
        ordered = [str(job.image) for job in sorted(jobs, key=frames.by_number)]
        assert ordered == ["a/9_w.png", "a/9_x.png", "a/10_x.png", "b/2.png"]


class TestCamera:
    def test_that_is_not_there(self, capfd):
        with pytest.raises(UserError, match=r"^no camera 77; check its cable and .*/dev/video77\)$"):
            frames.Camera(77)
        assert capfd.readouterr().err == ""

    def test_gives_frames_by_the_clock_until_it_stops(self, drive):
        """OpenCV's capture of a file behaves as that of a camera, but for the clock."""
        source = frames.Camera(0, open_camera=lambda number: cv2.VideoCapture(str(drive)))
        assert source.rate == 20 and source.count is None
        found = []
        with pytest.raises(UserError, match="^camera 0 gives no more images; check its cable$"):
            for frame in source:
                found.append(frame)
        assert len(found) == COUNT
        ticks = [frame.tick for frame in found]
        assert ticks == sorted(set(ticks)) and ticks[0] == 0
        for frame, expected in zip(found, videos.drive(COUNT)):
            assert np.abs(frame.image.astype(int) - expected).mean() < 6


def test_rates_as_fractions():
    assert frames.exact_rate(20.0) == 20
    assert frames.exact_rate(29.97) == Fraction(2997, 100)
    assert frames.exact_rate(30000 / 1001) == Fraction(30000, 1001)
