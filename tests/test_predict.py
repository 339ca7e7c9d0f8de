"""predict.py from weights to pictures, and its mistakes in one line each."""

import resource
import shutil
import sys

import cv2
import h5py
import numpy as np
import pytest

import damage
import models
import predict
from common import cli
from common.errors import UserError
from data import index, png
from data.augment import resize_image, resize_labels
from data.labels import CLASS_COUNT, PALETTE, TRAIN_TO_LABEL
from deploy import pictures, runtimes, uncertainty
from models import weights
from processes import assert_one_line_error, run_script
from tiny import tiny_dataset, write_pair

SIZE = (64, 128)
KERNEL = "downsample1_conv/kernel"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Weights of a network with batch statistics of real pictures, so that it sees several classes."""
    path = tmp_path_factory.mktemp("trained") / "model.weights.h5"
    model = models.build("fastscnn", (*SIZE, 3), CLASS_COUNT)
    for layer in model.layers:
        if layer.name.endswith("_bn"):
            layer.momentum = 0.0
    model(np.stack([noise(*SIZE, seed) for seed in range(4)]), training=True)
    weights.write(path, model, weights.Origin("fastscnn", CLASS_COUNT, SIZE))
    return path


@pytest.fixture(scope="module")
def runtime(trained):
    return runtimes.load(trained)


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    """Two pictures of the model's size and one of another, with coarse labels for a train_extra picture."""
    root = tiny_dataset(tmp_path_factory.mktemp("town"), train=1, val=2, size=SIZE)
    write_pair(root, "val", "ulm_000003_000019", noise(90, 150), np.zeros((90, 150), np.uint8))
    void = np.zeros(SIZE, np.uint8)
    write_pair(root, "train_extra", "bonn_000000_000019", noise(*SIZE), void, kind="gtCoarse")
    return root


def noise(height, width, seed=0):
    """A smooth picture, uint8 [H, W, 3]."""
    small = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), np.uint8)
    return cv2.resize(small, (width, height))


def write_picture(path, picture):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return path


@pytest.fixture
def folder(tmp_path):
    """Pictures of several sizes and formats in a folder and below it."""
    root = tmp_path / "pictures"
    for number, name in enumerate(("a.png", "b.jpg", "trip/one/c.JPEG", "trip/d.webp")):
        write_picture(root / name, noise(40 + 10 * number, 70, seed=number))
    (root / "trip" / "notes.txt").write_text("no picture")
    (root / "trip" / "._d.jpg").write_bytes(b"\0\5\26\7")  # macOS leaves these
    return root


def predict_all(runtime, paths, results, split="val", coarse=False):
    """What predict.py does after loading; the label maps by their names below `labelIds`."""
    pictures.predict_all(runtime, pictures.find(paths, split, coarse), results)
    return names(results / "labelIds")


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def assert_agree(results, name, image):
    """The three pictures of `name` are of the image's size and show one class map, unblended; returns it."""
    label_ids = png.decode_labels(results / "labelIds" / f"{name}_labelIds.png")
    color = png.decode_image(results / "color" / f"{name}_color.png")
    overlay = png.decode_image(results / "overlay" / f"{name}_overlay.png")
    assert label_ids.shape == image.shape[:2]
    train_ids = np.full(label_ids.shape, 255, np.uint8)
    for train_id, label_id in enumerate(TRAIN_TO_LABEL[:CLASS_COUNT]):
        train_ids[label_ids == label_id] = train_id
    assert (train_ids < CLASS_COUNT).all()  # only ids of the 19 classes
    np.testing.assert_array_equal(color, PALETTE[train_ids])
    half = (image.astype(float) + color) / 2
    assert np.abs(overlay - half).max() <= 0.5
    return train_ids


def expected_classes(runtime, image):
    """Resized to the network's size, classified, resized back by nearest neighbour."""
    label = runtime.predict(resize_image(image, runtime.size)[None])[0]
    return resize_labels(label, image.shape[:2])


