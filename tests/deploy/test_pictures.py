"""Pictures from strangers: what cannot be predicted is named before it does harm."""

import resource

import cv2
import numpy as np
import pytest

import damage
from common.errors import UserError
from deploy import pictures
from trained import noise


@pytest.mark.parametrize(
    ("name", "picture", "said"),
    [
        ("grey.png", np.full((40, 70), 9, np.uint8), "8-bit grey picture, need 8-bit RGB; convert"),
        ("grey.jpg", np.full((40, 70), 9, np.uint8), "8-bit grey picture, need 8-bit RGB; convert"),
        ("deep.png", np.full((40, 70, 3), 900, np.uint16), "16-bit RGB picture, need 8-bit RGB; convert"),
        ("deep.tif", np.full((40, 70, 3), 900, np.uint16), "16-bit colour picture, need 8-bit RGB; convert"),
    ],
)
def test_a_picture_of_another_kind_is_named(tmp_path, name, picture, said):
    cv2.imwrite(str(tmp_path / name), picture)
    with pytest.raises(UserError, match=f"{tmp_path / name}: {said}"):
        pictures.decode(tmp_path / name)


@pytest.mark.parametrize("harm", [damage.truncate, damage.empty, damage.text])
@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "webp", "tif"])
def test_a_broken_picture_is_named_without_noise(tmp_path, capfd, suffix, harm):
    path = tmp_path / f"a.{suffix}"
    cv2.imwrite(str(path), noise(40, 70))
    harm(path)
    with pytest.raises(UserError, match=f"^{path}"):
        pictures.decode(path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "bomb"), [("a.png", damage.bomb), ("a.bmp", damage.bmp_bomb), ("a.jpg", damage.jpeg_bomb)]
)
def test_a_picture_bomb_is_refused_before_it_is_decoded(tmp_path, name, bomb):
    bomb(tmp_path / name)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB
    with pytest.raises(UserError, match=f"{tmp_path / name}: .*header claims [0-9]+x[0-9]+ pixels"):
        pictures.decode(tmp_path / name)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000
