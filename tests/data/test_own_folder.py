"""A folder of one's own with a `classes.toml`."""

import re
import shutil

import numpy as np
import pytest
from PIL import Image

import damage
import layouts
from common.errors import UserError
from data import datasets, png
from data.color_labels import ColorSample
from data.label_sets import IGNORED
from data.verify import check


@pytest.fixture
def root(tmp_path):
    (tmp_path / "garden").mkdir()
    return layouts.own_values(tmp_path / "garden")


def write(root, text):
    (root / "classes.toml").write_text(text)
    return datasets.opened(root)


def test_classes_values_and_colours(root):
    label_set = datasets.opened(root).label_set
    assert label_set.name == "garden" and label_set.names == ("road", "grass", "garden gnome")
    assert label_set.colors[:2] == ((128, 64, 128), (0, 160, 0)) and len({*label_set.colors}) == 3
    assert label_set.file_to_train[[0, 1, 2, 3, 9]].tolist() == [IGNORED, 0, 1, 1, 2]
    assert label_set.train_to_file[[0, 1, 2, IGNORED]].tolist() == [1, 2, 9, 0]


def test_every_fifth_picture_is_for_validation(root):
    data_set = datasets.opened(root)
    assert data_set.name == "folder" and data_set.splits() == ["train", "val"]
    assert [sample.name for sample in data_set.validation()] == ["a0", "a5"]
    assert [sample.name for sample in data_set.training()] == ["a1", "a2", "a3", "a4"]
    for sample in data_set.training():
        assert sample.image_size() == sample.label_size() == sample.decode()[1].shape
        assert set(np.unique(sample.train_ids())) == {0, 1, 2, IGNORED}
    found = [str(finding) for finding in check(data_set.plan())]
    assert found == [
        "remark: split 'train' has images of 3 sizes: 32x64 (2 images), 31x65 (1 image), 40x30 (1 image)"
    ]


def test_folders_of_splits_are_taken_as_they_are(root):
    for number in range(6):
        split = "val" if number == 2 else "train"
        for folder in ("photos", "masks"):
            (root / folder / split).mkdir(exist_ok=True)
            (path,) = (root / folder).glob(f"a{number}.*")
            shutil.move(path, root / folder / split)
    data_set = datasets.opened(root)
    assert [sample.name for sample in data_set.validation()] == ["a2"] and len(data_set.training()) == 5
    assert data_set.validation()[0].label == root / "masks" / "val" / "a2.png"


def test_labels_in_colours(tmp_path):
    data_set = datasets.opened(layouts.own_colors(tmp_path))
    assert [sample.name for sample in data_set.validation()] == ["a0", "a3"]
    sample = data_set.training()[0]
    assert isinstance(sample, ColorSample)
    pixels = png.decode_image(sample.label)
    ids = sample.train_ids()
    assert (ids[(pixels == (0, 0, 0)).all(axis=2)] == 0).all() and (ids[pixels[..., 1] == 160] == 1).all()
    assert (ids[(pixels == 255).all(axis=2)] == IGNORED).all()
    old = sample.coding
    text = layouts.OWN_COLORS.replace("ignore = [[255, 255, 255]]", "")
    sample = write(tmp_path, text).training()[0]
    with pytest.raises(
        UserError, match=r"colour \(255, 255, 255\) in .*; add it to a class or to ignore in .*toml"
    ):
        sample.decode_label()
    assert sample.coding != old  # caches hold what the file means


def test_without_a_word_255_is_ignored_unless_it_is_a_class(root):
    assert write(root, "[classes]\na = { value = 1 }").label_set.file_to_train[255] == IGNORED
    label_set = write(root, "[classes]\na = { value = 255 }").label_set
    assert label_set.file_to_train[255] == 0 and label_set.unlabeled == 254


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[classes", "classes.toml is no TOML"),
        ("", "no classes; write .classes. and a line"),
        ("classes = 3", "no classes"),
        ("classes = []", "no classes"),
        ("[classes]\na = 1", "class a = 1 is no table; write `{ value = 1 }`"),
        ("[classes]\na = { value = 1, colour = [0, 0, 0] }", "colour means nothing"),
        ("image = 'x'\n[classes]\na = { value = 1 }", "image means nothing"),
        ("name = 3\n[classes]\na = { value = 1 }", "name = 3 is no text; write one, as name = .garden"),
        ("images = 3\n[classes]\na = { value = 1 }", "images = 3 is no text"),
        ("labels = ['x']\n[classes]\na = { value = 1 }", r"labels = \['x'\] is no text"),
        ("ignore = 0\n[classes]\na = { value = 1 }", r"ignore = 0 is no list; write \[0\]"),
        ("ignore = 'ab'\n[classes]\na = { color = [0, 0, 1] }", r"ignore = 'ab' is no list"),
        ("ignore = [[0]]\n[classes]\na = { value = 1 }", r"ignore: \[0\] is no whole number from 0 to 255"),
        ("ignore = [true]\n[classes]\na = { value = 2 }", "ignore: True is no whole number"),
        ("ignore = [0, 0, 0]\n[classes]\na = { color = [0, 0, 1] }", r"ignore: 0 is no colour; write \[red"),
        ("[classes]\na = { value = 1 }\nb = { color = [0, 0, 1] }", "class b has no value, but a has one"),
        ("[classes]\na = {}", "class a has neither value nor color"),
        ("[classes]\na = { value = 1 }\nb = { value = [2, 1] }", "a value is there twice"),
        ("[classes]\na = { value = [] }", "value of class a: none; write a whole number from 0 to 255"),
        ("[classes]\na = { value = [[2], 3] }", r"value of class a: \[2\] is no whole number"),
        ("[classes]\na = { value = true }", "value of class a: True is no whole number"),
        ("[classes]\na = { value = 1.5 }", "value of class a: 1.5 is no whole number"),
        ("[classes]\na = { value = { b = 1 } }", "value of class a: {'b': 1} is no whole number"),
        ("ignore = [1]\n[classes]\na = { value = 1 }", "a value is there twice"),
        ("[classes]\na = { value = 256 }", "value of class a: 256 is no whole number from 0 to 255"),
        ("[classes]\na = { value = '1' }", "value of class a: '1' is no whole number"),
        ("[classes]\na = { value = 1, color = 7 }", "color of class a: 7 is no colour"),
        ("[classes]\na = { value = 1, color = [true, 0, 0] }", r"color of class a: \[True, 0, 0\] is no col"),
        (
            "[classes]\na = { value = 1, color = [0, 0] }",
            r"\[0, 0\] is no colour; write \[red, green, blue\]",
        ),
        ("[classes]\na = { color = [0, 0, 1] }\nb = { color = [0, 0, 1] }", "a colour is there twice"),
        ("validation = 1\n[classes]\na = { value = 1 }", "validation = 1 is no whole number above 1"),
        ("validation = [5]\n[classes]\na = { value = 1 }", r"validation = \[5\] is no whole number"),
        pytest.param(
            f"[classes]\na = {{ value = {[*range(256)]} }}",
            "the classes have all values from 0 to 255; take one out",
            id="256 values",
        ),
        pytest.param(
            "[classes]\n" + "\n".join(f"a{number} = {{ value = {number} }}" for number in range(255)),
            "255 classes; at most 254",
            id="255 classes",
        ),
    ],
)
def test_mistakes_in_the_file_are_one_line(root, text, words):
    with pytest.raises(UserError, match=f"classes.toml.*{words}|{words}.*docs/data.md") as error:
        write(root, text)
    assert "\n" not in str(error.value) and "docs/data.md" in str(error.value)


