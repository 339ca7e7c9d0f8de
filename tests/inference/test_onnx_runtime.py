"""ONNX files as a runtime: the labels of Keras, and files that are none, broken or hostile."""

import json
import os

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import damage
from common.errors import UserError
from data.label_sets import CITYSCAPES
from deploy import export
from inference import onnx_file, onnx_runtime, runtimes
from inference.graph_interface import GraphInterface
from inference.keras_runtime import KerasRuntime
from trained import network, noise

SIZE = (32, 64)


@pytest.fixture(scope="module")
def model():
    return network("unet", SIZE, width=4)


@pytest.fixture(scope="module")
def graph(model):
    return export.export(model, GraphInterface(), CITYSCAPES, {"model": "unet"})


@pytest.fixture
def path(graph, tmp_path):
    onnx.save(graph, tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


def images(count):
    return np.stack([noise(*SIZE, seed) for seed in range(count)])


@pytest.mark.slow
@pytest.mark.parametrize(
    "interface", [GraphInterface(), GraphInterface(2, "nchw", True), GraphInterface(3, argmax=True)], ids=str
)
def test_labels_are_those_of_keras(model, interface, tmp_path):
    onnx.save(export.export(model, interface, CITYSCAPES, {"model": "unet"}), tmp_path / "a.onnx")
    runtime = runtimes.load(tmp_path / "a.onnx", "unet", SIZE)
    expected = KerasRuntime(model, jit=False, label_set=CITYSCAPES).predict(images(5))
    found = runtime.predict(images(5))  # five do not fill batches of two or three
    assert (runtime.name, runtime.size) == ("unet", SIZE)
    assert found.dtype == np.uint8 and len(np.unique(expected)) >= 3
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("policy", "spins"), [(None, True), ("active", True), ("PASSIVE", False)])
def test_threads_wait_as_openmp_is_told_to(policy, spins, monkeypatch):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    if policy:
        monkeypatch.setenv("OMP_WAIT_POLICY", policy)
    options, entry = onnx_runtime.session_options(), "session.intra_op.allow_spinning"
    if spins:
        with pytest.raises(RuntimeError, match="does not have"):
            options.get_session_config_entry(entry)
    else:
        assert options.get_session_config_entry(entry) == "0"


def test_data_beside_the_file_are_read(graph, tmp_path):
    copy = onnx.ModelProto.FromString(graph.SerializeToString())  # save() moves the data out of what it saves
    onnx.save(copy, tmp_path / "a.onnx", save_as_external_data=True, location="a.data", size_threshold=0)
    assert (tmp_path / "a.data").stat().st_size > 1000
    assert runtimes.load(tmp_path / "a.onnx").predict(images(1)).shape == (1, *SIZE)


def refused(path, words, *options):
    with pytest.raises(UserError, match=words) as caught:
        runtimes.load(path, *options)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_options_that_the_file_cannot_follow(path):
    refused(path, "holds unet, not fastscnn; leave `model` out", "fastscnn")
    refused(path, "holds no encoder, not xception; leave `encoder` out", None, None, "xception")
    refused(path, "takes images of 32,64 only; leave `size` out", None, (64, 128))
    with pytest.raises(UserError, match="`dropout_passes` needs dropout"):
        runtimes.sampling_of(runtimes.load(path), 3, 0)


def test_a_provider_that_is_not_installed(path):
    with pytest.raises(UserError, match="no provider 'tensorrt', but cpu; install onnxruntime-gpu"):
        runtimes.load(path, provider="tensorrt")
    with pytest.raises(UserError, match="`provider` belongs to an .onnx file"):
        runtimes.load(path.with_suffix(".h5"), provider="cpu")


def test_a_missing_file(tmp_path):
    refused(tmp_path / "no.onnx", "no ONNX file at .*; correct `source`")


@pytest.mark.parametrize("harm", [damage.truncate, damage.empty, damage.text])
def test_a_broken_file(path, harm):
    harm(path)
    refused(path, "not readable as ONNX|damaged")


def test_data_that_are_cut_off_beside_the_file(graph, tmp_path):
    copy = onnx.ModelProto.FromString(graph.SerializeToString())
    onnx.save(copy, tmp_path / "a.onnx", save_as_external_data=True, location="a.data", size_threshold=0)
    damage.truncate(tmp_path / "a.data")
    refused(tmp_path / "a.onnx", "is damaged .*; convert or copy it again")


def test_a_file_larger_than_any_model(path, monkeypatch):
    monkeypatch.setattr(onnx_file, "MAX_BYTES", 100)
    refused(path, "no model of this project")


def test_metadata_of_another_version(graph, tmp_path):
    copy = onnx.ModelProto.FromString(graph.SerializeToString())
    del copy.metadata_props[:]
    helper.set_model_props(copy, {"label_set": json.dumps({"colours": 3})})
    onnx.save(copy, tmp_path / "a.onnx")
    refused(tmp_path / "a.onnx", "has metadata of another version .*; convert it anew")


