"""convert_to_onnx.py as a user runs it: a file that the other scripts take, or one line and no file."""

import json
import sys

import onnx
import pytest

import convert_to_onnx
from common.errors import UserError
from data import png
from deploy import export
from inference.onnx_file import metadata
from models.weights import native
from processes import assert_one_line_error, run_script
from tiny import tiny_dataset
from trained import network, weights_file

SIZE = (64, 128)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return weights_file(tmp_path_factory.mktemp("trained") / "model.weights.h5", "toy", SIZE)


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    return tiny_dataset(tmp_path_factory.mktemp("town"), train=1, val=2, size=SIZE)


@pytest.fixture
def here(monkeypatch):
    def run(*options):
        monkeypatch.setattr(sys, "argv", ["convert_to_onnx.py", *map(str, options)])
        return convert_to_onnx.main()

    return run


def test_from_weights_to_images_and_scores(trained, town, tmp_path):
    """Three processes; images and scores by the ONNX file equal those by the weights."""
    done = run_script("convert_to_onnx.py", "-m", "toy", "-w", trained, "--verify-on", town)
    path = trained.parent / "toy-64x128.onnx"
    assert done.returncode == 0 and done.stderr.splitlines() == [f"wrote {path}"], done.stderr
    parity, miou = done.stdout.splitlines()
    assert parity.startswith("parity with Keras: ") and parity.endswith("100.000 %")
    assert miou.startswith("mIoU on 2 images: Keras 0.")
    notes = metadata(onnx.load(path))
    assert notes["model"] == "toy" and json.loads(notes["model_options"]) == {}
    for source in (trained, path):
        done = run_script("predict.py", "-w", source, "-p", town, "-r", tmp_path / source.suffix)
        assert done.returncode == 0 and len(done.stderr.splitlines()) == 1, done.stderr
        done = run_script("evaluate.py", "-w", source, "-p", town)
        assert done.returncode == 0, done.stderr
    names = sorted(file.relative_to(tmp_path / ".h5") for file in (tmp_path / ".h5").rglob("*_labelIds.png"))
    assert len(names) == 2
    for name in names:
        by_keras, by_onnx = (png.decode_labels(tmp_path / kind / name) for kind in (".h5", ".onnx"))
        assert (by_keras == by_onnx).mean() > 0.999
    scores = [
        json.loads((trained.parent / folder / "scores.json").read_text())["averageScoreClasses"]
        for folder in ("evaluation", "evaluation-toy-64x128")
    ]
    assert scores[0] == pytest.approx(scores[1], abs=1e-3)


@pytest.mark.slow
def test_says_in_the_name_what_is_inside(trained, here):
    assert here("-w", trained, "-t", "32,64", "--batch", 2, "--input-format", "nchw", "--argmax") == 0
    path = trained.parent / "toy-32x64-batch2-nchw-argmax.onnx"
    graph = onnx.load(path).graph
    assert [d.dim_value for d in graph.input[0].type.tensor_type.shape.dim] == [2, 3, 32, 64]
    assert [d.dim_value for d in graph.output[0].type.tensor_type.shape.dim] == [2, 32, 64]


@pytest.mark.slow
def test_build_options_come_from_the_weights(here, tmp_path):
    path = weights_file(tmp_path / "narrow.weights.h5", "unet", (32, 64), width=3)
    assert here("-w", path, "-o", tmp_path / "narrow.onnx") == 0
    notes = metadata(onnx.load(tmp_path / "narrow.onnx"))
    assert (notes["model"], json.loads(notes["model_options"])) == ("unet", {"width": 3})


@pytest.mark.slow
def test_samples_from_weights_to_images_and_scores(town, here, capsys, tmp_path):
    source = weights_file(tmp_path / "model.weights.h5", "separable_unet", SIZE)
    assert here("-w", source, "--samples", 3, "--argmax", "--verify-on", town) == 0
    parity, miou = capsys.readouterr().out.splitlines()
    assert parity.startswith("parity with Keras: with equal masks, largest difference of mean softmax ")
    assert "; 12 masks drawn in two runs, independent and of the asked shares within " in parity
    assert miou.startswith("mIoU on 2 images: Keras 0.")
    path = tmp_path / "separable_unet-64x128-argmax-samples3.onnx"
    assert metadata(onnx.load(path))["samples"] == "3"
    done = run_script("predict.py", "-w", path, "-p", town, "-r", tmp_path / "results")
    assert done.returncode == 0 and len(done.stderr.splitlines()) == 1, done.stderr
    done = run_script("evaluate.py", "-w", path, "-p", town)
    assert done.returncode == 0, done.stderr
    words = "averages 3 random passes of its own; leave --samples out"
    assert_one_line_error(run_script("predict.py", "-w", path, "-p", town, "--samples", 5), words)