def test_what_the_labels_do_not_know_is_one_line(root):
    sample = datasets.opened(root).training()[0]
    png.write(sample.label, np.full((31, 65), 4, np.uint8))
    words = r"a1.png: label value 4 in 2015 pixels, known are 0\.\.3 and 9; add it to a class or to ignore in"
    with pytest.raises(UserError, match=words):
        sample.decode_label()
    (finding, _) = check(datasets.opened(root).plan())
    assert finding.error and "label value 4" in finding.text


def test_labels_may_end_in_capitals_as_pictures_may(root):
    lower, upper = root / "masks" / "a1.png", root / "masks" / "a1.PNG"
    lower.rename(upper)
    sample = datasets.opened(root).training()[0]
    assert sample.label == upper and sample.decode()[1].shape == (31, 65)
    (of_sizes,) = check(datasets.opened(root).plan())
    assert "images of 3 sizes" in of_sizes.text
    shutil.copy(upper, lower)
    assert datasets.opened(root).training()[0].label == lower
    double, _ = check(datasets.opened(root).plan())
    assert not double.error and double.text.startswith(f"{upper}: a label without its image")


STORED = np.arange(40, dtype=np.uint8).reshape(5, 8) % 4
OTHER_KINDS = {
    "8-bit RGB": np.dstack([STORED] * 3),
    "8-bit RGBA": np.dstack([STORED] * 3 + [STORED]),
    "8-bit grey+alpha": np.dstack([STORED, STORED]),
    "16-bit grey": STORED.astype(np.uint16),
}


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_labels_of_another_kind_are_refused(root, kind):
    sample = datasets.opened(root).training()[0]
    damage.replace(sample.label, OTHER_KINDS[kind])
    with pytest.raises(UserError, match=f"{re.escape(kind)} image, need an 8-bit grey PNG .*; save it so, "):
        sample.decode_label()
    with pytest.raises(UserError, match="if its colours are the classes, say them by color, .*toml"):
        sample.label_size()


def test_missing_files_are_one_line(root):
    (root / "masks" / "a1.png").unlink()
    with pytest.raises(
        UserError, match=r"photos/a1.png has no label: .*masks/a1.png is missing; correct the folders"
    ):
        datasets.opened(root).training()
    shutil.copy(root / "photos" / "a2.JPEG", root / "photos" / "a2.png")
    with pytest.raises(UserError, match=r"a2.JPEG and .*a2.png would have the same label; rename one"):
        datasets.opened(root).training()
    shutil.rmtree(root / "photos")
    with pytest.raises(
        UserError, match=r"garden has no split 'train' \(there: none\); correct the folders, or images"
    ):
        datasets.opened(root).training()
    with pytest.raises(UserError, match=r"cannot read .*classes.toml: No such file"):
        datasets.opened(root / "masks", "folder")


def test_a_photo_that_a_camera_turned_fits_its_label(root):
    """EXIF orientation 6: the label is of the upright picture, as labelling programs show it."""
    sample = datasets.opened(root).training()[1]
    assert sample.image.suffix == ".JPEG"
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(sample.image) as image:
        image.save(sample.image, "JPEG", exif=exif.tobytes())  # 32x64 as stored
    with pytest.raises(
        UserError, match=r"a2.png is 32x64 but its image a2.JPEG is 64x32; turn one .*exiftool"
    ):
        sample.decode()
    png.write(sample.label, np.rot90(png.decode_labels(sample.label), -1))
    image, label = sample.decode()
    assert image.shape[:2] == label.shape == sample.image_size() == (64, 32)