class TestPictures:
    def test_of_a_split_keep_city_name_and_size(self, runtime, town, tmp_path):
        found = predict_all(runtime, [town], tmp_path)
        stems = [f"tinytown/tinytown_00000{n}_000019" for n in (0, 1)] + ["ulm/ulm_000003_000019"]
        assert found == [f"{stem}_labelIds.png" for stem in stems]
        for stem, sample in zip(stems, index.unlabelled(town, "val"), strict=True):
            image = png.decode_image(sample.image)
            classes = assert_agree(tmp_path, stem, image)
            np.testing.assert_array_equal(classes, expected_classes(runtime, image))

    def test_of_a_folder_keep_the_folders_below_it(self, runtime, folder, tmp_path):
        found = predict_all(runtime, [folder], tmp_path / "results")
        stems = ["a", "b", "trip/d", "trip/one/c"]
        assert found == [f"{stem}_labelIds.png" for stem in stems]
        for stem in stems:
            (path,) = folder.glob(f"{stem}.*")
            image = pictures.decode(path)
            classes = assert_agree(tmp_path / "results", stem, image)
            np.testing.assert_array_equal(classes, expected_classes(runtime, image))

    def test_given_one_by_one_lie_side_by_side(self, runtime, folder, tmp_path):
        paths = [folder / "a.png", folder / "trip" / "one" / "c.JPEG"]
        assert predict_all(runtime, paths, tmp_path / "results") == ["a_labelIds.png", "c_labelIds.png"]
        assert_agree(tmp_path / "results", "c", pictures.decode(paths[1]))

    def test_with_coarse_labels_are_those_of_the_split(self, runtime, town, tmp_path):
        found = predict_all(runtime, [town], tmp_path, "train_extra", coarse=True)
        assert found == ["bonn/bonn_000000_000019_labelIds.png"]
        with pytest.raises(UserError, match="gtCoarse"):
            pictures.find([town], "train", coarse=True)

    def test_do_not_depend_on_what_else_is_predicted(self, runtime, folder, tmp_path):
        for results, paths in (("all", [folder]), ("one", [folder / "b.jpg"])):
            predict_all(runtime, paths, tmp_path / results)
        files = [tmp_path / results / "labelIds" / "b_labelIds.png" for results in ("all", "one")]
        assert files[0].read_bytes() == files[1].read_bytes()

    def test_show_more_than_a_few_classes(self, runtime, folder):
        """Otherwise the tests above would compare little."""
        for image in sorted(folder.glob("[ab].*")):
            assert len(np.unique(expected_classes(runtime, pictures.decode(image)))) >= 3

    def test_upright_by_exif(self, tmp_path):
        from PIL import Image

        exif = Image.Exif()
        exif[0x0112] = 6  # the camera was held upright: turn clockwise to view
        Image.fromarray(noise(32, 64)).save(tmp_path / "phone.jpg", exif=exif)
        assert pictures.decode(tmp_path / "phone.jpg").shape == (64, 32, 3)


class TestProcess:
    def test_predicts_a_split(self, trained, town, tmp_path, runtime):
        results = tmp_path / "deep" / "results"
        done = run_script("predict.py", "-w", trained, "-r", results, CITYSCAPES_DATASET=town)
        assert done.returncode == 0, done.stderr
        assert done.stderr.splitlines() == [f"wrote 3 label maps, colour pictures and overlays to {results}"]
        predict_all(runtime, [town], tmp_path / "here")
        assert names(results) == names(tmp_path / "here")
        for name in names(results):
            assert (results / name).read_bytes() == (tmp_path / "here" / name).read_bytes()

    def test_a_broken_picture_among_good_ones_is_one_line(self, trained, folder, tmp_path):
        shutil.copy(folder / "a.png", folder / "trip" / "broken.png")
        damage.truncate(folder / "trip" / "broken.png")
        write_picture(folder / "trip" / "z.bmp", noise(40, 70))
        damage.truncate(folder / "trip" / "z.bmp")
        results = tmp_path / "results"
        done = run_script("predict.py", "-w", trained, "-p", folder, "-r", results)
        assert_one_line_error(done, folder / "trip" / "broken.png", "truncated PNG", "copy or unpack")
        for name in names(results):
            png.decode_any(results / name)  # raises where it is not whole


