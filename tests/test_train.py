"""Mistakes of a user of train.py: one line that names thing and cure, status 2, nothing half-written."""

import csv
import json
import shutil

import numpy as np
import pytest

import damage
import models
from common.errors import UserError
from data import cache, datasets, pipeline, png
from models.weights import native, run_files
from processes import assert_one_line_error, run_script
from runs import train_here
from tiny import tiny_dataset
from training.steps import step

TINY = ("-m", "toy", "-t", "64,128", "-e", "1", "-b", "2")


@pytest.fixture
def town(tmp_path):
    return tiny_dataset(tmp_path / "town", train=4, val=2, size=(64, 128), instances=False)


@pytest.fixture
def logs(tmp_path):
    return tmp_path / "logs"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of one epoch and its data set, for all tests; to be copied before anything is changed."""
    folder = tmp_path_factory.mktemp("finished")
    town = tiny_dataset(folder / "town", train=4, val=2, size=(64, 128), instances=False)
    assert train_here(*TINY, "-p", town, "--logs", folder / "logs") == 0
    (run,) = (folder / "logs" / "toy").iterdir()
    return town, run


def contents(folder):
    """Every file of a folder and what is in it, TensorBoard's events aside."""
    files = (path for path in folder.rglob("*") if path.is_file() and "tensorboard" not in path.parts)
    return {path: path.read_bytes() for path in files}


def assert_nothing_half_written(run):
    """A run that ended in its first epoch: no log, no checkpoint, no image, and no temporary file."""
    names = {path.name for path in contents(run)}
    assert names == {"config.json", "environment.json"}


class TestOptions:
    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (["-m", "nosuchnet"], ["nosuchnet", "fastscnn"]),
            (["-t", "abc"], ["'abc' is not a size", "512,1024"]),
            (["-t", "64,128,4"], ["64,128,4", "3 channels"]),
            (["-t", "0,128"], ["0,128", "at least 1"]),
            (["-b", "0"], ["--batch", "'0' is not a whole number of at least 1"]),
            (["-b", "x"], ["--batch", "'x'"]),
            (["-e", "-1"], ["--epochs", "'-1'"]),
            (["-l", "0"], ["--learning-rate", "above 0"]),
            (["-l", "nan"], ["--learning-rate", "'nan'"]),
            (["--momentum", "1"], ["--momentum", "from 0 to below 1"]),
            (["--schedule", "polynomial"], ["--max-lr, --min-lr, --power", "--max-lr 0.045 --min-lr 0"]),
            (["--schedule", "polynomial", "--max-lr", "0.1", "--min-lr", "0"], ["needs --power"]),
            (
                ["--schedule", "polynomial", "--max-lr", "0.1", "--min-lr", "0.2", "--power", "1"],
                ["--min-lr 0.2 is above --max-lr 0.1", "swap"],
            ),
            (
                ["--schedule", "polynomial", "--max-lr", "1", "--min-lr", "0", "--power", "1", "-l", "0.1"],
                ["leave -l/--learning-rate out"],
            ),
            (["--power", "0.9"], ["--power can only be used with --schedule polynomial"]),
            (["--schedule", "cyclic", "--cycle", "-1"], ["--cycle", "'-1' is not a number above 0"]),
            (["--schedule", "onecycle"], ["needs --max-lr", "for example --max-lr 0.045"]),
            (["--warmup-epochs", "1"], ["--warmup-epochs 1 leaves nothing of -e/--epochs 1"]),
            (["--lr-scaling", "cubic"], ["--lr-scaling", "linear", "sqrt", "none"]),
            (["--optimizer", "lion"], ["--optimizer", "adamw", "sgd_nesterov"]),
            (["--optimizer", "adam", "--momentum", "0.9"], ["adam takes no --momentum", "leave it out"]),
            (["--ema", "1"], ["--ema", "from 0 to below 1"]),
            (["--loss", "ce+nosuch"], ["unknown loss 'nosuch'", "lovasz"]),
            (["--loss", "ce+ce"], ["ce+ce names a term twice"]),
            (["--loss", "dice", "--label-smoothing", "0.1"], ["--label-smoothing is for ce, focal, ohem"]),
            (["--class-weights", "nosuch"], ["none, median, enet or a JSON file", "nosuch"]),
            (["-f", "lion"], ["--lrfinder", "adadelta", "sgd_nesterov"]),
            (["-f", "adam", "--schedule", "cosine"], ["does not go with", "--schedule", "--epochs"]),
            (["-f", "sgd", "--resume"], ["-f/--lrfinder does not go with --resume, --epochs"]),
            (["--config", "nosuch.json"], ["cannot read nosuch.json"]),
            (["--config", "nosuch.json", "--resume"], ["leave --config out"]),
            (["--save-every", "0"], ["--save-every", "above 0"]),
            (["--no-such-option"], ["--no-such-option"]),
        ],
        ids=lambda value: " ".join(value) if value[0].startswith("-") else "",
    )
    def test_bad_values_and_contradictions(self, town, logs, options, said):
        assert_one_line_error(run_script("train.py", *TINY, "-p", town, "--logs", logs, *options), *said)
        assert not logs.exists()

    def test_without_a_model_says_which_there_are(self, town, logs):
        assert_one_line_error(run_script("train.py", "-p", town, "--logs", logs), "-m/--model", "fastscnn, ")
        assert_one_line_error(run_script("train.py", "--resume", "--logs", logs), "which model? give -m")
        assert not logs.exists()

    def test_no_data_set_names_both_ways_and_the_cure(self, logs):
        done = run_script("train.py", *TINY, "--logs", logs)
        assert_one_line_error(done, "-p/--path", "CITYSCAPES_DATASET", "prepare_data.py synthesize")
        assert not logs.exists()

    def test_a_data_set_that_does_not_exist(self, tmp_path, logs):
        done = run_script("train.py", *TINY, "--logs", logs, CITYSCAPES_DATASET=tmp_path / "missing")
        assert_one_line_error(done, tmp_path / "missing", "CITYSCAPES_DATASET", "prepare_data.py synthesize")
        assert not logs.exists()

    def test_a_size_the_model_cannot_take_names_the_nearest(self, town, logs):
        with pytest.raises(UserError, match=r"multiples of 32, not 70,128; nearest: 64,128 or 96,128"):
            train_here(*TINY, "-m", "fastscnn", "-p", town, "--logs", logs, "-t", "70,128")
        assert not logs.exists()


