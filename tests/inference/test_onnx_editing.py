"""`Editing`: who makes a tensor and who uses it stays true while a graph changes."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import graphs
from inference.onnx_editing import Editing


@pytest.fixture
def model():
    """y = relu(x) + -relu(x), z = 2 -relu(x), of floats [4]."""
    nodes = [
        helper.make_node("Relu", ["x"], ["r"], "relu"),
        helper.make_node("Neg", ["r"], ["n"], "neg"),
        helper.make_node("Add", ["r", "n"], ["y"], "add"),
        helper.make_node("Mul", ["n", "two"], ["z"], "mul"),
    ]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4]) for name in "xyz"]
    two = onnx.numpy_helper.from_array(np.float32(2), "two")
    graph = helper.make_graph(nodes, "g", values[:1], values[1:], [two])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def names(nodes):
    return [node.name for node in nodes]


def assert_true_to_the_nodes(editing):
    """Of every tensor the maker and the users are those that a look at all nodes finds."""
    for name in {name for node in editing.nodes for name in (*node.input, *node.output)}:
        made = [node for node in editing.nodes if name in node.output]
        assert [editing.maker(name)] == (made or [None])
        assert sorted(names(editing.users(name))) == sorted(
            node.name for node in editing.nodes if name in node.input
        )


def run(model):
    session = graphs.session(model)
    return session.run(["y", "z"], {"x": np.float32([-1, 0, 2, 3])})


def test_makers_and_users(model):
    editing = Editing(model.graph)
    assert names(editing.users("r")) == ["neg", "add"] and editing.users("nothing") == []
    assert editing.maker("n").name == "neg" and editing.maker("n", "Relu") is editing.maker("x") is None
    assert editing.only_user("x").name == "relu" and editing.only_user("r") is editing.only_user("y") is None


def test_they_follow_each_change(model):
    editing = Editing(model.graph)
    _, neg, add, _ = editing.nodes
    doubled = editing.add(add, "Mul", ["r", "two"], "doubled")
    assert_true_to_the_nodes(editing)
    editing.set_inputs(add, [doubled, "n"])
    assert_true_to_the_nodes(editing)
    editing.replace(neg, "r")  # what took -relu(x) takes relu(x)
    assert_true_to_the_nodes(editing)
    assert editing.maker("n") is None and names(editing.nodes) == ["relu", "doubled", "add", "mul"]
    editing.write()
    y, z = run(model)
    np.testing.assert_array_equal(y, [0, 0, 6, 9])
    np.testing.assert_array_equal(z, [0, 0, 4, 6])


def test_an_output_of_the_graph_keeps_its_name(model):
    editing = Editing(model.graph)
    *_, add, mul = editing.nodes
    editing.replace(mul, "n")
    assert editing.maker("z").name == "neg" and list(add.input) == ["r", "z"]
    assert_true_to_the_nodes(editing)
    before = names(editing.nodes)
    editing.replace(add, "x")  # an input of the graph cannot be an output
    assert names(editing.nodes) == before
    editing.write()
    y, z = run(model)
    np.testing.assert_array_equal(y, [0, 0, 0, 0])
    np.testing.assert_array_equal(z, [0, 0, -2, -3])
