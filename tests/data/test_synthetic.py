"""The procedural town: reproducible, complete, true to the label tools, and not solvable by colour alone."""

import hashlib
import json
import os

import numpy as np
import pytest
from cityscapesscripts.helpers.annotation import Annotation
from cityscapesscripts.preparation.json2instanceImg import createInstanceImage
from cityscapesscripts.preparation.json2labelImg import createLabelImage

from common.errors import UserError
from data import datasets, png
from data.label_sets import CITYSCAPES, IGNORED
from data.synthetic import synthesize, textures
from data.synthetic.camera import Camera, Pose
from data.synthetic.order import Placed, painters_order
from data.synthetic.scene import random_scene
from data.synthetic.thing import Thing

pytestmark = pytest.mark.slow
SIZE = (128, 256)


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    root = tmp_path_factory.mktemp("town")
    synthesize(root, 16, 16, SIZE, seed=1)
    return root


def _digests(root):
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _train_ids(sample):
    return CITYSCAPES.file_to_train[png.decode_labels(sample.label)]


def test_same_seed_gives_same_bytes_for_any_workers_and_counts(town, tmp_path):
    synthesize(tmp_path / "alone", 3, 1, SIZE, seed=1, workers=1)
    whole, few = _digests(town), _digests(tmp_path / "alone")
    assert len(few) == 4 * 5
    assert few.items() <= whole.items()


def test_another_seed_gives_other_images(town, tmp_path):
    synthesize(tmp_path, 1, 0, SIZE, seed=2, workers=1)
    whole = _digests(town)
    assert all(whole[name] != digest for name, digest in _digests(tmp_path).items())


def test_splits_differ_and_share_no_town(town):
    train, val = datasets.opened(town).labelled("train"), datasets.opened(town).labelled("val")
    assert len(train) == len(val) == 16
    assert not {sample.folder for sample in train} & {sample.folder for sample in val}
    contents = [hashlib.sha256(sample.image.read_bytes()).hexdigest() for sample in train + val]
    assert len(set(contents)) == 32


def test_layout_has_five_files_a_image_and_no_leftovers(town):
    for sample in datasets.opened(town).labelled("train"):
        stem = str(sample.label).removesuffix("_labelIds.png")
        assert all(
            os.path.exists(stem + suffix) for suffix in ("_polygons.json", "_instanceIds.png", "_color.png")
        )
        assert png.header(sample.image).size == SIZE
    assert not list(town.rglob("*.partial*"))


@pytest.mark.parametrize("split", ["train", "val"])
def test_every_class_and_void_occur(town, split):
    counts = sum(
        np.bincount(_train_ids(sample).ravel(), minlength=256)
        for sample in datasets.opened(town).labelled(split)
    )
    missing = [name for name, count in zip(CITYSCAPES.names, counts[: CITYSCAPES.classes]) if count < 30]
    assert not missing
    assert 0.01 < counts[IGNORED] / counts.sum() < 0.2


def test_labels_are_what_the_official_tools_draw(town):
    for sample in datasets.opened(town).labelled("val"):
        stem = str(sample.label).removesuffix("_labelIds.png")
        annotation = Annotation()
        annotation.fromJsonFile(stem + "_polygons.json")
        assert (annotation.imgHeight, annotation.imgWidth) == SIZE
        np.testing.assert_array_equal(
            png.decode_any(sample.label), np.array(createLabelImage(annotation, "ids"))
        )
        np.testing.assert_array_equal(
            png.decode_any(stem + "_instanceIds.png"), np.array(createInstanceImage(annotation, "ids"))
        )
        np.testing.assert_array_equal(
            png.decode_any(stem + "_color.png"), np.array(createLabelImage(annotation, "color"))
        )


