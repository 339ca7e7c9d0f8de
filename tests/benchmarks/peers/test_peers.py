"""Comparisons with PyTorch's packages: by a twin of the toy network, and by the packages where they are."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

import twin
from benchmarks import children, record, turns
from benchmarks.peers import networks, ours, peer_files, peers_command, peers_options, peers_table
from benchmarks.peers.runtimes import logits_file
from common import cli
from common.errors import UserError
from models import registry
from processes import run_script

SIZE = (64, 96)
FIGURES = {"device": "CPU", "turns": [1.0, 1.0, 1.0], "noisy": False, "memory": {"peak_bytes": 2**20}}


@pytest.fixture
def twins(monkeypatch):
    """The twin as the only package, here and in processes that are started."""
    script = Path(twin.__file__).with_name("with_twin.py")
    monkeypatch.setattr(networks, "by_package", lambda: {twin.NAME: twin})
    monkeypatch.setattr(children, "command", lambda *words: [sys.executable, str(script), "-m", *words])


def options(*words, save=None):
    parser = cli.Parser()
    peers_command.add_arguments(parser)
    found = parser.parse_args([str(word) for word in words])
    found.save = save
    return found


def settings(scope, folder, precision="float32", batch=2):
    return {
        "model": "toy",
        "options": {"dropout": 0.0},
        "package": twin.NAME,
        "original": "Twin",
        "size": list(SIZE),
        "batch": batch,
        "scope": scope,
        "precision": precision,
        "export": False,
        "folder": str(folder),
    }


@pytest.fixture
def files(tmp_path, twins, monkeypatch, capsys):
    """A folder with the twins' weights and input."""
    from models.weights import torch_export

    monkeypatch.setitem(torch_export.PACKAGES, twin.NAME, twin)
    monkeypatch.setattr(sys, "argv", ["", json.dumps(settings("training", tmp_path))])
    peer_files.main()
    return tmp_path


class TestTwins:
    """Both sides calculate the same: logits, and the losses of training step by training step."""

    @pytest.fixture(autouse=True)
    def torch(self):
        return pytest.importorskip("torch")

    def original(self, files, scope, **changed):
        from benchmarks.peers.original import Original

        return Original(settings(scope, files, **changed), compiled=False)

    def test_inference(self, files):
        theirs = self.original(files, "inference").inference(logits_file(files, "pytorch"))
        mine = ours.inference(
            settings("inference", files) | {"runtime": "keras"}, logits_file(files, "keras")
        )
        for work in (theirs, mine):
            assert work.call() is None and work.about["batch"] == 2 and work.device.name == "CPU"
            work.check()
        assert np.load(logits_file(files, "keras")).shape == (1, *SIZE, 19)
        assert 0 < peers_command.compare(files, ["pytorch", "keras", "onnx"])["keras"] < 2e-6

    @pytest.mark.slow
    def test_training(self, files, monkeypatch):
        losses = {"pytorch": [], "keras": []}
        monkeypatch.setattr("benchmarks.train.steps.RATE", 0.1)
        monkeypatch.setattr("benchmarks.peers.original.RATE", 0.1)
        work = {
            "pytorch": self.original(files, "training").training(logits_file(files, "pytorch")),
            "keras": ours.training(settings("training", files), logits_file(files, "keras")),
        }
        assert peers_command.compare(files, ["pytorch", "keras"])["keras"] < 2e-6
        for name, one in work.items():
            for _ in range(4):
                one.about.pop("first_loss", None)
                one.call()
                losses[name].append(one.about["first_loss"])
        np.testing.assert_allclose(losses["keras"], losses["pytorch"], rtol=1e-4)
        assert losses["keras"][3] < 0.97 * losses["keras"][0]

    def test_bfloat16(self, files):
        work = self.original(files, "inference", precision="bfloat16")
        work.inference(logits_file(files, "pytorch")).check()
        exact = ours.inference(
            settings("inference", files) | {"runtime": "keras"}, logits_file(files, "keras")
        )
        exact.check()
        assert 1e-4 < peers_command.compare(files, ["pytorch", "keras"])["keras"] < 0.05

    def test_a_loss_that_is_no_number(self, files):
        theirs = self.original(files, "training")
        theirs._module.scores.bias.data[:] = np.nan
        with pytest.raises(SystemExit, match="the loss became nan"):
            theirs.training(logits_file(files, "pytorch")).call()