def without_split(root, sample):
    shutil.rmtree(root / "leftImg8bit" / "val")
    return root / "leftImg8bit" / "val", "no split 'val'", "there: train"


def with_empty_split(root, sample):
    folder = root / "leftImg8bit" / "val"
    shutil.rmtree(folder)
    folder.mkdir()
    return folder, "is empty", "unpack it again"


def without_label(root, sample):
    sample.label.unlink()
    return sample.image, sample.label, "is missing", "prepare_data.py verify"


def with_label_of_another_size(root, sample):
    png.write(sample.label, np.full((32, 128), 7, np.uint8))
    return sample.label, "32x128", sample.image.name, "64x128", "restore both"


def with_grey_image(root, sample):
    png.write(sample.image, np.full((64, 128), 7, np.uint8))
    return sample.image, "8-bit grey", "need 8-bit RGB", "convert"


def with_16_bit_image(root, sample):
    png.write(sample.image, np.full((64, 128, 3), 700, np.uint16))
    return sample.image, "16-bit RGB", "need 8-bit RGB", "convert"


def with_colour_label(root, sample):
    png.write(sample.label, np.full((64, 128, 3), 7, np.uint8))
    return sample.label, "8-bit RGB", "labelIds"


def with_text_for_a_image(root, sample):
    damage.text(sample.image)
    return sample.image, "not a PNG"


@pytest.mark.parametrize(
    "spoil",
    [
        without_split,
        with_empty_split,
        without_label,
        with_label_of_another_size,
        with_grey_image,
        with_16_bit_image,
        with_colour_label,
        with_text_for_a_image,
    ],
)
def test_a_data_set_that_cannot_be_trained_on_is_refused_before_anything_is_made(town, logs, spoil):
    said = spoil(town, datasets.opened(town).training()[2])
    assert_one_line_error(run_script("train.py", *TINY, "-p", town, "--logs", logs), *said)
    assert not logs.exists()


def with_truncated_image(root):
    image = datasets.opened(root).training()[2].image
    damage.truncate(image)
    return image, "truncated PNG", "unpack it again"


def with_label_200(root):
    label = datasets.opened(root).validation()[1].label
    png.write(label, np.full((64, 128), 200, np.uint8))
    return label, "label value 200 in 8192 pixels", "0..33", "restore"


@pytest.mark.parametrize("spoil", [with_truncated_image, with_label_200])
def test_damage_that_only_decoding_shows_ends_the_run_with_its_name(town, logs, spoil):
    said = spoil(town)
    assert_one_line_error(run_script("train.py", *TINY, "-p", town, "--logs", logs), *said)
    (run,) = (logs / "toy").iterdir()
    assert_nothing_half_written(run)


@pytest.mark.slow
@pytest.mark.parametrize("spoil", [with_truncated_image, with_label_200])
def test_damage_in_a_later_epoch_leaves_log_and_checkpoints_alone(finished, tmp_path, spoil):
    town, run = (shutil.copytree(part, tmp_path / part.name, symlinks=True) for part in finished)
    said = spoil(town)
    before = contents(run)
    with pytest.raises(UserError, match=str(said[0])):
        train_here("-m", "toy", "--resume", run, "-p", town, "-e", 2)
    changed = dict(contents(run).items() ^ before.items())
    assert {path.name for path in changed} <= {"config.json", "environment.json", "restarts.log"}


