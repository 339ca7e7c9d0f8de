"""Engines: what is asked of TensorRT, names that tell the machine, and a Jetson's bare environment.

A fake package only records arguments; the one test that builds and runs is marked `tensorrt`.
"""

import json
import shlex
import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

import damage
import fake_tensorrt
from common.errors import UserError
from data import label_sets
from data.label_sets import CITYSCAPES
from deploy.tensorrt import build, calibration, engine_command
from fake_tensorrt import BuilderFlag, DataType, LayerType
from inference import runtimes
from inference.tensorrt import plan
from inference.tensorrt.plan import Plan
from processes import assert_one_line_error, run_script
from three import THREE
from tiny import tiny_dataset
from trained import network, noise

GPU = "NVIDIA Tegra Xavier (nvgpu)"
QDQ = (LayerType.CONVOLUTION, LayerType.QUANTIZE)


@pytest.fixture
def onnx_file(tmp_path):
    path = tmp_path / "net-32x64.onnx"
    path.write_bytes(b"graph")
    return path


@pytest.fixture
def built(monkeypatch, onnx_file):
    """Builds with a fake package; returns (path, what the package has seen)."""

    def make(plan_options=None, **package_options):
        package = fake_tensorrt.package(**package_options)
        monkeypatch.setitem(sys.modules, "tensorrt", package)
        return build.build(Plan(onnx_file, **(plan_options or {})), GPU), package.seen

    return make


class TestBuild:
    def test_in_float32(self, built, onnx_file):
        path, seen = built()
        assert path.name == "net-32x64.fp32.NVIDIA-Tegra-Xavier-nvgpu.trt8.5.2.2.engine"
        assert path.read_bytes() == b"engine" and seen.parsed == b"graph"
        assert seen.config.flags == set() and seen.config.limits == {"workspace": 1024 * 2**20}
        assert seen.config.default_device_type == "GPU" and seen.network_flags == 1

    def test_the_label_set_of_the_file_is_written_beside_it(self, built, onnx_file):
        path, _ = built()
        assert not plan.label_set_path(path).exists()
        model = onnx.ModelProto(ir_version=8, producer_name="x" * 200)
        onnx.helper.set_model_props(model, {"a": "b", "label_set": json.dumps(THREE.to_json()), "c": ""})
        onnx_file.write_bytes(model.SerializeToString())
        path, _ = built()
        assert label_sets.from_json(json.loads(plan.label_set_path(path).read_text())) == THREE

    def test_of_version_10_needs_no_flag_of_8(self, built):
        path, seen = built(version="10.9.0.34")
        assert seen.network_flags == 0 and path.name.endswith(".trt10.9.0.34.engine")

    def test_in_float16_on_the_dla(self, built):
        path, seen = built({"fp16": True, "dla": 1, "workspace": 64})
        assert seen.config.flags == {BuilderFlag.FP16, BuilderFlag.GPU_FALLBACK}
        assert (seen.config.default_device_type, seen.config.DLA_core) == ("DLA", 1)
        assert seen.config.limits == {"workspace": 64 * 2**20} and ".fp16-dla1." in path.name

    def test_in_int8_by_the_files_own_ranges(self, built):
        _, seen = built({"int8": True, "fp16": True}, layers=QDQ)
        assert seen.config.flags == {BuilderFlag.INT8, BuilderFlag.FP16}
        assert seen.config.int8_calibrator is None

    def test_in_int8_by_a_cache(self, built, tmp_path):
        (tmp_path / "ranges").write_bytes(b"TRT-8502-EntropyCalibration2")
        _, seen = built({"int8": True, "dla": 0, "cache": tmp_path / "ranges"})
        assert seen.config.flags == {BuilderFlag.INT8, BuilderFlag.GPU_FALLBACK}
        assert seen.config.int8_calibrator.read_calibration_cache() == b"TRT-8502-EntropyCalibration2"
        assert seen.config.int8_calibrator.get_batch(["image"]) is None  # nothing to calibrate on

    def test_with_a_timing_cache(self, built, tmp_path):
        path = tmp_path / "timing"
        built({"timing_cache": path})
        assert path.read_bytes() == b"+measured"
        built({"timing_cache": path})
        assert path.read_bytes() == b"+measured+measured"

    def test_goes_to_the_folder_that_is_given(self, built, tmp_path):
        (tmp_path / "engines").mkdir()
        path, _ = built({"folder": tmp_path / "engines"})
        assert path.parent == tmp_path / "engines" and path.is_file()
        assert path.name == "net-32x64.fp32.NVIDIA-Tegra-Xavier-nvgpu.trt8.5.2.2.engine"

    def test_of_a_version_without_precisions_says_what_to_give(self, built, monkeypatch):
        monkeypatch.setattr(fake_tensorrt, "BuilderFlag", type("BuilderFlag", (), {"GPU_FALLBACK": 2}))
        with pytest.raises(UserError, match="leave `fp16` out and give a file of"):
            built({"fp16": True}, version="11.0.0")

    def test_refuses_a_timing_cache_of_another_machine(self, built, tmp_path):
        (tmp_path / "timing").write_bytes(b"of another GPU")
        with pytest.raises(UserError, match="timing is of another GPU or version of TensorRT"):
            built({"timing_cache": tmp_path / "timing"})
        assert (tmp_path / "timing").read_bytes() == b"of another GPU"

    @pytest.mark.parametrize(
        ("options", "package", "words"),
        [
            ({"folder": Path("/nowhere")}, {}, "no folder at /nowhere"),
            ({"timing_cache": Path("/nowhere/t")}, {}, "make /nowhere first"),
            (
                {},
                {"faults": ["In node 3: unsupported\nsecond line"]},
                "does not take .*: In node 3: unsupported second",
            ),
            ({}, {"engine": None}, "builds no engine of"),
            ({"int8": True}, {}, "no QuantizeLinear nodes: give `calibration`"),
            ({"int8": True, "dla": 0}, {"layers": QDQ}, "QuantizeLinear nodes, which the DLA does not take"),
            ({"int8": True, "cache": Path("c")}, {"layers": QDQ}, "brings its own ranges"),
            ({"fp16": True, "dla": 2}, {}, "no DLA core 2: this machine has 2"),
            ({"dla": 0}, {}, "float16 or int8 only"),
            ({"cache": Path("c")}, {}, "belong to `int8`"),
            ({"int8": True, "calibration": Path("/nowhere")}, {}, "no images below /nowhere"),
        ],
    )
    def test_that_cannot_be_is_one_line_and_no_file(self, built, onnx_file, options, package, words):
        with pytest.raises(UserError, match=words) as caught:
            built(options, **package)
        assert "\n" not in str(caught.value)
        assert list(onnx_file.parent.iterdir()) == [onnx_file]


