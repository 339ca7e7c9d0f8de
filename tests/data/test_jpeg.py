"""JPEG images of data sets: decoded as OpenCV does, and refused where they are damaged."""

import struct

import cv2
import imagecodecs
import numpy as np
import pytest
from PIL import Image

import damage
from common.errors import UserError
from data import jpeg

SIZE = (40, 56)


def photo(path, channels=3, **options):
    image = cv2.resize(np.random.default_rng(0).integers(0, 256, (5, 7, channels), np.uint8), SIZE[::-1])
    path.write_bytes(imagecodecs.jpeg8_encode(image, level=90, **options))
    return path


@pytest.mark.parametrize("options", [{}, {"subsampling": "420"}], ids=str)
def test_colours_and_size_are_those_of_opencv(tmp_path, options):
    path = photo(tmp_path / "a.jpg", **options)
    expected = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    found = jpeg.decode_image(path)
    assert found.dtype == np.uint8 and found.shape == (*SIZE, 3) and jpeg.size(path) == SIZE
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_the_size_is_found_behind_notes_and_in_progressive_files(tmp_path):
    image = np.full((*SIZE, 3), 90, np.uint8)
    _, content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])
    content = content.tobytes()
    note = b"\xff\xe1" + (60000).to_bytes(2, "big") + bytes(59998)
    (tmp_path / "a.jpg").write_bytes(content[:2] + note + note + b"\xff" + content[2:])
    assert jpeg.size(tmp_path / "a.jpg") == SIZE
    assert np.abs(jpeg.decode_image(tmp_path / "a.jpg").astype(int) - 90).max() <= 2


@pytest.mark.parametrize("orientation", range(10))  # 0 and 9: nonsense
@pytest.mark.parametrize("order", [">", "<"], ids=["big", "little"])
def test_images_are_upright_by_exif_as_in_opencv(tmp_path, orientation, order):
    path = photo(tmp_path / "a.jpg")
    place = b"II*\0\x08\0\0\0" if order == "<" else b"MM\0*\0\0\0\x08"
    maker = struct.pack(f"{order}HHII", 0x010F, 2, 4, 0x00616263)  # another entry before it
    entry = struct.pack(f"{order}HHIHH", 0x0112, 3, 1, orientation, 0)
    exif = b"Exif\0\0" + place + struct.pack(f"{order}H", 2) + maker + entry + bytes(4)
    segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    content = path.read_bytes()
    path.write_bytes(content[:2] + segment + content[2:])
    expected = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    found = jpeg.decode_image(path)
    assert found.shape == expected.shape == (*jpeg.size(path), 3) and found.flags.c_contiguous
    assert np.abs(found.astype(int) - expected).max() <= 1
    turned = orientation in (5, 6, 7, 8)
    assert jpeg.size(path) == (SIZE[::-1] if turned else SIZE)


@pytest.mark.parametrize("subsampling", ["420", "422", "440", "411", "444"])
def test_a_part_has_the_pixels_of_the_whole(tmp_path, monkeypatch, subsampling):
    random = np.random.default_rng(1)
    whole = cv2.resize(random.integers(0, 256, (30, 41, 3), np.uint8), (141, 99))
    (tmp_path / "a.jpg").write_bytes(imagecodecs.jpeg8_encode(whole, level=80, subsampling=subsampling))
    whole, encoded = jpeg.decode_image(tmp_path / "a.jpg"), jpeg.Encoded(tmp_path / "a.jpg")
    assert encoded.shape == whole.shape == (99, 141, 3)
    monkeypatch.setattr(encoded, "_whole", None)  # not used
    for height, width in random.integers(1, (49, 70), (40, 2)):
        top, left = random.integers(0, (99 - height + 1, 141 - width + 1))
        windows = slice(top, top + height), slice(left, left + width)
        np.testing.assert_array_equal(encoded[windows], whole[windows])


@pytest.mark.parametrize("kind", ["progressive", "turned", "large"])
def test_a_part_of_what_cannot_be_cut_is_cut_from_the_whole(tmp_path, kind):
    path = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6 if kind == "turned" else 1
    pixels = np.random.default_rng(0).integers(0, 256, (40, 56, 3), np.uint8)
    Image.fromarray(pixels).save(path, progressive=kind == "progressive", exif=exif)
    side = 35 if kind == "large" else 9
    windows = slice(3, 3 + side), slice(2, 2 + side)
    found = jpeg.Encoded(path)[windows]
    np.testing.assert_array_equal(found, jpeg.decode_image(path)[windows])
    assert found.flags.c_contiguous