class TestSamples:
    ARRAYS = ("entropy", "mutual_information")

    def test_write_uncertainties_of_each_pictures_size(self, trained, runtime, town, tmp_path):
        """As a user does it, and once more here: the same seed gives the same files."""
        results = tmp_path / "a"
        done = run_script("predict.py", "-w", trained, "-p", town, "-r", results, "--samples", 5, "--seed", 3)
        assert done.returncode == 0, done.stderr
        said = f"wrote 3 label maps, colour pictures, overlays and uncertainties to {results}"
        assert done.stderr.splitlines() == [said]
        predict_all(runtime.sampling(5, seed=3), [town], tmp_path / "b")
        stems = [path.removesuffix("_labelIds.png") for path in names(tmp_path / "a" / "labelIds")]
        kinds = ("entropy.png", "mutualInformation.png", "uncertainty.npz")
        assert names(tmp_path / "a" / "uncertainty") == [f"{stem}_{kind}" for stem in stems for kind in kinds]
        for name in names(tmp_path / "a"):
            if not name.endswith(".npz"):
                assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
        for stem, sample in zip(stems, index.unlabelled(town, "val"), strict=True):
            height, width = png.decode_image(sample.image).shape[:2]
            entropy, mutual = self.arrays(tmp_path / "a", stem)
            assert entropy.shape == mutual.shape == (height, width)
            assert (mutual >= 0).all() and (mutual <= entropy + 1e-3).all() and mutual.max() > 1e-3
            assert entropy.max() <= np.log(CLASS_COUNT) + 1e-2
            for kind in ("entropy", "mutualInformation"):
                picture = png.decode_image(tmp_path / "a" / "uncertainty" / f"{stem}_{kind}.png")
                assert picture.shape == (height, width, 3)

    def arrays(self, results, stem):
        with np.load(results / "uncertainty" / f"{stem}_uncertainty.npz") as file:
            assert sorted(file) == sorted(self.ARRAYS)
            return [file[name].astype("float32") for name in self.ARRAYS]

    def test_are_those_of_the_runtime(self, runtime, town, tmp_path):
        sampling = runtime.sampling(4, seed=1)
        predict_all(sampling, [town], tmp_path)
        sample = index.unlabelled(town, "val")[0]  # of the model's own size
        image = png.decode_image(sample.image)
        found = sampling.sample(image[None])
        stem = f"{sample.city}/{sample.name}"
        np.testing.assert_array_equal(assert_agree(tmp_path, stem, image), found.labels[0])
        for array, expected in zip(self.arrays(tmp_path, stem), (found.entropy, found.mutual_information)):
            np.testing.assert_allclose(array, expected[0], rtol=1e-3, atol=1e-6)

    def test_pictures_are_brighter_where_less_is_certain(self):
        values = np.linspace(0, 3, 7)[None]  # nats
        picture = uncertainty.picture(values, highest=2.0)
        brightness = picture.astype(int).sum(-1)[0]
        assert (np.diff(brightness[:5]) > 0).all() and brightness[4] == brightness[6] and brightness[0] < 10