@pytest.mark.parametrize("shape", [(1, 32, 64, 3), (1, 3, 32, 64)])
def test_calibration_images_are_what_the_network_takes(tmp_path, shape):
    image = noise(32, 64)
    cv2.imwrite(str(tmp_path / "a.png"), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    found = calibration.arranged(tmp_path / "a.png", shape, np.float32)
    assert found.shape == shape and found.dtype == np.float32 and found.flags.c_contiguous
    np.testing.assert_array_equal(found[0] if shape[3] == 3 else found[0].transpose(1, 2, 0), image)
    (tmp_path / "b.png").write_text("no image")
    with pytest.raises(UserError, match=r"b\.png is no readable image"):
        calibration.arranged(tmp_path / "b.png", shape, np.float32)


class TestName:
    def test_of_this_machine_is_accepted(self):
        for precision in ({}, {"fp16": True}, {"int8": True, "dla": 0}):
            for version in ("8.5.2.2", "10.9.0.34.post1"):
                path = plan.engine_path(Plan(Path("a-1x2.onnx"), **precision), GPU, version)
                plan.require_same_machine(path, GPU, version)
                assert plan.dla_core(path) == precision.get("dla")

    def test_of_another_machine_is_refused(self):
        path = plan.engine_path(Plan(Path("a.onnx")), GPU, "8.5.2.2")
        with pytest.raises(
            UserError, match=r"is for NVIDIA-Tegra-Xavier-nvgpu and TensorRT 8\.5\.2\.2, this is Orin"
        ):
            plan.require_same_machine(path, "Orin", "8.5.2.2")
        with pytest.raises(UserError, match=r"this is NVIDIA-Tegra-Xavier-nvgpu and TensorRT 10\.9\.0"):
            plan.require_same_machine(path, GPU, "10.9.0")
        with pytest.raises(UserError, match="does not name its GPU and version"):
            plan.require_same_machine(Path("a.engine"), GPU, "8.5.2.2")


class TestRuntime:
    """The runtime against an engine that is a function of NumPy."""

    @pytest.fixture
    def load(self, monkeypatch, tmp_path):
        def make(engine, precision=None, label_set=None):
            package = fake_tensorrt.package(engine=engine)
            monkeypatch.setitem(sys.modules, "tensorrt", package)
            monkeypatch.setattr("inference.tensorrt.runtime.Cuda", fake_tensorrt.HostCuda)
            path = plan.engine_path(Plan(tmp_path / "net.onnx", **(precision or {})), GPU, "8.5.2.2")
            path.write_bytes(b"engine")
            if label_set:
                plan.label_set_path(path).write_text(json.dumps(label_set.to_json()))
            return runtimes.load(path), package.seen

        return make

    def test_labels_of_a_batch_that_images_do_not_fill(self, load):
        images = np.random.default_rng(0).integers(0, 256, (3, 4, 6, 3), np.uint8)
        given = ("image", (2, 4, 6, 3), DataType.UINT8)
        engine = fake_tensorrt.Engine(given, ("labels", (2, 4, 6), DataType.UINT8), lambda x: x[..., 1] % 19)
        runtime, seen = load(engine)
        assert (runtime.name, runtime.size) == ("net", (4, 6)) and not hasattr(seen.runtime, "DLA_core")
        np.testing.assert_array_equal(runtime.predict(images), images[..., 1] % 19)

    @pytest.mark.parametrize("axis", [1, 3])
    def test_logits_of_float_images_by_channels(self, load, axis):
        images = np.random.default_rng(0).integers(0, 256, (2, 4, 6, 3), np.uint8)
        given = ("image", (1, 3, 4, 6), DataType.FLOAT)
        shape = (1, 3, 4, 6) if axis == 1 else (1, 4, 6, 3)
        arrange = (lambda x: x) if axis == 1 else (lambda x: x.transpose(0, 2, 3, 1))
        runtime, seen = load(
            fake_tensorrt.Engine(given, ("a_logits", shape, DataType.FLOAT), arrange),
            {"fp16": True, "dla": 1},
            THREE,
        )
        assert seen.runtime.DLA_core == 1 and runtime.label_set == THREE
        np.testing.assert_array_equal(runtime.predict(images), images.argmax(3))

    def test_without_a_label_set_it_is_of_cityscapes(self, load):
        given = ("image", (1, 4, 6, 3), DataType.UINT8)
        engine = fake_tensorrt.Engine(given, ("labels", (1, 4, 6), DataType.UINT8), None)
        assert load(engine)[0].label_set == CITYSCAPES
        engine = fake_tensorrt.Engine(given, ("logits", (1, 4, 6, 3), DataType.FLOAT), None)
        with pytest.raises(UserError, match=r"returns 3 classes, but cityscapes has 19; copy net\..*json"):
            load(engine)

    def test_another_size_and_a_broken_label_set_are_refused(self, load, tmp_path):
        given = ("image", (1, 4, 6, 3), DataType.UINT8)
        load(fake_tensorrt.Engine(given, ("labels", (1, 4, 6), DataType.UINT8), None))
        path = next(tmp_path.glob("net*.engine"))
        with pytest.raises(UserError, match="takes images of 4,6 only; leave `size` out"):
            runtimes.load(path, size=(8, 12))
        plan.label_set_path(path).write_text("{")
        with pytest.raises(UserError, match="tells no label set .*; build the engine anew"):
            runtimes.load(path)

    def test_numbers_that_numpy_lacks_are_refused(self, load):
        given = ("image", (1, 4, 6, 3), DataType.FP8)
        with pytest.raises(UserError, match="FP8"):
            load(fake_tensorrt.Engine(given, ("labels", (1, 4, 6), DataType.UINT8), None))

    def test_a_damaged_engine_is_one_line(self, load):
        with pytest.raises(UserError, match=r"is no engine that TensorRT 8\.5\.2\.2 reads"):
            load(None)


def test_trtexec_is_told_the_same():
    line = plan.trtexec(
        Plan(Path("my net.onnx"), None, True, True, None, Path("ranges"), 1, 512, Path("timing"))
    )
    assert shlex.split(line) == [
        "trtexec",
        "--onnx=my net.onnx",
        "--saveEngine=my net.int8-fp16-dla1.GPU.trtVERSION.engine",
        "--fp16",
        "--int8",
        "--calib=ranges",
        "--useDLACore=1",
        "--allowGPUFallback",
        "--memPoolSize=workspace:512",
        "--timingCacheFile=timing",
    ]


def test_trtexec_does_not_calibrate(tmp_path):
    made = Plan(Path("net.onnx"), None, False, True, tmp_path, tmp_path / "ranges")
    assert "calibrates on no images" in engine_command.by_hand(made)
    (tmp_path / "ranges").write_bytes(b"ranges")
    assert f"--calib={tmp_path / 'ranges'}" in engine_command.by_hand(made)


class TestCommand:
    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (["--tensorrt"], "give it with --onnx FILE"),
            (["--tensorrt", "--onnx", "a.onnx", "-w", "run"], "--weights belongs to converting"),
            (["--tensorrt", "--onnx", "a.onnx", "--int8", "cpu"], "--int8 cpu is for ONNX Runtime"),
            (["--tensorrt", "--onnx", "a.onnx", "--argmax"], "--argmax belongs to converting"),
            (["--tensorrt", "--onnx", "a.onnx", "--batch", "2"], "--batch belongs to converting"),
            (["-w", "run", "--dla-core", "0"], "--dla-core belongs to --tensorrt"),
        ],
    )
    def test_mistakes_are_one_line(self, options, words):
        assert_one_line_error(run_script("convert_to_onnx.py", *options), words)