class TestRunFolder:
    def test_below_a_file_is_one_line(self, town, tmp_path):
        (tmp_path / "file").write_text("text")
        done = run_script("train.py", *TINY, "-p", town, "--logs", tmp_path / "file" / "logs")
        assert_one_line_error(done, tmp_path / "file" / "logs" / "toy", "Not a directory", "--logs")

    @pytest.mark.parametrize("place", ["file", "file/logs", "/proc/logs"])
    def test_that_cannot_be_made_is_named(self, town, tmp_path, place):
        (tmp_path / "file").write_text("text")
        logs = tmp_path / place  # of an absolute place, that place
        with pytest.raises(UserError, match=f"cannot make the run folder {logs}/toy/.*; see `logs`"):
            train_here(*TINY, "-p", town, "--logs", logs)
        assert (tmp_path / "file").read_text() == "text"

    def test_a_cache_folder_that_cannot_be_made_comes_before_it(self, town, logs):
        below = datasets.opened(town).training()[0].image / "cache"
        with pytest.raises(UserError, match=f"{below}: Not a directory; see `cache`"):
            train_here(*TINY, "-p", town, "--logs", logs, "--cache", below)
        assert not logs.exists()


@pytest.fixture(scope="module")
def weights_folder(tmp_path_factory):
    """Weights of 7 classes, of another architecture, a text, and half a file."""
    folder = tmp_path_factory.mktemp("weights")
    seven = models.build("toy", (64, 128, 3), 7)
    native.write(folder / "seven.h5", seven, native.Origin("toy", 7, (64, 128)))
    native.write_arrays(folder / "other.h5", {"stem/kernel": np.ones((3, 3))}, {"model": "othernet"})
    (folder / "text.h5").write_text("These are no weights.\n" * 100)
    shutil.copy(folder / "seven.h5", folder / "half.h5")
    damage.truncate(folder / "half.h5")
    return folder


class TestInitialWeights:
    def test_of_another_class_count_are_one_line(self, town, logs, weights_folder):
        path = weights_folder / "seven.h5"
        done = run_script("train.py", *TINY, "-p", town, "--logs", logs, "--init-weights", path)
        assert_one_line_error(done, path, "scores/kernel", "16, 7)", "another number of classes")
        assert not logs.exists()

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("other.h5", "has no 'stem_conv/kernel' .*: weights of another model"),
            ("text.h5", "is not readable as HDF5 weights .*; copy it again"),
            ("half.h5", "is not readable as HDF5 weights .*truncated.*; copy it again"),
            ("missing.h5", "give a run folder, a checkpoint or a .weights.h5 file"),
        ],
    )
    def test_that_do_not_fit_are_named(self, town, logs, weights_folder, name, said):
        with pytest.raises(UserError, match=f"{weights_folder / name}.*{said}"):
            train_here(*TINY, "-p", town, "--logs", logs, "--init-weights", weights_folder / name)
        assert not logs.exists()


class TestResume:
    def test_without_a_run_says_to_start_one(self, town, logs):
        done = run_script("train.py", "-m", "toy", "-p", town, "--logs", logs, "--resume")
        assert_one_line_error(done, "no run of toy", logs / "toy", "without -r/--resume")
        assert not logs.exists()

    @pytest.mark.parametrize("name", ["town", "missing"])
    def test_of_what_is_no_run_names_it(self, town, tmp_path, logs, name):
        done = run_script("train.py", "-m", "toy", "--resume", tmp_path / name, "--logs", logs)
        assert_one_line_error(done, tmp_path / name, "no run folder", "logs/<model>/<timestamp>")
        assert not logs.exists()

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (["-b", "3"], "-b/--batch 3 differs from the resumed run's 2"),
            (["-t", "64,64"], r"-t/--target-size (64, 64) differs from the resumed run's (64, 128)"),
            (["-l", "0.1"], "rates"),
        ],
    )
    def test_with_another_setting_is_refused(self, finished, options, said):
        _, run = finished
        before = contents(run)
        done = run_script("train.py", "-m", "toy", "--resume", run, *options)
        assert_one_line_error(done, said, "leave it out", "--init-weights")
        assert contents(run) == before

    def test_of_a_run_without_checkpoints_is_one_line(self, finished, tmp_path):
        nothing_saved = shutil.ignore_patterns("epoch-*", "last", "best")
        run = shutil.copytree(finished[1], tmp_path / "run", ignore=nothing_saved)
        done = run_script("train.py", "-m", "toy", "--resume", run)
        assert_one_line_error(done, run / "checkpoints", "without -r/--resume")

    def test_whose_data_set_has_moved_is_one_line(self, finished, tmp_path):
        done = run_script("train.py", "-m", "toy", "--resume", finished[1], "-p", tmp_path / "moved")
        assert_one_line_error(done, tmp_path / "moved")