def test_a_graph_of_two_images(tmp_path):
    model = identity((1, 32, 64, 3), (1, 32, 64, 19))
    model.graph.input.append(helper.make_tensor_value_info("second", TensorProto.FLOAT, (1, 32, 64, 3)))
    onnx.save(model, tmp_path / "a.onnx")
    refused(tmp_path / "a.onnx", "has 2 inputs and 1 outputs; need one image in")


class TestHostile:
    """Data of a constant that lie in another file of the machine."""

    @pytest.fixture
    def aimed(self, graph, tmp_path):
        def make(location, name="evil.onnx"):
            copy = onnx.ModelProto()
            copy.CopyFrom(graph)
            tensor = next(t for t in copy.graph.initializer if len(t.raw_data) > 16)
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
            entry = tensor.external_data.add()
            entry.key, entry.value = "location", location
            folder = tmp_path / "folder"
            folder.mkdir(exist_ok=True)
            (folder / name).write_bytes(copy.SerializeToString())
            return folder / name

        (tmp_path / "secret").write_bytes(bytes(10**6))
        return make

    def test_above_the_folder(self, aimed):
        refused(aimed("../secret"), "points to '../secret', no file in its folder; refused")

    def test_by_an_absolute_path(self, aimed, tmp_path):
        refused(aimed(str(tmp_path / "secret")), "no file in its folder")
        refused(aimed("/etc/passwd"), "no file in its folder")

    def test_through_a_link(self, aimed, tmp_path):
        path = aimed("weights.bin")
        os.symlink(tmp_path / "secret", path.parent / "weights.bin")
        refused(path, "no file in its folder")

    def test_that_is_no_plain_file_or_missing(self, aimed):
        refused(aimed("."), "no file in its folder")
        refused(aimed("missing.bin"), "no file in its folder")
        refused(aimed(""), "no file in its folder")

    def test_in_the_graph_of_a_branch(self, tmp_path):
        tensor = TensorProto(name="inner", data_type=TensorProto.FLOAT, dims=[1])
        tensor.data_location = TensorProto.EXTERNAL
        entry = tensor.external_data.add()
        entry.key, entry.value = "location", "../secret"
        constant = helper.make_node("Constant", [], ["y"])
        attribute = constant.attribute.add()
        attribute.name, attribute.type = "value", onnx.AttributeProto.TENSOR
        attribute.t.CopyFrom(tensor)
        branch = helper.make_graph([constant], "branch", [], [])
        node = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
        path = tmp_path / "branch.onnx"
        onnx.save(helper.make_model(helper.make_graph([node], "g", [], [])), path)
        refused(path, "'inner' points to '../secret'")


def identity(given, returned, operator="Identity", kind=TensorProto.FLOAT):
    """A graph of one node with these shapes."""
    graph = helper.make_graph(
        [helper.make_node(operator, ["x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", kind, given)],
        [helper.make_tensor_value_info("y", kind, returned)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize(
    ("given", "returned"),
    [
        ((1, 32, 64, 3), (1, 32, 64, 21)),  # of another data set
        ((1, 32, 64, 3), (1, 1000)),  # a classifier
        ((1, 32, 64, 4), (1, 32, 64, 19)),
        (("n", 32, 64, 3), ("n", 32, 64, 19)),
        ((1, 32, 64), (1, 32, 64)),
        ((1, 2**16, 2**16, 3), (1, 2**16, 2**16)),  # every image would be brought to that size
    ],
)
def test_a_graph_that_is_no_such_model(tmp_path, given, returned):
    onnx.save(identity(given, returned), tmp_path / "a.onnx")
    refused(tmp_path / "a.onnx", r"takes \[|returns \[")


def test_a_graph_that_onnx_runtime_refuses(tmp_path):
    model = identity((1, 32, 64, 3), (1, 32, 64, 19))
    model.graph.node[0].domain = "somebody.elses"
    model.opset_import.append(helper.make_opsetid("somebody.elses", 1))
    onnx.save(model, tmp_path / "a.onnx")
    refused(tmp_path / "a.onnx", "ONNX Runtime refuses it")


def test_a_graph_that_lies_about_its_output(tmp_path):
    onnx.save(identity((1, 32, 64, 3), (1, 32, 64, 19), kind=TensorProto.FLOAT), tmp_path / "a.onnx")
    runtime = runtimes.load(tmp_path / "a.onnx")
    labels = runtime.predict(images(1))  # arg-max over three channels
    assert labels.shape == (1, *SIZE) and labels.max() < 3
    onnx.save(identity((1, 32, 64, 3), (1, 32, 64)), tmp_path / "b.onnx")
    with pytest.raises(UserError, match=r"b\.onnx returned float32 \[1, 32, 64, 3\], not labels"):
        runtimes.load(tmp_path / "b.onnx").predict(images(1))


def test_without_onnx_installed_says_what_to_install(path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    refused(path, r"needs onnx and onnxruntime; `pip install")


def test_tensors_are_found_wherever_they_are(graph):
    assert len(list(onnx_file.tensors(graph.graph))) >= len(graph.graph.initializer)
    assert set(onnx_runtime.PROVIDERS) == {"cpu", "cuda", "tensorrt"}
