"""Scaling, measured with real ranks, and its figures by hand."""

import importlib.util
import json
import sys

import pytest

import benchmark
import models
import toy
from benchmarks import children
from benchmarks.scaling import scaling_command
from common.errors import UserError
from data.label_sets import CITYSCAPES

SMALL = ("-t", "32,64", "-b", "2", "--rounds", "3", "--seconds", "0.1")


def options(*words):
    parser = scaling_command.cli.Parser()
    scaling_command.add_arguments(parser)
    return parser.parse_args([*SMALL, *words])


def measured(step, wait, compute, images):
    return {
        "step": step,
        "data_wait": wait,
        "compute": compute,
        "forward": 0.3 * compute,
        "gradients": 0.9 * compute,
        "images_of_a_step": images,
        "exchange": [],
        "device": "CPU",
    }


def test_figures_by_hand():
    """Speeds of one rank: 20, 10, 20 images a second; of two: 32, 10, 40."""
    rounds = [
        {1: measured(0.1, 0.0, 0.1, 2), 2: measured(0.125, 0.0125, 0.1, 4)},
        {1: measured(0.2, 0.0, 0.1, 2), 2: measured(0.4, 0.0125, 0.1, 4)},
        {1: measured(0.1, 0.0, 0.1, 2), 2: measured(0.1, 0.0125, 0.1, 4)},
    ]
    found = scaling_command.figures(rounds)
    assert found["efficiency_of_rounds"] == {"2": pytest.approx([0.8, 0.5, 1.0])}
    assert found["efficiency"] == {"2": pytest.approx(0.8)}
    two = found["ranks"]["2"]
    assert two["pictures_per_second"] == {"min": pytest.approx(10), "median": pytest.approx(32), "max": 40}
    assert two["pictures_per_second_per_device"] == pytest.approx(16)
    seconds = {name: part["seconds"] for name, part in two["split"].items()}
    parts = {"forward": 0.03, "backward": 0.06, "optimizer": 0.01, "all_reduce": 0.0125, "data_wait": 0.0125}
    assert seconds == pytest.approx(parts)
    assert two["split"]["data_wait"]["share"] == pytest.approx(0.1)
    assert two["noisy"]
    line = scaling_command.table(options(), "weak", found).splitlines()[3]
    assert line.split()[:3] == ["2", "32.00", "80.0%"] and line.endswith("noisy")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--ranks", "2"], "add 1 to --ranks"),
        (["--rounds", "2"], "--rounds 2 are too few for a spread"),
        (["--mode", "strong", "--ranks", "1", "3"], "3 ranks cannot share a batch of 2"),
        (["-p", "nowhere"], "nowhere"),
    ],
)
def test_options_that_do_not_fit_are_refused(words, message):
    with pytest.raises(UserError, match=message):
        scaling_command.require_fitting(options(*words))


def test_a_launcher_that_is_missing_is_named():
    with pytest.raises(UserError, match="nosuchlauncher"):
        scaling_command.launched(options("--launcher", "nosuchlauncher -n {ranks}"), "weak", 2)


@pytest.mark.slow
def test_two_ranks_are_measured_and_recorded(tmp_path, monkeypatch, capsys):
    if not importlib.util.find_spec("horovod"):
        pytest.skip("Horovod is not installed: make horovod")
    monkeypatch.setattr(children, "command", children.command)  # what `reach_children` changes comes back
    toy.reach_children()
    words = ["benchmark.py", "scaling", "-m", "toy", *SMALL, "--mode", "strong", "--save", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", words)
    assert benchmark.main() == 0
    assert "strong scaling: toy 32x64" in capsys.readouterr().out
    (path,) = tmp_path.glob("*-strong-*")
    record = json.loads(path.read_text())
    parameters = sum(
        variable.value.numpy().size
        for variable in models.build("toy", (32, 64, 3), CITYSCAPES.classes).trainable_variables
    )
    two = record["results"]["ranks"]["2"]
    loss, gradients, statistics = two["exchange"]
    assert loss["what"] == "loss" and statistics["what"] == "statistics"
    assert gradients["bytes"] == 4 * parameters
    assert list(two["split"]) == ["forward", "backward", "optimizer", "all_reduce", "data_wait"]
    assert sum(part["share"] for part in two["split"].values()) == pytest.approx(1, abs=0.3)
    assert record["results"]["device"] == "CPU"
    assert record["results"]["efficiency"]["2"] > 0
    assert record["settings"]["batch"] == 2