def test_instances_agree_with_labels_and_are_told_apart(town):
    most = 0
    for sample in datasets.opened(town).labelled("train"):
        label, instances = png.decode_any(sample.label), png.decode_any(sample.instances)
        assert instances.dtype == np.uint16
        np.testing.assert_array_equal(np.where(instances >= 1000, instances // 1000, instances), label)
        most = max(most, len(np.unique(instances[label == 26])))
    assert most >= 4  # cars in one image


def test_polygons_are_whole_pixels_within_the_image(town):
    for path in town.glob("gtFine/*/*/*_polygons.json"):
        for item in json.loads(path.read_text())["objects"]:
            points = np.array(item["polygon"])
            assert points.dtype.kind == "i" and len(points) >= 3
            assert (points >= 0).all() and (points < (SIZE[1], SIZE[0])).all()


def test_label_borders_lie_on_image_edges(town):
    """Where the class changes, so does the image: it is drawn from the label's own polygons."""
    at_border, elsewhere = [], []
    for sample in datasets.opened(town).labelled("train"):
        label, grey = _train_ids(sample), png.decode_image(sample.image).mean(2)
        step, border = np.abs(np.diff(grey, axis=1)), np.diff(label.astype(int), axis=1) != 0
        at_border.append(step[border].mean())
        elsewhere.append(step[~border].mean())
    assert np.mean(at_border) > 3 * np.mean(elsewhere)


def test_colour_alone_tells_little_but_something(town):
    shift = 4
    votes = np.zeros(((256 >> shift) ** 3, CITYSCAPES.classes))
    for sample in datasets.opened(town).labelled("train"):
        bins, label = _color_bins(sample, shift), _train_ids(sample)
        np.add.at(votes, (bins[label != IGNORED], label[label != IGNORED]), 1)
    by_color, majority = votes.argmax(1), np.full(len(votes), votes.sum(0).argmax())
    scores = [_miou(town, shift, guess) for guess in (by_color, majority)]
    assert 1.5 * scores[1] < scores[0] < 0.3


def _color_bins(sample, shift):
    red, green, blue = np.moveaxis(png.decode_image(sample.image).astype(int) >> shift, 2, 0)
    levels = 256 >> shift
    return (red * levels + green) * levels + blue


def _miou(root, shift, guess):
    confusion = np.zeros((CITYSCAPES.classes, CITYSCAPES.classes))
    for sample in datasets.opened(root).labelled("val"):
        label = _train_ids(sample)
        scored = label != IGNORED
        np.add.at(confusion, (label[scored], guess[_color_bins(sample, shift)][scored]), 1)
    hits = np.diag(confusion)
    return np.mean(hits / np.maximum(confusion.sum(0) + confusion.sum(1) - hits, 1))


def test_refuses_a_folder_that_holds_a_data_set(town):
    before = _digests(town)
    with pytest.raises(UserError, match="holds a data set already"):
        synthesize(town, 1, 1, SIZE, seed=1)
    assert _digests(town) == before


def test_names_what_is_wrong(tmp_path):
    with pytest.raises(UserError, match="size 64x128 is too small"):
        synthesize(tmp_path, 1, 1, (64, 128), seed=0)
    with pytest.raises(UserError, match="seed -1"):
        synthesize(tmp_path, 1, 1, SIZE, seed=-1)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot make"):
        synthesize(tmp_path / "file" / "town", 1, 1, SIZE, seed=0)


def test_a_failed_write_leaves_no_image(tmp_path, monkeypatch):
    from data.synthetic import write

    def full(path, pixels):
        raise UserError(f"cannot write {path}: No space left on device")

    monkeypatch.setattr(write.png, "write", full)
    with pytest.raises(UserError, match="No space left"):
        synthesize(tmp_path, 1, 0, SIZE, seed=0, workers=1)
    assert not list(tmp_path.glob("leftImg8bit/*/*/*"))


def test_the_scene_scales_with_the_size():
    """The same scene at twice the size has the same vanishing point and objects."""
    small, large = (random_scene(3, "train", 5, size) for size in ((128, 256), (256, 512)))
    assert small.view.camera.focal * 2 == pytest.approx(large.view.camera.focal)
    assert small.view.camera.center * 2 == pytest.approx(large.view.camera.center)
    assert small.view.light.weather == large.view.light.weather


def test_projection_and_its_inverse_on_the_ground():
    camera = Camera(128, 256, focal=250.0, center=120.0, horizon=55.0, eye_x=1.5, eye_y=1.3, bend=0.002)
    column, row = camera.project(np.array([(-2.0, 0.0, 12.0)]))[0]
    assert row == pytest.approx(55 + 250 * 1.3 / 12)
    assert column == pytest.approx(120 + 250 * (-2.0 + 0.002 * 144 - 1.5) / 12)
    x, z = camera.ground(np.array([column]), np.array([row]))
    assert (x[0, 0], z[0]) == pytest.approx((-2.0, 12.0), abs=1e-4)


def test_polygons_behind_the_camera_are_cut():
    camera = Camera(128, 256, 250.0, 128.0, 55.0, 0.0, 1.3, 0.0)
    assert len(camera.polygon(np.array([(-1, 0, -5), (1, 0, -5), (1, 0, -1), (-1, 0, -1)]))) == 0
    cut = camera.polygon(np.array([(-1, 0, -5), (1, 0, -5), (1, 0, 10), (-1, 0, 10)]))
    assert len(cut) == 4 and np.isfinite(cut).all()


def test_a_pose_turns_to_the_right():
    placed = Pose(x=3.0, z=10.0, heading=np.pi / 2).place([(0, 0, 2.0), (1.0, 0, 0)])
    np.testing.assert_allclose(placed, [(5.0, 0, 10.0), (3.0, 0, 9.0)], atol=1e-9)


def test_painters_order_goes_by_depth_and_then_by_side():
    def placed(label, columns, x, depths):
        return Placed(
            [Thing(label, [np.array([(columns[0], 0.0), (columns[1], 0.0), (columns[1], 9.0)])])], x, *depths
        )

    scene = [
        placed("inner person", (70, 80), -1.0, (20, 20)),
        placed("tram", (40, 90), -2.0, (10, 40)),
        placed("outer person", (30, 45), -5.0, (12, 12)),
        placed("house", (0, 90), -8.0, (50, 60)),
        placed("car", (75, 120), 2.0, (5, 9)),
    ]
    names = [thing.label for thing in painters_order(scene, eye_x=1.0)]
    assert names == ["house", "outer person", "tram", "inner person", "car"]


def test_a_ring_of_objects_that_hide_each_other_is_still_painted():
    shape = np.array([(0.0, 0.0), (9.0, 0.0), (9.0, 9.0)])
    places = [("inner", -1.0, 20, 20), ("long", -2.0, 10, 40), ("outer", -5.0, 12, 12)]
    ring = [Placed([Thing(label, [shape])], *place) for label, *place in places]
    assert len(painters_order(ring, eye_x=1.0)) == 3


def test_a_texture_wraps_where_a_coordinate_is_rounded_up_to_its_side():
    """As a wall's at 192x384: the rest of -1e-9 by 256 is 256 in float32."""
    almost, zero = np.array([-1e-9]), np.zeros(1)
    for name in ("paving", "leaves"):
        assert textures.sample_grid(name, almost, zero, 64) == textures.sample_grid(name, zero, zero, 64)
