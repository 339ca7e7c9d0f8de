"""`benchmark.py inference` as a user runs it, small; and that backends calculate what their names promise."""

import hashlib
import importlib.util
import json
import resource
import subprocess
import sys
from types import SimpleNamespace

import cv2
import keras
import numpy as np
import pytest

from benchmarks.inference import inference_process, inference_table, keras_backend, onnx_backend, subjects
from blocked import without
from common.errors import UserError
from data.augment import resize_labels
from data.label_sets import CITYSCAPES
from deploy import export
from inference.graph_interface import GraphInterface
from processes import assert_one_line_error, run_script
from tiny import REPO, TRAIN, tiny_dataset
from trained import network, noise, weights_file

pytestmark = pytest.mark.slow

SIZE = (64, 128)
QUICK = ["-t", "64,128", "--turns", 3, "--seconds", 0.05]


def records(folder):
    return [json.loads(path.read_text()) for path in sorted(folder.glob("inference-*.json"))]


def test_without_a_data_set_end_to_end_reads_images_of_the_town(tmp_path, monkeypatch):
    monkeypatch.setattr(subjects, "IMAGE_SIZE", (64, 128))
    options = SimpleNamespace(scope=["end-to-end"], path=None)
    paths = subjects.image_paths(options, tmp_path)
    found = {cv2.imread(path).tobytes() for path in paths}
    assert len(found) == len(paths) == subjects.IMAGES and cv2.imread(paths[0]).shape == (64, 128, 3)