@pytest.mark.slow
def test_a_comparison_of_the_twins(twins, tmp_path, capsys):
    pytest.importorskip("torch")
    words = ["-m", "toy", "-t", "64,96", "--turns", 3, "--seconds", 0.05, "--runtimes", "pytorch,keras"]
    (measured,) = peers_command.run(options(*words, "--scope", "inference", save=tmp_path))
    kept = record.read(
        record.write(record.make("peers", **{k: measured[k] for k in ("settings", "results")}), tmp_path)
    )
    assert kept["settings"]["batch"] == 1 and kept["settings"]["original"] == "Twin"
    found = kept["results"]["runtimes"]
    assert list(found) == ["pytorch", "keras"]
    assert found["pytorch"]["memory"]["peak_bytes"] > 2**26 and len(found["keras"]["turns"]) == 3
    assert 0 < kept["results"]["difference"]["keras"] < 2e-6
    assert kept["results"]["speed"]["keras"]["median"] > 0
    assert "toy 64x96, batch 1, scope inference" in capsys.readouterr().out
    again = options(*words, "--scope", "inference", "--continue", save=tmp_path)
    assert list(peers_command.run(again)) == []


class TestResults:
    """What becomes of the runtimes' answers, without their processes."""

    @pytest.fixture
    def measured(self, monkeypatch, twins):
        def measure(logits, figures=FIGURES, **changed):
            def take_turns(module, runtimes, *_):
                for name, values in logits.items():
                    np.save(logits_file(runtimes[name]["folder"], name), values)
                return {name: figures | {"turns": [len(name)] * 3} for name in runtimes}

            monkeypatch.setattr(turns, "measure", take_turns)
            monkeypatch.setattr(children, "run", lambda *words, **variables: "{}")
            asked = settings("inference", "") | {
                "runtimes": list(logits),
                "turns": 3,
                "seconds": 1.0,
                "backend": "tensorflow",
            }
            return peers_command.measure(asked | changed, True)

        pytest.importorskip("torch")
        return measure

    def test_other_logits_fail_a_runtime(self, measured):
        logits = {"pytorch": [1.0, -4.0], "keras": [1.0016, -4.0], "onnx": [1.0003, -4.0]}
        found = measured(logits)
        assert found["difference"] == {"keras": pytest.approx(4e-4), "onnx": pytest.approx(0.75e-4)}
        assert found["runtimes"]["keras"] == {
            "failed": "its logits differ from the original's by 4.0e-04 of the largest",
            "mistake": False,
        }
        assert found["speed"]["over"] == "pytorch" and found["speed"]["onnx"]["median"] == 7 / 4

    def test_other_logits_of_short_numbers_are_noted(self, measured):
        logits = {"pytorch": [1.0, -4.0], "keras": [1.1, -4.0]}
        assert "failed" not in measured(logits, precision="bfloat16")["runtimes"]["keras"]
        gpu = FIGURES | {"device": "Imaginary G1"}
        assert "failed" not in measured(logits, figures=gpu)["runtimes"]["keras"]

    def test_the_table_tells_what_failed(self, measured):
        found = measured({"pytorch": [1.0], "keras": [1.0], "onnx": [2.0]})
        table = peers_table.table(settings("inference", "") | {"backend": "tensorflow"}, found)
        assert "0.0: Twin of twin" in table and "its logits differ" in table
        assert "      5000.0  5000.0-5000.0" in table and "1.40" in table


