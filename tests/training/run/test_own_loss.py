"""A network with a loss of its own, SegFix, from `train.py` to other networks' labels that it moves."""

import sys

import cv2
import numpy as np
import pytest

import evaluate
import models
import predict
import small_encoder
from common.errors import UserError
from deploy import convert
from inference.graph_interface import GraphInterface
from models.weights import native, run_files
from runs import log, only_run, train_here
from tiny import tiny_dataset

SIZE = (64, 64)


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    return tiny_dataset(tmp_path_factory.mktemp("town"), train=4, val=2, size=SIZE)


@pytest.fixture
def small(monkeypatch):
    small_encoder.register(monkeypatch)


@pytest.fixture
def run(town, small, tmp_path, capsys):
    given = ("-m", "segfix", "--encoder", "small", "-t", "64,64", "-b", 2, "-e", 3, "-p", town)
    assert train_here(*given, "--logs", tmp_path / "logs") == 0
    folder = only_run(tmp_path / "logs")
    assert (
        f"next: python evaluate.py -w RUN_OF_ANOTHER_MODEL -p {town} --refine {folder}"
        in capsys.readouterr().out
    )
    return folder


@pytest.fixture
def labeller(tmp_path):
    """Weights of a network that gives labels."""
    path = tmp_path / "toy.weights.h5"
    native.write(path, models.build("toy", (*SIZE, 3), 19), native.Origin("toy", 19, SIZE))
    return path


def called(script, *options):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [f"{script.__name__}.py", *map(str, options)])
        return script.main()


@pytest.mark.slow
def test_it_is_scored_by_borders_and_directions_and_moves_labels(run, labeller, town, tmp_path):
    rows = log(run)
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    assert 0 < float(rows[-1]["val_miou"]) < 1 and float(rows[-1]["val_loss"]) > 0
    assert "iou_inside" in rows[0] and "iou_up_left" in rows[0] and "iou_road" not in rows[0]
    shown = cv2.imread(str(run / "images" / "epoch_3.png"))
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) > 8
    assert native.read_origin(run_files.weights_file(run)).model == "segfix"

    given = ("-w", labeller, "-p", town)
    called(predict, *given, "-r", tmp_path / "plain")
    called(predict, *given, "-r", tmp_path / "moved", "--refine", run)
    called(evaluate, *given, "-r", tmp_path / "scored", "--refine", run)
    plain, moved, scored = (
        {
            path.name: cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
            for path in sorted(folder.rglob("*_labelIds.png"))
        }
        for folder in (tmp_path / "plain", tmp_path / "moved", tmp_path / "scored")
    )
    assert plain.keys() == moved.keys() == scored.keys() and len(plain) == 2
    for name, labels in moved.items():
        np.testing.assert_array_equal(labels, scored[name])
        assert set(np.unique(labels)) <= set(np.unique(plain[name]))
    assert any((moved[name] != plain[name]).any() for name in plain)

    refusal = "is of segfix, which refines the labels of another model"
    with pytest.raises(UserError, match=refusal):
        called(predict, "-w", run, "-p", town, "-r", tmp_path / "none")
    with pytest.raises(UserError, match=refusal):
        convert.convert(run, None, None, GraphInterface(), [])


@pytest.mark.parametrize(
    "option", [("--loss", "dice"), ("--class-weights", "median"), ("--label-smoothing", 0.1)]
)
def test_another_loss_is_refused(option, town, small, tmp_path):
    with pytest.raises(UserError, match="segfix has a loss of its own; leave `.*` out"):
        train_here("-m", "segfix", "--encoder", "small", "-p", town, "--logs", tmp_path, *option)
    assert not list(tmp_path.iterdir())


def test_labels_of_several_passes_with_dropout_are_not_moved(town, labeller):
    with pytest.raises(UserError, match="--samples tells how certain labels are, --refine moves them"):
        called(predict, "-w", labeller, "-p", town, "--samples", 2, "--refine", labeller)
