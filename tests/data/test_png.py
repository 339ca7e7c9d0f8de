"""PNG files: exact round trips, and one line that names the file for every kind of damage."""

import zlib

import numpy as np
import pytest
from PIL import Image

import damage
from common.errors import UserError
from data import png


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (48, 96, 3), dtype=np.uint8)


@pytest.fixture
def image_file(tmp_path, image):
    path = tmp_path / "street.png"
    png.write(path, image)
    return path


def refused(call, path) -> str:
    """The message of the UserError that `call` raises: one line with the file's name."""
    with pytest.raises(UserError) as caught:
        call(path)
    message = str(caught.value)
    assert str(path) in message and "\n" not in message
    return message


def test_image_round_trip(image, image_file):
    np.testing.assert_array_equal(png.decode_image(image_file), image)
    assert png.header(image_file) == png.Header(48, 96, 8, "RGB")
    assert png.header(image_file).size == (48, 96)


def test_label_round_trip(tmp_path):
    label = np.random.default_rng(1).integers(0, 34, (40, 30), dtype=np.uint8)
    png.write(tmp_path / "label.png", label)
    np.testing.assert_array_equal(png.decode_labels(tmp_path / "label.png"), label)


def test_16_bit_round_trip(tmp_path):
    instances = np.array([[26001, 7, 65535], [24012, 0, 256]], np.uint16)
    png.write(tmp_path / "instances.png", instances)
    np.testing.assert_array_equal(png.decode_any(tmp_path / "instances.png"), instances)
    assert png.header(tmp_path / "instances.png").bits == 16


def test_a_view_that_is_not_contiguous_is_written_right(tmp_path, image):
    png.write(tmp_path / "flipped.png", image[:, ::-1])
    np.testing.assert_array_equal(png.decode_image(tmp_path / "flipped.png"), image[:, ::-1])


def test_write_leaves_no_partial_file_beside_the_result(image_file):
    assert [path.name for path in image_file.parent.iterdir()] == ["street.png"]


def test_write_into_a_missing_folder_is_one_line(tmp_path, image):
    assert "No such file" in refused(lambda path: png.write(path, image), tmp_path / "missing" / "x.png")
    assert not any(tmp_path.iterdir())


def test_write_over_a_folder_leaves_nothing_behind(tmp_path, image):
    (tmp_path / "x.png").mkdir()
    refused(lambda path: png.write(path, image), tmp_path / "x.png")
    assert [path.name for path in tmp_path.iterdir()] == ["x.png"]


def test_write_below_a_file_is_one_line(image_file, image):
    refused(lambda path: png.write(path, image), image_file / "x.png")


@pytest.mark.parametrize("read", [png.decode_image, png.decode_any, png.header])
def test_a_missing_file_and_a_folder_are_one_line(tmp_path, read):
    (tmp_path / "folder.png").mkdir()
    refused(read, tmp_path / "missing.png")
    refused(read, tmp_path / "folder.png")


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (damage.truncate, "truncated"),
        (damage.flip_byte, "damaged"),
        (damage.empty, "empty"),
        (damage.text, "not a PNG"),
        (damage.bomb, "100000x100000"),
    ],
)
@pytest.mark.parametrize("read", [png.decode_image, png.decode_any])
def test_damage_is_named(image_file, harm, said, read):
    harm(image_file)
    assert said in refused(read, image_file)


@pytest.mark.parametrize("harm", [damage.empty, damage.text, damage.bomb])
def test_damage_that_a_header_shows(image_file, harm):
    harm(image_file)
    refused(png.header, image_file)


@pytest.mark.parametrize("position", range(29))
def test_no_flipped_byte_of_signature_or_header_goes_unnoticed(image_file, position):
    content = bytearray(image_file.read_bytes())
    content[position] ^= 0x04
    image_file.write_bytes(content)
    refused(png.decode_image, image_file)


@pytest.mark.parametrize("cut", [1, 8, 12, 20, 500])
def test_no_missing_end_goes_unnoticed(image_file, cut):
    image_file.write_bytes(image_file.read_bytes()[:-cut])
    assert "truncated" in refused(png.decode_image, image_file)


