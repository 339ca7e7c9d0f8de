"""predict.py from weights to images, and its mistakes in one line each."""

import shutil
import sys

import cv2
import numpy as np
import pytest
import tensorflow as tf

import damage
import models
import predict
from common import cli
from common.errors import UserError
from data import datasets, png
from data.augment import resize_image
from data.label_sets import CITYSCAPES
from inference import image_files, runtimes, uncertainty
from models.weights import native
from processes import assert_one_line_error, run_script
from tiny import tiny_dataset, write_pair
from trained import copy_with_origin

SIZE = (64, 128)
KERNEL = "stem_conv/kernel"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Weights of a network with batch statistics of real images, so that it sees several classes."""
    path = tmp_path_factory.mktemp("trained") / "model.weights.h5"
    model = models.build("toy", (*SIZE, 3), CITYSCAPES.classes)
    for layer in model.layers:
        if layer.name.endswith("_bn"):
            layer.momentum = 0.0
    model(np.stack([noise(*SIZE, seed) for seed in range(4)]), training=True)
    native.write(path, model, native.Origin("toy", CITYSCAPES.classes, SIZE))
    return path


@pytest.fixture(scope="module")
def runtime(trained):
    return runtimes.load(trained)


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    """Two images of the model's size and one of another, with coarse labels for a train_extra image."""
    root = tiny_dataset(tmp_path_factory.mktemp("town"), train=1, val=2, size=SIZE)
    write_pair(root, "val", "ulm_000003_000019", noise(90, 150), np.zeros((90, 150), np.uint8))
    void = np.zeros(SIZE, np.uint8)
    write_pair(root, "train_extra", "bonn_000000_000019", noise(*SIZE), void, kind="gtCoarse")
    return root


def noise(height, width, seed=0):
    """A smooth image, uint8 [H, W, 3]."""
    small = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), np.uint8)
    return cv2.resize(small, (width, height))


