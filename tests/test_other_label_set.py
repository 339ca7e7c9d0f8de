"""The whole way with a data set that is not Cityscapes: other classes, other label values, JPEG images."""

import json
import shutil
import sys

import numpy as np
import pytest

import evaluate
import predict
import three
from common.errors import UserError
from data import datasets, label_sets, png, stats
from data.verify import check
from deploy import convert
from inference import onnx_file, runtimes
from inference.graph_interface import GraphInterface
from models.weights import native, run_files
from runs import train_here
from three import THREE
from tiny import tiny_dataset
from training import config
from training.run import logs, run_folder

TOY = ("-m", "toy", "-t", "64,128", "-b", "2", "-e", "1")


@pytest.fixture(autouse=True)
def known(monkeypatch):
    three.register(monkeypatch)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A data set and a run of one epoch on it."""
    folder = tmp_path_factory.mktemp("three")
    root = three.write(folder / "set")
    with pytest.MonkeyPatch.context() as patch:
        three.register(patch)
        given = ("-p", root, "--logs", folder / "logs", "--class-weights", "median")
        assert train_here(*TOY, *given) == 0
    return root, run_folder.newest(folder / "logs", "toy")


def call(monkeypatch, script, *options):
    monkeypatch.setattr(sys, "argv", [script.__name__, *map(str, options)])
    return script.main()


def test_the_data_set_is_recognised_and_whole(made):
    root, _ = made
    found = datasets.opened(root)
    assert isinstance(found, three.ThreeClasses) and list(check(found.plan())) == []
    counts = stats.count(found.training())
    label = np.stack([png.decode_any(sample.label) for sample in found.training()])
    expected = [(label == 1).sum(), ((label == 2) | (label == 3)).sum(), (label == 9).sum()]
    assert counts.pixels.tolist() == expected and counts.ignored == label.size - sum(expected)


def test_the_run_and_its_weights_tell_their_label_set(made):
    _, run = made
    settings = config.read(run / run_files.CONFIG)
    assert settings.label_set == THREE and len(settings.weight_of_class) == 3
    origin = native.read_origin(run_files.weights_file(run))
    assert origin.label_set == THREE and origin.classes == 3
    (row,) = logs.read(run)
    assert [name for name in row if name.startswith("iou_")] == ["iou_road", "iou_tree", "iou_car"]
    shown = png.decode_image(run / "images" / "epoch_1.png")[:, 128:].reshape(-1, 3)
    colors = {tuple(color) for color in np.unique(shown, axis=0).tolist()}
    assert colors <= {(0, 0, 0), *THREE.colors} and len(colors) > 2


def test_it_resumes(made, tmp_path):
    run = shutil.copytree(made[1], tmp_path / "toy" / "run", symlinks=True)
    assert train_here("-m", "toy", "-e", "2", "--resume", run) == 0
    assert len((run / run_folder.LOG).read_text().splitlines()) == 3


def test_predictions_hold_its_values_and_colours(made, tmp_path, monkeypatch):
    root, run = made
    call(monkeypatch, predict, "-w", run, "-p", root, "-r", tmp_path)
    label = png.decode_labels(tmp_path / "labelIds" / "a0_labelIds.png")
    assert set(np.unique(label)) <= set(THREE.file_values)
    colors = png.decode_image(tmp_path / "color" / "a0_color.png")
    np.testing.assert_array_equal(colors, THREE.colorize(THREE.file_to_train[label]))


def test_scores_are_those_of_its_classes_and_categories(made, tmp_path, monkeypatch, capsys):
    root, run = made
    assert call(monkeypatch, evaluate, "-w", run, "-p", root, "-r", tmp_path) == 0
    assert "nIoU needs" not in capsys.readouterr().out
    scores = json.loads((tmp_path / "scores.json").read_text())
    hits, missed, wrong = np.zeros((3, 3))
    for sample in datasets.opened(root).validation():
        truth = THREE.file_to_train[png.decode_any(sample.label)]
        found = THREE.file_to_train[png.decode_any(tmp_path / "labelIds" / f"{sample.name}_labelIds.png")]
        for number in range(3):
            hits[number] += ((truth == number) & (found == number)).sum()
            missed[number] += ((truth == number) & (found != number)).sum()
            wrong[number] += ((truth != number) & (truth != 255) & (found == number)).sum()
    iou = hits / (hits + missed + wrong)
    assert [scores["classScores"][name] for name in THREE.names] == pytest.approx(iou.tolist())
    assert scores["averageScoreClasses"] == pytest.approx(iou.mean())
    assert list(scores["categoryScores"]) == ["ground", "vehicle"]
    assert scores["categoryScores"]["vehicle"] == pytest.approx(iou[2])
    assert scores["averageScoreInstClasses"] is None
    options = ("--predictions", tmp_path, "-p", root, "-r", tmp_path / "again")
    assert call(monkeypatch, evaluate, *options) == 0
    assert json.loads((tmp_path / "again" / "scores.json").read_text())["confMatrix"] == scores["confMatrix"]
    with pytest.raises(UserError, match=r"the official script scores cityscapes .*, not three"):
        call(monkeypatch, evaluate, *options, "--official")


def test_a_graph_tells_it(made, tmp_path):
    root, run = made
    samples = datasets.opened(root).validation()
    graph = convert.convert(run, None, None, GraphInterface(argmax=True), samples)
    assert onnx_file.label_set(graph.model, "it") == THREE
    (tmp_path / "a.onnx").write_bytes(graph.model.SerializeToString())
    runtime = runtimes.load(tmp_path / "a.onnx")
    assert runtime.label_set == THREE == runtimes.load(run).label_set
    keras, onnx = convert.scores(graph, samples)
    assert keras == pytest.approx(onnx, abs=1e-3) and keras > 0


def test_on_cityscapes_it_is_one_line(made, tmp_path, monkeypatch):
    _, run = made
    town = tiny_dataset(tmp_path / "town", train=2, val=1, size=(64, 128), instances=False)
    words = r"three \(3 classes\), but .*town of cityscapes \(19 classes\); give weights of cityscapes"
    with pytest.raises(UserError, match=words):
        call(monkeypatch, evaluate, "-w", run, "-p", town, "-r", tmp_path / "scores")
    with pytest.raises(UserError, match=words.replace("town of", "town.*of")):
        convert.convert(run, None, None, GraphInterface(), datasets.opened(town).validation())
    for options in (("--init-weights", run), ("--resume", run)):
        with pytest.raises(UserError, match=words):
            train_here(*TOY, *options, "-p", town, "--logs", tmp_path / "logs")
    with pytest.raises(UserError, match=r"class weights for 3 classes, but .* is of cityscapes"):
        train_here("--config", run / "config.json", "-p", town, "--logs", tmp_path / "logs")


class TestOlderFiles:
    """What tells no label set is of Cityscapes."""

    @pytest.fixture
    def run(self, tmp_path):
        """A run on a town as it was before label sets."""
        town = tiny_dataset(tmp_path / "town", train=2, val=1, size=(64, 128), instances=False)
        assert train_here(*TOY, "-p", town, "--logs", tmp_path / "logs") == 0
        run = run_folder.newest(tmp_path / "logs", "toy")
        settings = json.loads((run / run_files.CONFIG).read_text())
        del settings["label_set"]
        (run / run_files.CONFIG).write_text(json.dumps(settings))
        return run

    @pytest.mark.slow
    def test_a_run_resumes(self, run):
        assert train_here("-m", "toy", "-e", "2", "--resume", run) == 0
        assert config.read(run / run_files.CONFIG).label_set == label_sets.CITYSCAPES

    @pytest.mark.slow
    def test_weights_and_graphs_load(self, run, tmp_path):
        arrays, origin = native.read_arrays(run_files.weights_file(run))
        del origin["label_set"]
        native.write_arrays(tmp_path / "old.weights.h5", arrays, origin)
        assert runtimes.load(tmp_path / "old.weights.h5").label_set == label_sets.CITYSCAPES
        graph = convert.convert(tmp_path / "old.weights.h5", None, None, GraphInterface()).model
        kept = [entry for entry in graph.metadata_props if entry.key != "label_set"]
        del graph.metadata_props[:]
        graph.metadata_props.extend(kept)
        (tmp_path / "old.onnx").write_bytes(graph.SerializeToString())
        runtime = runtimes.load(tmp_path / "old.onnx")
        assert runtime.label_set == label_sets.CITYSCAPES
        assert runtime.predict(np.zeros((1, 64, 128, 3), np.uint8)).shape == (1, 64, 128)

    @pytest.mark.slow
    def test_what_is_no_label_set_is_one_line(self, run, tmp_path):
        arrays, origin = native.read_arrays(run_files.weights_file(run))
        native.write_arrays(tmp_path / "odd.h5", arrays, origin | {"label_set": {"names": ["road"]}})
        with pytest.raises(UserError, match="odd.h5 was written by another version .*no label set"):
            runtimes.load(tmp_path / "odd.h5")
        settings = json.loads((run / run_files.CONFIG).read_text()) | {"label_set": 7}
        (run / run_files.CONFIG).write_text(json.dumps(settings))
        with pytest.raises(UserError, match="no run configuration of this version .*no label set"):
            config.read(run / run_files.CONFIG)