@pytest.mark.slow
def test_scopes_and_every_runtime_on_the_images_and_weights_given(tmp_path):
    town = tiny_dataset(tmp_path / "town", train=2, val=2, size=(96, 160))
    weights = weights_file(tmp_path / "model.weights.h5", "toy", SIZE)
    runtimes = ["keras", "onnx", "onnx-int8", "onnx-fp16"]
    runtimes += ["openvino", "openvino-int8"] if importlib.util.find_spec("openvino") else []
    words = ["-w", weights, *QUICK, "--runtimes", ",".join(runtimes), "-b", 2]
    words += ["--scope", "model+argmax", "end-to-end", "-p", town, "--calibration", town]
    done = run_script("benchmark.py", "inference", *words, "--save", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    kept = records(tmp_path / "out")
    assert [record["settings"]["scope"] for record in kept] == ["end-to-end", "model+argmax"]
    for record in kept:
        assert f"scope {record['settings']['scope']}, float32, tensorflow, weights of a file" in done.stdout
        assert record["settings"]["weights"]["sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
        assert record["settings"]["calibration_pictures"] == 2
        assert (
            record["environment"]["packages"]["onnxruntime"] and record["results"]["clock"]["slept"] >= 0.05
        )
        found = record["results"]["runtimes"]
        assert list(found) == runtimes
        for result in found.values():
            assert (result["model"], result["size"], result["batch"]) == ("toy", list(SIZE), 2)
            assert result["calls"] >= 3 and len(result["turns"]) == 3
            assert result["latency"]["p50"] <= result["latency"]["max"] <= result["first_call_seconds"] + 60
            assert result["warm_up"]["calls"] >= 1 and result["memory"]["peak_bytes"] > 2**25
        ratios = record["results"]["speed"]
        assert ratios["over"] == "keras"
        assert ratios["onnx"]["median"] == pytest.approx(
            np.median(np.divide(found["keras"]["turns"], found["onnx"]["turns"]))
        )
    stages = kept[0]["results"]["runtimes"]["onnx"]["stages"]
    assert list(stages) == ["decode", "resize", "infer", "label map"]
    assert sum(stage["share"] for stage in stages.values()) == pytest.approx(1)


def test_one_that_does_not_fit_is_recorded_and_passed_over(tmp_path):
    """10 GB of logits in 8 GB of address space."""

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (2**33, 2**33))

    words = ["-m", "toy", *QUICK[2:], "-t", "256,512", "-b", 1024, 1, "--runtimes", "onnx"]
    words = [TRAIN[0], "benchmark.py", "inference", *words, "--save", tmp_path]
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        preexec_fn=limit,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    fits, large = sorted(records(tmp_path), key=lambda record: record["settings"]["batch"])
    assert large["settings"]["batch"] == 1024 and fits["settings"]["batch"] == 1
    assert large["results"]["runtimes"]["onnx"] == {"failed": "out of memory", "mistake": False}
    assert fits["results"]["runtimes"]["onnx"]["calls"] >= 3
    assert (
        "batch 1024, scope model, float32, tensorflow, random weights" in done.stdout
        and "out of memory" in done.stdout
    )


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_keras_runs_where_tensorflow_is_missing(tmp_path, backend):
    if not importlib.util.find_spec(backend):
        pytest.skip(f"{backend} is not installed: pip install -c constraints.txt -e .[backends]")
    (tmp_path / "tensorflow").mkdir()
    (tmp_path / "tensorflow" / "__init__.py").write_text("raise ImportError('blocked')")
    cv2.imwrite(str(tmp_path / "a.png"), noise(96, 160))
    words = ["-m", "toy", *QUICK, "--backend", backend, "--scope", "end-to-end", "-p", tmp_path / "a.png"]
    words = ["benchmark.py", "inference", *words, "--save", tmp_path / "out"]
    done = run_script(TRAIN[0].relative_to(REPO), *words, PYTHONPATH=tmp_path)
    assert done.returncode == 0, done.stderr
    (record,) = records(tmp_path / "out")
    assert record["settings"]["backend"] == backend
    assert record["results"]["runtimes"]["keras"]["calls"] >= 3
    done = run_script("benchmark.py", "inference", *QUICK, PYTHONPATH=tmp_path)
    assert_one_line_error(done, "nothing was measured", "no backend 'tensorflow' here (blocked)")


@pytest.fixture
def images():
    return np.stack([noise(*SIZE, seed) for seed in range(2)])


SIZES = [(100, 200), (50, 90)]


def require_resized(labels, logits):
    """A label map of each of `SIZES`, of logits that PyTorch resized."""
    torch = pytest.importorskip("torch")
    for label, size, one in zip(labels, SIZES, logits, strict=True):
        planes = torch.from_numpy(one.transpose(2, 0, 1)[None])
        theirs = torch.nn.functional.interpolate(planes, size, mode="bilinear", align_corners=False)[0]
        assert label.shape == size and (label == theirs.numpy().argmax(0)).mean() > 0.998


class TestEndToEnd:
    """Logits are resized where images have another size than the model, else the arg-max is fetched."""

    @pytest.mark.parametrize(("size", "asked"), [(SIZE, ["labels"]), ((96, 160), ["logits", "labels_at"])])
    def test_asks_for_what_images_need(self, tmp_path, size, asked):
        cv2.imwrite(str(tmp_path / "a.png"), noise(*size))
        calls = []

        def answer(name, value):
            return lambda *given: (calls.append((name, *given[1:])), value)[1]

        label = np.zeros((2, *size), np.uint8)
        backend = SimpleNamespace(
            size=SIZE,
            batch=2,
            place=lambda images: images,
            logits=answer("logits", "on the device"),
            labels=answer("labels", label),
            labels_at=answer("labels_at", label),
        )
        stages = inference_process.EndToEnd(backend, [str(tmp_path / "a.png")])()
        assert [name for name, *_ in calls] == asked
        assert calls[-1][1:] == (([size, size],) if size != SIZE else ())
        assert list(stages) == ["decode", "resize", "infer", "label map"]


class TestBackends:
    """What is timed is what the models calculate."""

    def test_of_keras(self, images, tmp_path):
        path = weights_file(tmp_path / "model.weights.h5", "toy", SIZE)
        settings = {"weights": str(path), "model": None, "size": SIZE, "batch": 2, "precision": "float32"}
        backend = keras_backend.load(settings)
        logits = keras.ops.convert_to_numpy(network("toy", SIZE)(images, training=False))
        placed = backend.place(images)
        found = backend.logits(placed)
        np.testing.assert_allclose(found, logits, atol=1e-3 * np.abs(logits).max())
        require_resized(backend.labels_at(found, SIZES), logits)
        assert (backend.labels(placed) == logits.argmax(-1)).mean() > 0.999
        assert (backend.name, backend.size, backend.batch) == ("toy", SIZE, 2)

    def test_a_precision_is_of_the_calculation_alone(self, images, tmp_path):
        path = weights_file(tmp_path / "model.weights.h5", "toy", SIZE)
        settings = {"weights": str(path), "model": None, "size": SIZE, "batch": 2}
        exact, short = (
            keras_backend.network_of(settings | {"precision": precision})
            for precision in ("float32", "bfloat16")
        )
        for ours, theirs in zip(exact.get_weights(), short.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)
        assert {layer.compute_dtype for layer in short.layers[1:-1]} == {"bfloat16"}
        expected, found = (keras.ops.convert_to_numpy(net(images, training=False)) for net in (exact, short))
        difference = np.abs(found - expected).max() / np.abs(expected).max()
        assert found.dtype == np.float32 and 1e-5 < difference < 0.05

    @pytest.mark.parametrize(
        "interface", [GraphInterface(2), GraphInterface(2, "nchw", float_input=True)], ids=str
    )
    def test_of_onnx(self, images, tmp_path, interface):
        model = network("toy", SIZE)
        logits = keras.ops.convert_to_numpy(model(images, training=False))
        path = tmp_path / "net.onnx"
        path.write_bytes(export.export(model, interface, CITYSCAPES).SerializeToString())
        backend = onnx_backend.load(path, "cpu", "end-to-end")
        found = backend.logits(backend.place(images))
        require_resized(backend.labels_at(found, SIZES), logits)
        found = found.numpy()
        found = found.transpose(0, 2, 3, 1) if interface.layout == "nchw" else found
        np.testing.assert_allclose(found, logits, atol=1e-3 * np.abs(logits).max())
        assert (backend.labels(backend.place(images)) == logits.argmax(-1)).mean() > 0.999

    def test_a_graph_of_labels_has_no_logits(self, images, tmp_path, capsys):
        path = tmp_path / "net.onnx"
        path.write_bytes(
            export.export(network("toy", SIZE), GraphInterface(argmax=True), CITYSCAPES).SerializeToString()
        )
        subjects.warn_of_labels(path)
        assert capsys.readouterr().err.startswith(f"{path} returns labels, which only nearest neighbours")
        with pytest.raises(UserError, match=r"measure it with `scope` model\+argmax"):
            onnx_backend.load(path, "cpu", "model")
        backend = onnx_backend.load(path, "cpu", "end-to-end")
        placed = backend.place(images[:1])
        (label,) = backend.labels_at(backend.logits(placed), SIZES[:1])
        np.testing.assert_array_equal(label, resize_labels(backend.labels(placed)[0], SIZES[0]))


def test_ratios_are_taken_turn_by_turn():
    # a machine twice as slow in the second turn: the ratio does not notice
    found = {
        "keras": {"turns": [2.0, 4.0, 2.0]},
        "onnx": {"turns": [1.0, 2.0, 1.0]},
        "onnx-int8": {"failed": "out of memory"},
    }
    assert inference_table.speed(found) == {
        "over": "keras",
        "onnx": {"min": 2.0, "median": 2.0, "max": 2.0, "noisy": False},
    }
    assert inference_table.speed({"keras": {"turns": [1.0]}}) == {}


@pytest.mark.parametrize(
    "words, message",
    [
        (["--turns", 2], "--turns 2 are too few for a spread"),
        (["-m", "unet", "fastscnn", "--width", 4], "are for one model"),
        (["-w", "/nowhere"], "/nowhere does not exist"),
        (["-w", __file__, "--width", 4], "weights know the options"),
        (["-p", "."], "-p belongs to --scope end-to-end"),
        (["--calibration", "."], "--calibration belongs to --runtimes onnx-int8"),
        (["--runtimes", "keras,onnx", "--precision", "float16"], "--precision is that of keras"),
        (["--continue"], "add --save"),
        (["--provider", "cpu"], "--provider belongs to --runtimes onnx"),
    ],
)
def test_mistakes_are_one_line(words, message):
    assert_one_line_error(run_script("benchmark.py", "inference", *words), message)


def test_what_onnx_needs_is_told_before_anything_is_measured(tmp_path):
    lacking = without(tmp_path / "hook", "onnxruntime", "tf2onnx")
    for words, missing in (
        (["--runtimes", "keras,onnx"], "onnxruntime, tf2onnx"),
        (["-w", __file__, "--runtimes", "onnx-int8"], "onnxruntime, tf2onnx"),
    ):
        done = run_script("benchmark.py", "inference", *words, **lacking)
        assert_one_line_error(done, f"--runtimes onnx needs {missing}; `pip install", "[export]")
    (tmp_path / "net.onnx").touch()
    done = run_script(
        "benchmark.py", "inference", "-w", tmp_path / "net.onnx", "--runtimes", "onnx", **lacking
    )
    assert_one_line_error(done, "--runtimes onnx needs onnxruntime; `pip install", "[export]")


def test_an_unknown_name_is_told_with_the_valid_ones():
    for words, message in (
        (["--runtimes", "keras,tvm"], "no runtime 'tvm'; there are: keras, onnx"),
        (["-m", "vgg"], "invalid choice: 'vgg' (choose from 'bayes_segnet'"),
    ):
        done = run_script("benchmark.py", "inference", *words)
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and message in done.stderr


def test_files_that_are_exported_already(tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(
        export.export(network("toy", SIZE), GraphInterface(2, argmax=True), CITYSCAPES).SerializeToString()
    )
    words = ["-w", path, "--runtimes", "onnx", *QUICK[2:], "--save", tmp_path / "out"]
    done = run_script("benchmark.py", "inference", *words, "--scope", "model+argmax")
    assert done.returncode == 0, done.stderr
    (record,) = records(tmp_path / "out")
    settings = record["settings"]
    assert (settings["model"], settings["size"], settings["batch"]) == ("toy", list(SIZE), 2)
    assert "toy 64x128, batch 2, scope model+argmax" in done.stdout
    assert_one_line_error(
        run_script("benchmark.py", "inference", *words[:4]), "measure it with --scope model+argmax"
    )
    assert_one_line_error(
        run_script("benchmark.py", "inference", "-w", path), "give --runtimes onnx or openvino, no -m, -t, -b"
    )
    path = path.rename(path.with_suffix(".engine"))
    assert_one_line_error(run_script("benchmark.py", "inference", "-w", path), "measured by trtexec")