def test_missing_rows_behind_a_valid_end_are_damage(tmp_path):
    rows = b"".join(b"\0" + bytes(3 * 8) for _ in range(4))  # 4 of 8 rows
    content = damage.chunks(damage.image_header(8, 8), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    (tmp_path / "half.png").write_bytes(content)
    assert "damaged" in refused(png.decode_image, tmp_path / "half.png")


def test_no_data_at_all_is_damage(tmp_path):
    (tmp_path / "hollow.png").write_bytes(damage.chunks(damage.image_header(8, 8), (b"IEND", b"")))
    assert "damaged" in refused(png.decode_image, tmp_path / "hollow.png")


@pytest.mark.parametrize(
    ("shape", "kind", "said"),
    [
        ((8, 8), np.uint8, "8-bit grey"),
        ((8, 8, 2), np.uint8, "8-bit grey+alpha"),
        ((8, 8, 4), np.uint8, "8-bit RGBA"),
        ((8, 8, 3), np.uint16, "16-bit RGB"),
    ],
)
def test_an_image_is_8_bit_rgb(tmp_path, shape, kind, said):
    damage.replace(tmp_path / "x.png", np.ones(shape, kind))
    assert said in refused(png.decode_image, tmp_path / "x.png")


@pytest.mark.parametrize(
    ("shape", "kind"), [((8, 8, 3), np.uint8), ((8, 8, 4), np.uint8), ((8, 8), np.uint16)]
)
def test_a_label_map_is_8_bit_grey(tmp_path, shape, kind):
    damage.replace(tmp_path / "x.png", np.ones(shape, kind))
    assert "labelIds" in refused(png.decode_labels, tmp_path / "x.png")


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("transparent", [False, True])
def test_a_label_map_of_a_palette_holds_the_numbers_of_its_colours(tmp_path, bits, transparent):
    stored = np.array([[0, 1, 2, 3, 1], [3, 3, 0, 2, 1]], np.uint8)  # [2, 5]
    image = Image.fromarray(stored).convert("L")
    image.putpalette([7, 7, 7, 7, 7, 7, 200, 0, 0, 0, 0, 9])  # two of the same colour
    image.save(tmp_path / "x.png", bits=bits, **{"transparency": 1} if transparent else {})
    assert png.header(tmp_path / "x.png").bits == bits and png.header(tmp_path / "x.png").color == "palette"
    assert png.decode_labels(tmp_path / "x.png").tolist() == stored.tolist()
    assert "palette" in refused(png.decode_image, tmp_path / "x.png")
    damage.truncate(tmp_path / "x.png")
    assert "truncated" in refused(png.decode_labels, tmp_path / "x.png")


def test_a_turned_image_is_named_with_its_cure():
    with pytest.raises(UserError, match=r"a.png is 3x4 but its image a.jpg is 4x3; turn .*exiftool"):
        png.require_equal_size((4, 3), "x/a.jpg", (3, 4), "a.png")


def test_a_transparent_colour_does_not_add_a_channel(tmp_path):
    rows = zlib.compress(b"\0\7\10\7" * 3)
    parts = damage.image_header(3, 3, color=0), (b"tRNS", b"\0\7"), (b"IDAT", rows), (b"IEND", b"")
    (tmp_path / "label.png").write_bytes(damage.chunks(*parts))
    assert png.decode_labels(tmp_path / "label.png").tolist() == [[7, 8, 7]] * 3
    rows = zlib.compress((b"\0" + bytes(range(9))) * 3)
    parts = damage.image_header(3, 3), (b"tRNS", b"\0\0\0\1\0\2"), (b"IDAT", rows), (b"IEND", b"")
    (tmp_path / "image.png").write_bytes(damage.chunks(*parts))
    assert png.decode_image(tmp_path / "image.png").tolist() == [[[0, 1, 2], [3, 4, 5], [6, 7, 8]]] * 3