@pytest.mark.parametrize(
    "behind", [b"\n", b"\0\0SEFT\xff\xd8\xff\xe1 notes" * 99], ids=["newline", "trailer"]
)
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}], ids=str)
def test_bytes_behind_the_end_are_passed_over(tmp_path, behind, options):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 56, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.jpg", **options)
    content = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "b.jpg").write_bytes(content + behind)
    expected, encoded = jpeg.decode_image(tmp_path / "a.jpg"), jpeg.Encoded(tmp_path / "b.jpg")
    np.testing.assert_array_equal(encoded[:, :], expected)
    np.testing.assert_array_equal(encoded[3:12, 2:11], expected[3:12, 2:11])


@pytest.mark.parametrize("segment", ["before the frame", "behind the frame"])
def test_the_end_of_a_preview_is_not_the_image_s(tmp_path, segment):
    preview = photo(tmp_path / "preview.jpg").read_bytes()
    note = b"\xff\xe1" + struct.pack(">H", len(preview) + 8) + b"Exif\0\0" + preview
    content = photo(tmp_path / "a.jpg").read_bytes()
    place = 2 if segment == "before the frame" else content.index(b"\xff\xda")
    content = content[:place] + note + content[place:]
    (tmp_path / "a.jpg").write_bytes(content + b"\n")
    assert jpeg.decode_image(tmp_path / "a.jpg").shape == (*SIZE, 3)
    for kept in (-2, -40, content.rindex(b"\xff\xda") + 12):
        (tmp_path / "a.jpg").write_bytes(content[:kept])
        with pytest.raises(UserError, match=r"a.jpg: truncated JPEG"):
            jpeg.decode_image(tmp_path / "a.jpg")


def test_damage_inside_a_part_is_named(tmp_path):
    path = photo(tmp_path / "a.jpg")
    content = bytearray(path.read_bytes())
    tables = content.index(b"\xff\xc4")
    content[tables + 5 : tables + 21] = b"\xff" * 16  # more codes than a Huffman table can have
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"a.jpg: damaged JPEG \(its pixels") as error:
        jpeg.Encoded(path)[:9, :9]
    assert "\n" not in str(error.value)


def test_a_cut_off_exif_is_no_orientation(tmp_path):
    content = photo(tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(content[:2] + b"\xff\xe1\0\x0aExif\0\0MM" + content[2:])
    assert jpeg.size(tmp_path / "a.jpg") == SIZE


def test_what_is_no_colour_image_is_refused(tmp_path):
    grey = photo(tmp_path / "grey.jpg", channels=1)
    for read in (jpeg.size, jpeg.decode_image):
        with pytest.raises(UserError, match=r"grey.jpg: 8-bit image of 1 channels, need 8-bit RGB"):
            read(grey)
    cmyk = tmp_path / "cmyk.jpg"
    Image.new("CMYK", (8, 8)).save(cmyk)
    for read in (jpeg.size, jpeg.decode_image):
        with pytest.raises(UserError, match=r"cmyk.jpg: CMYK image of 8 bits, need 8-bit RGB; .*-colorspace"):
            read(cmyk)
    (tmp_path / "text.jpg").write_text("no image")
    with pytest.raises(UserError, match=r"text.jpg: not a JPEG image; unpack it again"):
        jpeg.size(tmp_path / "text.jpg")
    damage.empty(tmp_path / "empty.jpg")
    with pytest.raises(UserError, match=r"empty.jpg: not a JPEG image \(the file is empty\)"):
        jpeg.size(tmp_path / "empty.jpg")
    with pytest.raises(UserError, match=r"cannot read .*missing.jpg: No such file"):
        jpeg.size(tmp_path / "missing.jpg")


def test_damage_is_named(tmp_path):
    path = photo(tmp_path / "a.jpg")
    content = path.read_bytes()
    path.write_bytes(content[:-40])
    assert jpeg.size(path) == SIZE
    with pytest.raises(UserError, match=r"a.jpg: truncated JPEG"):
        jpeg.decode_image(path)
    path.write_bytes(content[:20])
    with pytest.raises(UserError, match=r"a.jpg: damaged JPEG"):
        jpeg.decode_image(path)
    place = next(n for n in range(len(content)) if content[n : n + 2] in (b"\xff\xc0", b"\xff\xc2"))
    path.write_bytes(content[: place + 5] + b"\xff\xff\xff\xff" + content[place + 9 :])
    with pytest.raises(UserError, match=r"its header claims 65535x65535 pixels"):
        jpeg.size(path)