def test_tiles_and_passes_from_the_command_line(trained, runtime, folder, tmp_path):
    options = ("-w", trained, "-p", folder / "trip" / "d.webp", "-t", "32,64", "--tile", "0.5", "--flip")
    done = run_script("predict.py", *options, "-r", tmp_path / "results")
    assert done.returncode == 0, done.stderr
    image = pictures.decode(folder / "trip" / "d.webp")
    seen = assert_agree(tmp_path / "results", "d", image)  # of the picture's size
    tiling = runtimes.refined(runtimes.load(trained, size=(32, 64)), flip=True, overlap=0.5)
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

    def test_no_pictures_given_names_both_ways_and_the_cure(self, trained, results):
        done = run_script("predict.py", "-w", trained, "-r", results)
        assert_one_line_error(done, "-p/--path", "CITYSCAPES_DATASET", "prepare_data.py synthesize")

    def test_a_missing_path(self, here, trained, results, tmp_path):
        with pytest.raises(UserError, match=f"no picture or folder at {tmp_path}/missing; correct -p/--path"):
            here("-w", trained, "-p", tmp_path / "missing", "-r", results)

    def test_an_empty_folder(self, here, trained, results, tmp_path):
        (tmp_path / "empty").mkdir()
        with pytest.raises(UserError, match=rf"no pictures \(.png, .*\) in {tmp_path}/empty; give another"):
            here("-w", trained, "-p", tmp_path / "empty", "-r", results)

    def test_a_split_that_is_not_there(self, here, trained, results, town):
        with pytest.raises(UserError, match=r"no split 'test' .*there: train, train_extra, val"):
            here("-w", trained, "-p", town, "-r", results, "--split", "test")

    def test_samples_of_a_model_without_dropout(self, here, trained, results, folder, tmp_path):
        path = copy_with_origin(trained, tmp_path / "dry.h5", options={"dropout": 0.0})
        with pytest.raises(UserError, match="fastscnn has no dropout to sample; leave --samples out"):
            here("-w", path, "-p", folder, "-r", results, "--samples", 3)

    def test_a_seed_without_samples(self, here, trained, results, folder):
        with pytest.raises(UserError, match="--seed belongs to --samples"):
            here("-w", trained, "-p", folder, "-r", results, "--seed", 3)

    def test_passes_that_do_not_go_together(self, here, trained, results, folder):
        with pytest.raises(UserError, match="--samples averages passes of its own; leave --tile"):
            here("-w", trained, "-p", folder, "-r", results, "--samples", 3, "--flip")
        with pytest.raises(UserError, match="--scales 1 and 1.1 are both 64,128 to fastscnn; leave one out"):
            here("-w", trained, "-p", folder, "-r", results, "--scales", "1,1.1")
        done = run_script("predict.py", "-w", trained, "-p", folder, "-r", results, "--scales", "0")
        assert_one_line_error(done, "--scales", "'0' is not a scale above 0")

    def test_no_samples(self, trained, results, folder):
        done = run_script("predict.py", "-w", trained, "-p", folder, "-r", results, "--samples", 0)
        assert_one_line_error(done, "--samples", "'0' is not a whole number of at least 1")

    def test_two_pictures_of_one_name(self, here, trained, results, folder):
        write_picture(folder / "a.jpg", noise(40, 40))
        with pytest.raises(UserError, match=f"{folder}/a.jpg and {folder}/a.png would get the same name"):
            here("-w", trained, "-p", folder, "-r", results)

    def test_a_target_size_that_the_model_cannot_take(self, here, trained, results, folder):
        with pytest.raises(UserError, match="multiples of 32, not 70,128; nearest: 64,128 or 96,128"):
            here("-w", trained, "-p", folder, "-r", results, "-t", "70,128")

    @pytest.mark.parametrize("place", ["file", "file/results", "/proc/results"])
    def test_results_that_cannot_be_written(self, here, trained, folder, tmp_path, place):
        (tmp_path / "file").write_text("text")
        with pytest.raises(UserError, match=f"the results folder {tmp_path / place}: .*--results-path"):
            here("-w", trained, "-p", folder, "-r", tmp_path / place)
        assert (tmp_path / "file").read_text() == "text"


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
    path = write_picture(tmp_path / f"a.{suffix}", noise(40, 70))
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