def test_engines_are_runtimes_by_their_ending(tmp_path):
    with pytest.raises(UserError, match=r"no engine at .*a\.engine; `convert_to_onnx"):
        runtimes.load(tmp_path / "a.engine")
    damage.empty(tmp_path / "a.engine")
    with pytest.raises(UserError, match="does not tell its model; leave `model`"):
        runtimes.load(tmp_path / "a.engine", "unet")


def test_scripts_take_engines_and_say_what_is_missing(tmp_path):
    town = tiny_dataset(tmp_path / "town", train=1, val=1)
    damage.empty(tmp_path / "a.engine")
    for script in ("predict.py", "evaluate.py"):
        done = run_script(script, "-w", tmp_path / "a.engine", "-p", town, "-r", tmp_path / "results")
        assert_one_line_error(done, "no TensorRT here")
        done = run_script(script, "-w", tmp_path / "no.engine", "-p", town, "-r", tmp_path / "results")
        assert_one_line_error(done, "no engine at")


@pytest.mark.tensorrt
def test_an_engine_predicts_what_keras_does(tmp_path):
    pytest.importorskip("tensorrt")
    from deploy import export
    from inference.graph_interface import GraphInterface
    from inference.keras_runtime import KerasRuntime
    from inference.tensorrt.cuda import Cuda

    try:
        gpu = Cuda().device_name()
    except UserError as error:
        pytest.skip(str(error))
    model = network("fastscnn", (64, 128))
    for interface in (GraphInterface(), GraphInterface(2, "nchw", argmax=True)):
        path = tmp_path / "net.onnx"
        path.write_bytes(export.export(model, interface, CITYSCAPES).SerializeToString())
        runtime = runtimes.load(build.build(Plan(path), gpu))
        images = np.stack([noise(64, 128, seed) for seed in range(3)])
        assert (
            runtime.predict(images) == KerasRuntime(model, jit=False, label_set=CITYSCAPES).predict(images)
        ).mean() > 0.99