class TestTables:
    """Which network has which original."""

    def test_every_network_is_one_of_ours(self):
        found = list(networks.all_networks())
        assert len({(package, network.model, str(network.options)) for package, network in found}) == len(
            found
        )
        for _, network in found:
            assert network.model in registry.ARCHITECTURES
            assert network.options.get("encoder", "resnet50") in registry.ENCODERS

    def test_the_first_that_has_the_options(self):
        assert networks.find("unet", {}) == networks.find("unet", {"encoder": "resnet50", "preset": "smp"})
        assert networks.find("segformer", {"preset": "hub"})[1].options["channels"] == 256
        assert networks.find("unet", {"preset": "mmseg"})[0] == "mmseg"
        for model, chosen in peers_options.DOCUMENTED:
            assert networks.find(model, chosen)[1].model == model

    def test_what_no_package_has(self):
        with pytest.raises(
            UserError, match=r"no PyTorch package has separable_unet; there are: bisenetv2, ddrnet"
        ):
            networks.find("separable_unet", {})
        with pytest.raises(
            UserError, match="no PyTorch package has fcn with vgg16; there are: resnet50_v1c mmseg"
        ):
            networks.find("fcn", {"encoder": "vgg16"})

    def test_a_package_that_is_missing(self, monkeypatch):
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if "models" in name else name)
        with pytest.raises(UserError, match=r"needs segmentation_models_pytorch; `pip .*\[peers\]`$"):
            networks.require_installed("smp")
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        with pytest.raises(UserError, match="docs/benchmarking.md"):
            networks.require_installed("mmseg")


def test_settings_are_multiplied():
    asked = options(
        "-m", "unet", "--encoder", "resnet18", "-t", "64,128", "128,256", "--runtimes", "keras,pytorch"
    )
    found = list(peers_options.settings_of(asked))
    assert [(one["size"], one["scope"], one["batch"]) for one in found] == [
        ([64, 128], "inference", 1),
        ([64, 128], "training", 2),
        ([128, 256], "inference", 1),
        ([128, 256], "training", 2),
    ]
    assert {tuple(one["runtimes"]) for one in found} == {("pytorch", "keras")}
    assert len(list(peers_options.settings_of(options()))) == 2 * len(peers_options.DOCUMENTED)
    assert set(peers_options.usual_runtimes("training", "float32")) == {
        "pytorch",
        "pytorch-compiled",
        "keras",
    }


@pytest.mark.parametrize(
    "words, message",
    [
        (["--turns", 2], "--turns 2 are too few"),
        (["--encoder", "resnet18"], "options of an architecture are for one model"),
        (["-m", "separable_unet"], "no PyTorch package has separable_unet"),
        (["--runtimes", "keras,onnx"], "compares nothing; name pytorch and others"),
        (["--runtimes", "pytorch,tvm"], "no runtime 'tvm'; there are: pytorch, pytorch-compiled, keras"),
        (["--runtimes", "pytorch,onnx"], "onnx and openvino have --scope inference and --precision float32"),
        (["--continue"], "add --save"),
    ],
)
def test_mistakes_are_one_line(words, message):
    done = run_script("benchmark.py", "peers", *words)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and message in done.stderr


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the packages' own
@pytest.mark.parametrize(
    ("model", "chosen"),
    [
        ("unet", {"encoder": "resnet18", "preset": "smp"}),
        ("segformer", {"encoder": "mit_b0", "preset": "hub"}),
        ("fcn", {"encoder": "resnet50_v1c", "preset": "mmseg"}),
    ],
)
def test_originals_are_what_the_tables_say(model, chosen, tmp_path, monkeypatch, capsys):
    package, network = networks.find(model, chosen)
    for name in networks.by_package()[package].NEEDS:
        pytest.importorskip(name, reason=f"{name} is not installed: docs/benchmarking.md")
    from benchmarks.peers.original import Original

    asked = settings("inference", tmp_path) | {"package": package, "runtime": "keras"}
    asked |= {"model": network.model, "options": network.options, "original": network.original}
    monkeypatch.setattr(sys, "argv", ["", json.dumps(asked)])
    peer_files.main()
    Original(asked, compiled=False).inference(logits_file(tmp_path, "pytorch")).check()
    ours.inference(asked, logits_file(tmp_path, "keras")).check()
    assert peers_command.compare(tmp_path, ["pytorch", "keras"])["keras"] < 2e-5