class TestWeights:
    def test_of_another_class_count(self, tmp_path):
        path = tmp_path / "seven.h5"
        seven = models.build("fastscnn", (*SIZE, 3), 7)
        weights.write(path, seven, weights.Origin("fastscnn", 7, SIZE))
        with pytest.raises(UserError, match=f"{path} was trained for 7 classes; this data set has 19"):
            runtimes.load(path)
        weights.write(path, seven, weights.Origin("fastscnn", CLASS_COUNT, SIZE))  # a lie
        with pytest.raises(UserError, match=r"classifier_scores/kernel.*another number of classes"):
            runtimes.load(path)

    def test_of_another_model(self, trained, tmp_path):
        path = copy_with_origin(trained, tmp_path / "other.h5", model="othernet")
        with pytest.raises(UserError, match=f"{path} holds weights of othernet, not of fastscnn; give -m"):
            runtimes.load(path, "fastscnn")
        with pytest.raises(UserError, match=r"unknown model 'othernet'; there are: .*fastscnn"):
            runtimes.load(path)

    def test_of_a_model_that_lies_about_its_name(self, trained, tmp_path):
        path = copy_with(trained, tmp_path / "lie.h5", lambda file: file.move(KERNEL, "stem/kernel"))
        with pytest.raises(UserError, match=f"{path} has no '{KERNEL}'.*: weights of another model"):
            runtimes.load(path)

    @pytest.mark.parametrize(
        "changed",
        [
            {"classes": "19"},
            {"format": 99},
            {"model": []},
            {"options": {"nonsense": 1}},
            {"options": {"dropout": "much"}},
            {"size": 5},
            {"size": [-64, 128]},
            {"size": ["a", "b"]},
            {"surplus": 1},
        ],
        ids=str,
    )
    def test_that_describe_themselves_in_another_way(self, trained, tmp_path, changed):
        path = copy_with_origin(trained, tmp_path / "strange.h5", **changed)
        with pytest.raises(UserError, match=f"{path} was written by another version"):
            runtimes.load(path)

    def test_that_ask_for_another_file_of_the_machine(self, trained, tmp_path, monkeypatch):
        """The encoder is in the weights file as well; `encoder_weights` of a stranger's opens nothing."""
        asked = {}
        build = models.build
        monkeypatch.setattr(models, "build", lambda *given, **options: asked.update(options) or build(*given))
        runtimes.load(
            copy_with_origin(trained, tmp_path / "a.h5", options={"encoder_weights": "/etc/passwd"})
        )
        assert asked == {}

    def test_that_are_missing(self, tmp_path):
        with pytest.raises(UserError, match=f"no weights at {tmp_path}/missing; give a run folder"):
            runtimes.load(tmp_path / "missing")
        with pytest.raises(UserError, match=f"no weights at {tmp_path}; give a run folder"):
            runtimes.load(tmp_path)

    @pytest.mark.parametrize("harm", [damage.text, damage.truncate, damage.empty])
    def test_that_are_no_whole_file(self, trained, tmp_path, harm):
        path = shutil.copy(trained, tmp_path / "broken.h5")
        harm(path)
        with pytest.raises(UserError, match=f"{path} is not readable as HDF5 weights .*; copy it again"):
            runtimes.load(path)

    def test_of_another_program(self, tmp_path):
        with h5py.File(tmp_path / "keras.h5", "w") as file:
            file["layers/conv/vars/0"] = np.ones(3)
        with pytest.raises(UserError, match=r"keras\.h5 is not a weights file of this project"):
            runtimes.load(tmp_path / "keras.h5")

    def test_that_read_another_file_of_the_machine(self, trained, tmp_path):
        (tmp_path / "secret").write_bytes(bytes(3 * 3 * 3 * 32 * 4))
        path = copy_with(trained, tmp_path / "external.h5", external_data)
        with pytest.raises(UserError, match=f"{path}: '{KERNEL}' points into another file"):
            runtimes.load(path)

    def test_that_map_another_weights_file(self, trained, tmp_path):
        path = copy_with(trained, tmp_path / "virtual.h5", virtual_data)
        with pytest.raises(UserError, match=f"{path}: '{KERNEL}' points into another file"):
            runtimes.load(path)

    def test_that_link_to_another_weights_file(self, trained, tmp_path):
        path = copy_with(trained, tmp_path / "linked.h5", external_link)
        with pytest.raises(UserError, match=f"{path} has no '{KERNEL}'"):
            runtimes.load(path)

    def test_that_claim_a_terabyte(self, trained, tmp_path):
        def claim(file):
            del file[KERNEL]
            file.create_dataset(KERNEL, (2**38,), "float32")

        path = copy_with(trained, tmp_path / "huge.h5", claim)
        with pytest.raises(UserError, match=f"{path}: '{KERNEL}' claims 1024 GiB"):
            runtimes.load(path)

    def test_that_are_no_numbers(self, trained, tmp_path):
        def texts(file):
            shape = file[KERNEL].shape
            del file[KERNEL]
            file[KERNEL] = np.full(shape, b"text")

        path = copy_with(trained, tmp_path / "texts.h5", texts)
        with pytest.raises(UserError, match=f"{path}: '{KERNEL}' holds no numbers"):
            runtimes.load(path)


def copy_with(source, path, change):
    """A copy of a weights file, changed by `change(h5py.File)`."""
    shutil.copy(source, path)
    with h5py.File(path, "a") as file:
        change(file)
    return path


def copy_with_origin(source, path, **changed):
    """A copy of a weights file that says something else about itself."""
    arrays, origin = weights.read_arrays(source)
    weights.write_arrays(path, arrays, origin | changed)
    return path


def external_data(file):
    shape, place = file[KERNEL].shape, file.filename.replace("external.h5", "secret")
    del file[KERNEL]
    file.create_dataset(KERNEL, shape, "float32", external=[(place, 0, h5py.h5f.UNLIMITED)])


def virtual_data(file):
    layout = h5py.VirtualLayout(file[KERNEL].shape, "float32")
    layout[:] = h5py.VirtualSource("trained.h5", KERNEL, file[KERNEL].shape)
    del file[KERNEL]
    file.create_virtual_dataset(KERNEL, layout)


def external_link(file):
    del file[KERNEL]
    file[KERNEL] = h5py.ExternalLink("trained.h5", KERNEL)