def test_a_finished_run_has_a_row_and_a_checkpoint_for_its_epoch(finished):
    _, run = finished
    with open(run / "csv" / "log.csv", newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1"]
    assert [path.name for path in (run / "checkpoints").glob("epoch-*")] == ["epoch-0001"]
    assert not [path for path in run.rglob("*") if "partial" in path.name]


FINDER = ("-m", "toy", "-t", "64,128", "-b", "2")


class TestFinder:
    @pytest.mark.slow
    def test_suggests_and_writes_but_makes_no_run(self, town, logs):
        options = ("-p", town, "--logs", logs, "-f", "sgd", "--momentum", "0.8", "--loss", "ce+dice")
        done = run_script("train.py", *FINDER, *options)
        assert done.returncode == 0, done.stderr
        folder = logs / "toy" / "lrfinder_results"
        assert [path.name for path in (logs / "toy").iterdir()] == [folder.name]
        assert sorted(path.name for path in folder.iterdir()) == [
            "toy-sgd-0.8.json",
            "toy-sgd-0.8.png",
        ]
        content = json.loads((folder / "toy-sgd-0.8.json").read_text())
        assert content["config"]["loss"] == "ce+dice"
        assert content["rates"][0] == pytest.approx(1e-6)
        assert len(content["rates"]) == len(content["losses"]) > 20
        for command in content["commands"]:  # they are printed, and train.py understands them
            assert command in done.stdout
            short = [*command.split()[2:], "--plot-schedule", logs / "drawn.png"]
            assert run_script("train.py", *short).returncode == 0
        assert (folder / "toy-sgd-0.8.png").read_bytes().startswith(b"\x89PNG")

    @pytest.mark.parametrize(
        ("bounds", "said"),
        [
            (("--min-lr", "1", "--max-lr", "0.1"), "not from 1 to 0.1"),
            (("--min-lr", "0"), "above 0, to --max-lr; not from 0 to 10"),
        ],
    )
    def test_bounds_that_are_none(self, town, logs, bounds, said):
        options = ("-p", town, "--logs", logs, "-f", "adam", *bounds)
        assert_one_line_error(run_script("train.py", *FINDER, *options), said)
        assert not logs.exists()

    @pytest.mark.slow
    def test_without_a_fall_there_is_no_suggestion(self, town, logs, capsys):
        bounds = ("--min-lr", "1e-9", "--max-lr", "1e-8")
        assert train_here(*FINDER, "-p", town, "--logs", logs, "-f", "sgd", *bounds) == 0
        assert "steps from 1e-09 to 1e-08" in capsys.readouterr().out


class TestPlot:
    def test_draws_and_stops(self, town, logs):
        rates = ("--schedule", "onecycle", "--max-lr", "0.1", "--plot-schedule")
        done = run_script("train.py", *TINY, "-p", town, "--logs", logs, *rates)
        assert (done.returncode, done.stdout) == (0, f"drew {logs}/toy/schedule.png\n"), done.stderr
        assert [path.name for path in logs.rglob("*.*")] == ["schedule.png"]

    def test_what_cannot_be_written_is_named(self, town, logs):
        done = run_script("train.py", *TINY, "-p", town, "--plot-schedule", town / "leftImg8bit")
        assert_one_line_error(done, f"cannot write {town}/leftImg8bit")


@pytest.mark.slow
def test_averaged_weights_are_what_was_scored_and_what_is_used(town, logs):
    assert train_here(*TINY, "-p", town, "--logs", logs, "--ema", "0.9") == 0
    (run,) = (logs / "toy").iterdir()
    averaged = run_files.weights_file(run)
    assert averaged == run / "checkpoints" / "best" / "ema.h5"
    own = native.read_arrays(averaged.with_name("weights.h5"))[0]
    mean = native.read_arrays(averaged)[0]
    assert own.keys() == mean.keys()
    assert any((own[name] != mean[name]).any() for name in own)
    model = models.build("toy", (64, 128, 3), 19)
    native.load(averaged, model)
    batches = pipeline.Batches(
        datasets.opened(town).validation(), (64, 128), 2, cache.open_cache("none", []), 1
    )
    validate = step.validation_step(model, 19, jit=False)
    losses = [validate(*batch) for batch in batches.evaluation()]
    total, labelled = sum(float(part[0]) for part in losses), sum(part[1].numpy().sum() for part in losses)
    with open(run / "csv" / "log.csv", newline="") as file:
        (row,) = csv.DictReader(file)
    assert float(row["val_loss"]) == pytest.approx(total / labelled, rel=1e-4)