def test_samples_of_a_network_without_dropout_are_one_line(here, tmp_path):
    path = weights_file(tmp_path / "narrow.weights.h5", "unet", (32, 64), width=3)
    with pytest.raises(UserError, match="^unet has no dropout to sample; leave `dropout_passes` out$"):
        here("-w", path, "--samples", 2)
    with pytest.raises(UserError, match="--samples belongs to converting, not to --tensorrt"):
        here("--tensorrt", "--onnx", path, "--samples", 2)


@pytest.mark.slow
def test_a_graph_that_disagrees_is_not_written(trained, here, tmp_path, monkeypatch):
    other = network("toy", SIZE)
    other.get_layer("scores").bias.assign([1.0] * 19)
    real = export.export
    monkeypatch.setattr(export, "export", lambda model, *others: real(other, *others))
    with pytest.raises(UserError, match="the exported graph and its Keras model disagree"):
        here("-w", trained, "-o", tmp_path / "wrong.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_an_operator_that_tensorrt_lacks_is_not_written(here, tmp_path, monkeypatch):
    from deploy import operators

    pooling = weights_file(tmp_path / "model.weights.h5", "fastscnn", SIZE)
    monkeypatch.delitem(operators.OPERATORS, "AveragePool")
    words = r"TensorRT would refuse the graph: pool1_average/AvgPool \(AveragePool\): .* and 1 more"
    with pytest.raises(UserError, match=words):
        here("-w", pooling, "-o", tmp_path / "odd.onnx")
    assert not (tmp_path / "odd.onnx").exists()


@pytest.mark.slow
def test_mistakes_are_one_line(trained, here, tmp_path):
    assert_one_line_error(run_script("convert_to_onnx.py"), "-w/--weights RUN")
    with pytest.raises(UserError, match="no weights at"):
        here("-w", tmp_path / "missing")
    with pytest.raises(UserError, match="holds weights of toy, not of unet"):
        here("-w", trained, "-m", "unet")
    with pytest.raises(UserError, match="multiples of 32"):
        here("-w", trained, "-t", "30,64")
    with pytest.raises(UserError, match="correct `output`"):
        here("-w", trained, "-o", tmp_path / "no" / "a.onnx")
    with pytest.raises(UserError, match="no data set at"):
        here("-w", trained, "--verify-on", tmp_path / "no")
    assert native.read_origin(trained).model == "toy"


class TestSmaller:
    @pytest.mark.slow
    def test_int8_and_float16_from_the_command_line(self, trained, town, tmp_path):
        for name, options in (
            ("int8", ["--int8", "--calibration", town, "--min-agreement", 50]),
            ("fp16", ["--fp16", "--verify-on", town]),
        ):
            path = tmp_path / f"{name}.onnx"
            done = run_script("convert_to_onnx.py", "-w", trained, *options, "--max-drop", 100, "-o", path)
            assert done.returncode == 0 and done.stderr.splitlines() == [f"wrote {path}"], done.stderr
            assert "mIoU " in done.stdout.splitlines()[2]
            assert metadata(onnx.load(path))["precision"].startswith(
                {"int8": "int8", "fp16": "float16"}[name]
            )
            done = run_script("evaluate.py", "-w", path, "-p", town)
            assert done.returncode == 0, done.stderr

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (["--int8"], "--int8 measures ranges on images: give --calibration"),
            (["--int8", "--fp16", "--calibration", "."], "one file after the other"),
            (["--fp16"], "judged by mIoU: give labelled images with --verify-on"),
            (["--fp16", "--verify-on", ".", "--min-agreement", 90], "--min-agreement belongs to --int8"),
            (["--calibration", "."], "belong to --int8"),
            (["--max-drop", 2], "--max-drop belongs to"),
            (["--int8", "--calibration", ".", "--max-drop", 2], "--max-drop is of mIoU"),
        ],
    )
    def test_options_that_do_not_fit(self, trained, here, options, words):
        with pytest.raises(UserError, match=words):
            here("-w", trained, *options)