def write_image(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return path


@pytest.fixture
def folder(tmp_path):
    """Images of several sizes and formats in a folder and below it."""
    root = tmp_path / "pictures"
    for number, name in enumerate(("a.png", "b.jpg", "trip/one/c.JPEG", "trip/d.webp")):
        write_image(root / name, noise(40 + 10 * number, 70, seed=number))
    (root / "trip" / "notes.txt").write_text("no image")
    (root / "trip" / "._d.jpg").write_bytes(b"\0\5\26\7")  # macOS leaves these
    return root


def predict_all(runtime, paths, results, split="val", coarse=False):
    """What predict.py does after loading; the label maps by their names below `labelIds`."""
    image_files.predict_all(runtime, image_files.find(paths, split, coarse), results)
    return names(results / "labelIds")


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def assert_agree(results, name, image):
    """The three images of `name` are of the image's size and show one class map, unblended; returns it."""
    label_ids = png.decode_labels(results / "labelIds" / f"{name}_labelIds.png")
    color = png.decode_image(results / "color" / f"{name}_color.png")
    overlay = png.decode_image(results / "overlay" / f"{name}_overlay.png")
    assert label_ids.shape == image.shape[:2]
    train_ids = np.full(label_ids.shape, 255, np.uint8)
    for train_id, label_id in enumerate(CITYSCAPES.train_to_file[: CITYSCAPES.classes]):
        train_ids[label_ids == label_id] = train_id
    assert (train_ids < CITYSCAPES.classes).all()  # only ids of the 19 classes
    np.testing.assert_array_equal(color, CITYSCAPES.palette[train_ids])
    half = (image.astype(float) + color) / 2
    assert np.abs(overlay - half).max() <= 0.5
    return train_ids


def expected_classes(runtime, image):
    """Resized to the network's size; its logits resized back by TensorFlow, which is not how it is done."""
    probabilities = runtime.probabilities(resize_image(image, runtime.size)[None])
    logits = np.log(np.maximum(probabilities, 1e-38))  # but for one number a pixel
    return tf.image.resize(logits, image.shape[:2])[0].numpy().argmax(-1)


class TestImages:
    def test_of_a_split_keep_city_name_and_size(self, runtime, town, tmp_path):
        found = predict_all(runtime, [town], tmp_path)
        stems = [f"tinytown/tinytown_00000{n}_000019" for n in (0, 1)] + ["ulm/ulm_000003_000019"]
        assert found == [f"{stem}_labelIds.png" for stem in stems]
        for stem, sample in zip(stems, datasets.opened(town).unlabelled("val"), strict=True):
            image = png.decode_image(sample.image)
            classes = assert_agree(tmp_path, stem, image)
            np.testing.assert_array_equal(classes, expected_classes(runtime, image))

    def test_of_a_folder_keep_the_folders_below_it(self, runtime, folder, tmp_path):
        found = predict_all(runtime, [folder], tmp_path / "results")
        stems = ["a", "b", "trip/d", "trip/one/c"]
        assert found == [f"{stem}_labelIds.png" for stem in stems]
        for stem in stems:
            (path,) = folder.glob(f"{stem}.*")
            image = image_files.decode(path)
            classes = assert_agree(tmp_path / "results", stem, image)
            np.testing.assert_array_equal(classes, expected_classes(runtime, image))

    def test_given_one_by_one_lie_side_by_side(self, runtime, folder, tmp_path):
        paths = [folder / "a.png", folder / "trip" / "one" / "c.JPEG"]
        assert predict_all(runtime, paths, tmp_path / "results") == ["a_labelIds.png", "c_labelIds.png"]
        assert_agree(tmp_path / "results", "c", image_files.decode(paths[1]))

    def test_with_coarse_labels_are_those_of_the_split(self, runtime, town, tmp_path):
        found = predict_all(runtime, [town], tmp_path, "train_extra", coarse=True)
        assert found == ["bonn/bonn_000000_000019_labelIds.png"]
        with pytest.raises(UserError, match="gtCoarse"):
            image_files.find([town], "train", coarse=True)

    def test_do_not_depend_on_what_else_is_predicted(self, runtime, folder, tmp_path):
        for results, paths in (("all", [folder]), ("one", [folder / "b.jpg"])):
            predict_all(runtime, paths, tmp_path / results)
        files = [tmp_path / results / "labelIds" / "b_labelIds.png" for results in ("all", "one")]
        assert files[0].read_bytes() == files[1].read_bytes()

    def test_show_more_than_a_few_classes(self, runtime, folder):
        """Otherwise the tests above would compare little."""
        for image in sorted(folder.glob("[ab].*")):
            assert len(np.unique(expected_classes(runtime, image_files.decode(image)))) >= 3

    def test_with_alpha_are_predicted_as_without(self, runtime, tmp_path, capsys):
        image = noise(40, 70)
        write_image(tmp_path / "in" / "a.png", image)
        alpha = np.zeros((40, 70, 1), np.uint8)
        cv2.imwrite(str(tmp_path / "in" / "b.png"), np.concatenate([image[..., ::-1], alpha], axis=2))
        assert len(predict_all(runtime, [tmp_path / "in"], tmp_path / "out")) == 2
        for kind in ("labelIds", "overlay"):
            first, second = (tmp_path / "out" / kind / f"{name}_{kind}.png" for name in "ab")
            assert first.read_bytes() == second.read_bytes()
        assert capsys.readouterr().err == f"converted to 8-bit RGB: {tmp_path}/in/b.png (8-bit RGBA)\n"

    def test_upright_by_exif(self, tmp_path):
        from PIL import Image

        exif = Image.Exif()
        exif[0x0112] = 6  # the camera was held upright: turn clockwise to view
        Image.fromarray(noise(32, 64)).save(tmp_path / "phone.jpg", exif=exif)
        assert image_files.decode(tmp_path / "phone.jpg").shape == (64, 32, 3)


class TestProcess:
    def test_predicts_a_split(self, trained, town, tmp_path, runtime):
        results = tmp_path / "deep" / "results"
        done = run_script("predict.py", "-w", trained, "-r", results, CITYSCAPES_DATASET=town)
        assert done.returncode == 0, done.stderr
        assert done.stderr.splitlines() == [f"wrote 3 label maps, colour images and overlays to {results}"]
        predict_all(runtime, [town], tmp_path / "here")
        assert names(results) == names(tmp_path / "here")
        for name in names(results):
            assert (results / name).read_bytes() == (tmp_path / "here" / name).read_bytes()

    def test_a_broken_image_among_good_ones_is_one_line(self, trained, folder, tmp_path):
        shutil.copy(folder / "a.png", folder / "trip" / "broken.png")
        damage.truncate(folder / "trip" / "broken.png")
        write_image(folder / "trip" / "z.bmp", noise(40, 70))
        damage.truncate(folder / "trip" / "z.bmp")
        results = tmp_path / "results"
        done = run_script("predict.py", "-w", trained, "-p", folder, "-r", results)
        assert_one_line_error(done, folder / "trip" / "broken.png", "truncated PNG", "copy or unpack")
        for name in names(results):
            png.decode_any(results / name)  # raises where it is not whole


class TestSamples:
    ARRAYS = ("entropy", "mutual_information")

    def test_write_uncertainties_of_each_images_size(self, trained, runtime, town, tmp_path):
        """As a user does it, and once more here: the same seed gives the same files."""
        results = tmp_path / "a"
        done = run_script("predict.py", "-w", trained, "-p", town, "-r", results, "--samples", 5, "--seed", 3)
        assert done.returncode == 0, done.stderr
        said = f"wrote 3 label maps, colour images, overlays and uncertainties to {results}"
        assert done.stderr.splitlines() == [said]
        predict_all(runtime.sampling(5, seed=3), [town], tmp_path / "b")
        stems = [path.removesuffix("_labelIds.png") for path in names(tmp_path / "a" / "labelIds")]
        kinds = ("entropy.png", "mutualInformation.png", "uncertainty.npz")
        assert names(tmp_path / "a" / "uncertainty") == [f"{stem}_{kind}" for stem in stems for kind in kinds]
        for name in names(tmp_path / "a"):
            if not name.endswith(".npz"):
                assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
        for stem, sample in zip(stems, datasets.opened(town).unlabelled("val"), strict=True):
            height, width = png.decode_image(sample.image).shape[:2]
            entropy, mutual = self.arrays(tmp_path / "a", stem)
            assert entropy.shape == mutual.shape == (height, width)
            assert (mutual >= 0).all() and (mutual <= entropy + 1e-3).all() and mutual.max() > 1e-3
            assert entropy.max() <= np.log(CITYSCAPES.classes) + 1e-2
            for kind in ("entropy", "mutualInformation"):
                image = png.decode_image(tmp_path / "a" / "uncertainty" / f"{stem}_{kind}.png")
                assert image.shape == (height, width, 3)

    def arrays(self, results, stem):
        with np.load(results / "uncertainty" / f"{stem}_uncertainty.npz") as file:
            assert sorted(file) == sorted(self.ARRAYS)
            return [file[name].astype("float32") for name in self.ARRAYS]

    def test_are_those_of_the_runtime(self, runtime, town, tmp_path):
        sampling = runtime.sampling(4, seed=1)
        predict_all(sampling, [town], tmp_path)
        sample = datasets.opened(town).unlabelled("val")[0]  # of the model's own size
        image = png.decode_image(sample.image)
        found = sampling.sample(image[None])
        stem = f"{sample.folder}/{sample.name}"
        np.testing.assert_array_equal(assert_agree(tmp_path, stem, image), found.labels[0])
        for array, expected in zip(self.arrays(tmp_path, stem), (found.entropy, found.mutual_information)):
            np.testing.assert_allclose(array, expected[0], rtol=1e-3, atol=1e-6)

    def test_images_are_brighter_where_less_is_certain(self):
        values = np.linspace(0, 3, 7)[None]  # nats
        image = uncertainty.image(values, highest=2.0)
        brightness = image.astype(int).sum(-1)[0]
        assert (np.diff(brightness[:5]) > 0).all() and brightness[4] == brightness[6] and brightness[0] < 10


def test_tiles_and_passes_from_the_command_line(trained, runtime, folder, tmp_path):
    options = ("-w", trained, "-p", folder / "trip" / "d.webp", "-t", "32,64", "--tile", "0.5", "--flip")
    done = run_script("predict.py", *options, "-r", tmp_path / "results")
    assert done.returncode == 0, done.stderr
    image = image_files.decode(folder / "trip" / "d.webp")
    seen = assert_agree(tmp_path / "results", "d", image)  # of the image's size
    tiling = runtimes.with_passes(runtimes.load(trained, size=(32, 64)), flip=True, overlap=0.5)
    np.testing.assert_array_equal(seen, tiling.predict(image[None])[0])
    assert (seen != expected_classes(runtime, image)).any()


class TestMistakes:
    """In this process: the messages; `TestProcess` sees to the one line."""

    @pytest.fixture
    def here(self, monkeypatch):
        monkeypatch.delenv(cli.DATASET_VARIABLE, raising=False)

        def run(*options):
            monkeypatch.setattr(sys, "argv", ["predict.py", *map(str, options)])
            return predict.main()

        return run

    @pytest.fixture
    def results(self, tmp_path):
        """Where the results would go; nothing is made there before something can be predicted."""
        yield tmp_path / "results"
        assert not (tmp_path / "results").exists()

    def test_no_images_given_names_both_ways_and_the_cure(self, trained, results):
        done = run_script("predict.py", "-w", trained, "-r", results)
        assert_one_line_error(done, "-p/--path", "CITYSCAPES_DATASET", "prepare_data.py synthesize")

    def test_a_missing_path(self, here, trained, results, tmp_path):
        with pytest.raises(UserError, match=f"no image or folder at {tmp_path}/missing; correct `paths`"):
            here("-w", trained, "-p", tmp_path / "missing", "-r", results)

    def test_an_empty_folder(self, here, trained, results, tmp_path):
        (tmp_path / "empty").mkdir()
        with pytest.raises(UserError, match=rf"no images \(.png, .*\) in {tmp_path}/empty; correct `paths`"):
            here("-w", trained, "-p", tmp_path / "empty", "-r", results)

    def test_a_split_that_is_not_there(self, here, trained, results, town):
        with pytest.raises(UserError, match=r"no split 'test' .*there: train, train_extra, val"):
            here("-w", trained, "-p", town, "-r", results, "--split", "test")

    def test_samples_of_a_model_without_dropout(self, here, trained, results, folder, tmp_path):
        path = copy_with_origin(trained, tmp_path / "dry.h5", options={"dropout": 0.0})
        with pytest.raises(UserError, match="toy has no dropout to sample; leave `dropout_passes` out"):
            here("-w", path, "-p", folder, "-r", results, "--samples", 3)

    def test_a_seed_without_samples(self, here, trained, results, folder):
        with pytest.raises(UserError, match="--seed belongs to --samples"):
            here("-w", trained, "-p", folder, "-r", results, "--seed", 3)

    def test_passes_that_do_not_go_together(self, here, trained, results, folder):
        with pytest.raises(UserError, match="--samples averages passes of its own; leave --tile"):
            here("-w", trained, "-p", folder, "-r", results, "--samples", 3, "--flip")
        with pytest.raises(UserError, match="`scales` 1 and 1.1 are both 64,128 to toy; leave one out"):
            here("-w", trained, "-p", folder, "-r", results, "--scales", "1,1.1")
        done = run_script("predict.py", "-w", trained, "-p", folder, "-r", results, "--scales", "0")
        assert_one_line_error(done, "--scales", "'0' is not a scale above 0")

    def test_no_samples(self, trained, results, folder):
        done = run_script("predict.py", "-w", trained, "-p", folder, "-r", results, "--samples", 0)
        assert_one_line_error(done, "--samples", "'0' is not a whole number of at least 1")

    def test_two_images_of_one_name(self, here, trained, results, folder):
        write_image(folder / "a.jpg", noise(40, 40))
        with pytest.raises(UserError, match=f"{folder}/a.jpg and {folder}/a.png would get the same name"):
            here("-w", trained, "-p", folder, "-r", results)

    def test_a_target_size_that_the_model_cannot_take(self, here, trained, results, folder):
        with pytest.raises(UserError, match="multiples of 32, not 70,128; nearest: 64,128 or 96,128"):
            here("-w", trained, "-p", folder, "-r", results, "-t", "70,128")

    @pytest.mark.parametrize("place", ["file", "file/results", "/proc/results"])
    def test_results_that_cannot_be_written(self, here, trained, folder, tmp_path, place):
        (tmp_path / "file").write_text("text")
        with pytest.raises(UserError, match=f"the results folder {tmp_path / place}: .*`folder`"):
            here("-w", trained, "-p", folder, "-r", tmp_path / place)
        assert (tmp_path / "file").read_text() == "text"
