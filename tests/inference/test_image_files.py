"""Images from strangers: what cannot be predicted is named before it does harm."""

import resource

import cv2
import numpy as np
import pytest
from PIL import Image

import damage
from common.errors import UserError
from inference import image_files
from trained import noise


@pytest.mark.parametrize(
    ("name", "image", "said"),
    [
        ("grey.png", np.full((40, 70), 9, np.uint8), "8-bit grey image, need 8-bit RGB; convert"),
        ("grey.jpg", np.full((40, 70), 9, np.uint8), "8-bit grey image, need 8-bit RGB; convert"),
        ("deep.png", np.full((40, 70, 3), 900, np.uint16), "16-bit RGB image, need 8-bit RGB; convert"),
        ("deep.tif", np.full((40, 70, 3), 900, np.uint16), "16-bit colour image, need 8-bit RGB; convert"),
    ],
)
def test_a_image_of_another_kind_is_named_where_none_is_converted(tmp_path, name, image, said):
    cv2.imwrite(str(tmp_path / name), image)
    with pytest.raises(UserError, match=f"{tmp_path / name}: {said}"):
        image_files.decode(tmp_path / name)


DEEP = np.array([[[0, 128, 129], [385, 386, 65535]]], np.uint16)  # RGB; 257 is 1 of 8 bits
OF_DEEP = [[[0, 0, 1], [1, 2, 255]]]


def colors():
    return np.array([[[1, 2, 3], [200, 100, 0], [7, 7, 7]]], np.uint8)  # RGB [1, 3, 3]


def saved(name, mode):
    """Function of a path that writes the colours in a mode of PIL's."""
    return name, lambda path: Image.fromarray(colors()).convert(mode).save(path)


def written(name, image):
    """Function of a path that writes a grey or RGB image by OpenCV."""
    return name, lambda path: cv2.imwrite(str(path), image if image.ndim == 2 else image[..., ::-1])


GREY = np.array(Image.fromarray(colors()).convert("L"))[..., None].repeat(3, axis=2).tolist()


@pytest.mark.parametrize(
    ("file", "kind", "expected"),
    [
        (saved("a.png", "RGB"), None, colors().tolist()),
        (saved("a.png", "RGBA"), "8-bit RGBA", colors().tolist()),
        (saved("a.png", "P"), "8-bit palette", None),
        (saved("a.png", "L"), "8-bit grey", GREY),
        (saved("a.png", "LA"), "8-bit grey+alpha", GREY),
        (saved("a.png", "1"), "1-bit grey", None),
        (written("a.png", DEEP), "16-bit RGB", OF_DEEP),
        (written("a.png", DEEP[..., 2]), "16-bit grey", [[[1] * 3, [255] * 3]]),
        (saved("a.bmp", "RGB"), None, colors().tolist()),
        (saved("a.tif", "RGBA"), None, colors().tolist()),  # OpenCV leaves alpha out
        (saved("a.bmp", "L"), "8-bit grey", GREY),
        (written("a.tif", DEEP), "16-bit colour", OF_DEEP),
        (written("a.tif", DEEP[..., 2]), "16-bit grey", [[[1] * 3, [255] * 3]]),
    ],
)
def test_any_kind_becomes_8_bit_rgb(tmp_path, file, kind, expected):
    name, write = file
    write(tmp_path / name)
    found, told = image_files.decode_any(tmp_path / name)
    assert found.dtype == np.uint8 and found.flags.c_contiguous and told == kind
    if expected is None:  # PIL's own reading
        expected = np.asarray(Image.open(tmp_path / name).convert("RGB")).tolist()
    assert found.tolist() == expected


def test_numbers_without_a_range_are_refused(tmp_path):
    cv2.imwrite(str(tmp_path / "a.tif"), np.ones((4, 5), np.float32))
    with pytest.raises(UserError, match=f"{tmp_path}/a.tif: an image of float32 numbers, need 8 or 16"):
        image_files.decode_any(tmp_path / "a.tif")


class TestConversion:
    @pytest.fixture
    def jobs(self, tmp_path):
        for number, mode in enumerate(("RGB", "RGBA", "L", "RGBA")):
            saved("", mode)[1](tmp_path / f"{number}.png")
        return image_files.find([tmp_path], "val", coarse=False)

    def test_is_told_once(self, jobs, tmp_path, capsys):
        assert [image.shape for image in image_files.images(jobs)] == [(1, 3, 3)] * 4
        said = f"converted to 8-bit RGB: 3 images, the first of them {tmp_path}/1.png (8-bit RGBA)\n"
        assert capsys.readouterr() == ("", said)
        list(image_files.images(jobs[2:3]))
        assert capsys.readouterr().err == f"converted to 8-bit RGB: {tmp_path}/2.png (8-bit grey)\n"
        list(image_files.images(jobs[:1]))
        assert capsys.readouterr().err == ""

    def test_is_told_of_those_that_were_read(self, jobs, capsys):
        images = image_files.images(jobs)
        next(images), next(images)
        images.close()
        assert capsys.readouterr().err.endswith("8-bit RGB: " + f"{jobs[1].image} (8-bit RGBA)\n")

    def test_is_refused_to_a_data_set(self, tmp_path):
        path = tmp_path / "leftImg8bit" / "val" / "ulm" / "ulm_000000_000019_leftImg8bit.png"
        path.parent.mkdir(parents=True)
        saved("", "RGBA")[1](path)
        jobs = image_files.find([tmp_path], "val", coarse=False)
        with pytest.raises(UserError, match=f"{path}: 8-bit RGBA image, need 8-bit RGB"):
            list(image_files.images(jobs))


@pytest.mark.parametrize("harm", [damage.truncate, damage.empty, damage.text])
@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "webp", "tif"])
def test_a_broken_image_is_named_without_noise(tmp_path, capfd, suffix, harm):
    path = tmp_path / f"a.{suffix}"
    cv2.imwrite(str(path), noise(40, 70))
    harm(path)
    with pytest.raises(UserError, match=f"^{path}"):
        image_files.decode(path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "bomb"), [("a.png", damage.bomb), ("a.bmp", damage.bmp_bomb), ("a.jpg", damage.jpeg_bomb)]
)
def test_a_image_bomb_is_refused_before_it_is_decoded(tmp_path, name, bomb):
    bomb(tmp_path / name)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB
    with pytest.raises(UserError, match=f"{tmp_path / name}: .*header claims [0-9]+x[0-9]+ pixels"):
        image_files.decode(tmp_path / name)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000
