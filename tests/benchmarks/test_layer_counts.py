"""MACs and activation memory of layers, operations and what holds them, against counts by hand."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from benchmarks import activations, graph, macs, summary
from benchmarks import costs as model_costs
from benchmarks.report import cost_rows, costs


def counts(model) -> dict[str, int]:
    """Name of each call -> MACs; none may be uncounted."""
    found = {call.name: macs.count(call) for call in graph.trace(model).calls}
    assert not any(count.uncounted for count in found.values())
    return {name: count.macs for name, count in found.items()}


def total(model) -> int:
    return sum(counts(model).values())


@pytest.fixture
def small():
    """Every kind of convolution and a skip, on 8x12 pixels."""
    image = keras.Input((8, 12, 3))
    a = layers.Conv2D(4, 3, strides=2, padding="same", name="a")(image)  # [B, 4, 6, 4]
    b = layers.DepthwiseConv2D(3, name="b")(a)  # [B, 2, 4, 4]
    c = layers.SeparableConv2D(10, 3, padding="same", name="c")(b)  # [B, 2, 4, 10]
    d = layers.Conv2DTranspose(6, 3, strides=2, padding="same", name="d")(c)  # [B, 4, 8, 6]
    e = layers.Conv2D(4, 1, groups=2, name="e")(layers.ReLU(name="relu")(d))  # [B, 4, 8, 4]
    return keras.Model(image, [layers.Conv2D(4, (1, 3), name="f")(e), a])  # [B, 4, 6, 4] twice


def test_macs_of_convolutions(small):
    assert {name: found for name, found in counts(small).items() if name in "abcdef"} == {
        "a": 24 * 27 * 4,
        "b": 8 * 9 * 4,
        "c": 8 * 9 * 4 + 8 * 4 * 10,
        "d": 8 * 9 * 10 * 6,  # of the input's pixels
        "e": 32 * 3 * 4,  # a filter sees one of two groups of channels
        "f": 24 * 3 * 4 * 4,
    }


def test_activations_of_convolutions(small):
    image, a, b, c, d, e, f = 8 * 12 * 3, 24 * 4, 8 * 4, 8 * 10, 32 * 6, 32 * 4, 24 * 4
    traced = graph.trace(small)
    # The image is gone after `a`, which stays to the end; widest where ReLU reads `d` and writes as much.
    assert activations.inference_bytes(traced) == 4 * max(image + a, a + b, a + 2 * d, a + d + e)
    inner = b  # the separable convolution's map, as large as its input
    assert activations.training_bytes(traced) == 4 * (image + a + b + inner + c + d + e + f)


def test_a_subclass_counts_as_what_it_inherits():
    class Mirrored(layers.Conv2D):
        def call(self, inputs):
            return super().call(inputs[:, :, ::-1])

    image = keras.Input((6, 5, 3))
    assert total(keras.Model(image, Mirrored(4, 3, groups=1)(image))) == 4 * 3 * 27 * 4


def test_dense_layers():
    tokens = keras.Input((20, 8))
    x = layers.Dense(5, name="dense")(tokens)  # [B, 20, 5]
    x = layers.EinsumDense("bnc,chd->bnhd", (None, 2, 3), name="heads")(x)  # [B, 20, 2, 3]
    assert counts(keras.Model(tokens, x)) == {
        tokens.name: 0,
        "dense": 20 * 8 * 5,
        "heads": 20 * 5 * 2 * 3,
    }


def test_products_of_tensors():
    x, y = keras.Input((6, 4)), keras.Input((4, 7))
    model = keras.Model([x, y], ops.matmul(x, y))
    assert total(model) == 6 * 4 * 7
    assert activations.training_bytes(graph.trace(model)) == 4 * (6 * 4 + 4 * 7 + 6 * 7)
    assert total(keras.Model([x, y], ops.einsum("bij,bjk->bik", x, y))) == 6 * 4 * 7
    assert total(keras.Model([x, y], ops.einsum("...ij,...jk->...ki", x, y))) == 6 * 4 * 7
    assert total(keras.Model(x, ops.einsum("bij->bji", x))) == 0
    assert total(keras.Model(x, ops.tensordot(x, np.ones((4, 5), "float32"), axes=1))) == 6 * 4 * 5
    assert total(keras.Model(x, x * x + 2.0)) == 0


def test_a_product_with_a_constant_matrix():
    """Rows of [B, 9, 4] are averaged into 3; no gradient needs the input."""
    rows = keras.Input((9, 4))
    model = keras.Model(rows, ops.matmul(np.ones((3, 9), "float32"), rows))
    assert total(model) == 3 * 9 * 4
    assert activations.training_bytes(graph.trace(model)) == 4 * 3 * 4  # the logits alone


def test_images_in_the_batch_axis_are_one_image():
    """Windows of 4x4 pixels become a batch of six, as in attention within windows."""
    image = keras.Input((8, 12, 3))
    x = ops.reshape(image, (-1, 2, 4, 3, 4, 3))
    windows = ops.reshape(ops.transpose(x, (0, 1, 3, 2, 4, 5)), (-1, 16, 3))  # [6 B, 16, 3]
    scores = ops.matmul(windows, ops.transpose(windows, (0, 2, 1)))  # [6 B, 16, 16]
    assert total(keras.Model(image, ops.softmax(scores))) == 6 * 16 * 3 * 16


def test_what_has_no_products_is_free():
    image = keras.Input((8, 8, 6))
    x = layers.LayerNormalization()(layers.GroupNormalization(3)(image))
    x = layers.PReLU()(layers.ZeroPadding2D()(x))
    x = layers.AdaptiveAveragePooling2D(3)(layers.GaussianNoise(1.0)(x))
    x = layers.Reshape((9, 6))(layers.UpSampling2D(1)(x))
    assert total(keras.Model(image, ops.gelu(x))) == 0


def nested():
    tokens = keras.Input((10, 4), name="tokens")
    inner = keras.Model(tokens, layers.Dense(3, name="inner")(tokens), name="model")
    sequence = keras.Sequential([keras.Input((10, 3)), layers.Dense(4, name="last")], name="sequence")
    return keras.Model(tokens, inner(sequence(inner(tokens))))


def test_nested_models_are_looked_into():
    """The inner model is called twice."""
    model = nested()
    assert counts(model) == {"tokens": 0, "model": 10 * 4 * 3, "sequence": 10 * 3 * 4}
    rows = model_costs.layer_rows(graph.trace(model).calls)
    assert [(row["name"], row["parameters"], row["macs"]) for row in rows] == [
        ("tokens", 0, 0),
        ("model/inner", 4 * 3 + 3, 120),
        ("sequence/last", 3 * 4 + 4, 120),
        ("model/inner", 0, 120),
    ]
    traced = graph.trace(model)
    assert activations.training_bytes(traced) == 4 * 10 * (4 + 3 + 4 + 3)  # of each input, and the logits
    assert activations.inference_bytes(traced) == 4 * 10 * (4 + 3)


class Block(layers.Layer):
    """Attention of one head with a residual, out of layers, a weight of its own and operations."""

    def build(self, shape):
        self.queries, self.keys = layers.Dense(2, name="queries"), layers.Dense(2, name="keys")
        self.queries.build(shape)
        self.keys.build(shape)
        self.values = self.add_weight(shape=(shape[-1], shape[-1]), name="values")

    def call(self, x):
        scores = ops.einsum("bic,bjc->bij", self.queries(x), self.keys(x))
        return x + ops.matmul(ops.softmax(scores), ops.matmul(x, self.values))


def test_composite_layers_are_looked_into():
    tokens = keras.Input((10, 4))
    model = keras.Model(tokens, Block(name="block")(Block(name="first")(tokens)))
    one = 2 * 10 * 4 * 2 + 10 * 2 * 10 + 10 * 4 * 4 + 10 * 10 * 4  # queries and keys, scores, values, sum
    assert counts(model) == {tokens.name: 0, "first": one, "block": one}
    row = model_costs.layer_rows(graph.trace(model).calls)[-1]
    assert row["parameters"] == 2 * (4 * 2 + 2) + 16
    assert row["shape"] == [10, 4] and row["output_bytes"] == 4 * 40
    # kept of each block: input, queries, keys, softmax, values; and the last block's output
    kept = 2 * (40 + 20 + 20 + 100 + 40) + 40
    assert activations.training_bytes(graph.trace(model)) == 4 * kept


def test_kerass_own_attention():
    tokens = keras.Input((10, 8))
    model = keras.Model(tokens, layers.MultiHeadAttention(2, 3, flash_attention=False)(tokens, tokens))
    assert total(model) == 3 * 10 * 8 * 6 + 2 * 2 * 10 * 10 * 3 + 10 * 6 * 8


class Opaque(layers.Layer):
    """Calls its backend, which takes no symbolic tensors."""

    def __init__(self, shape, **options):
        super().__init__(**options)
        self.weight = self.add_weight(shape=shape, name="weight")

    def call(self, x):
        return x * float(np.asarray(x).size) if isinstance(x, keras.KerasTensor) else x

    def compute_output_shape(self, shape):
        return shape


def test_a_layer_that_cannot_be_counted_is_named(monkeypatch, capsys):
    image = keras.Input((8, 8, 3), name="image")
    x = Opaque((3,), name="scale")(layers.Conv2D(4, 1, name="conv")(image))  # a vector: a norm, a bias
    x = Opaque((4, 4), name="matrix")(x)
    found = {call.name: macs.count(call) for call in graph.trace(keras.Model(image, x)).calls}
    assert not found["scale"].uncounted and found["scale"].macs == 0
    assert [call.name for call in found["matrix"].uncounted] == ["matrix"]

    monkeypatch.setattr("models.build", lambda *_, **__: keras.Model(image, x))
    row = model_costs.count("strange", {}, (8, 8))
    assert row["macs"] == 64 * 3 * 4 and row["uncounted"] == ["matrix (Opaque)"]
    assert row["training_bytes"] == 4 * 64 * (3 + 4 + 4 + 4)  # inputs of all three, and the logits
    line, note = summary.row(row).splitlines()
    assert line.split()[2] == ">=0.00" and note.endswith("not counted: matrix (Opaque)")
    summary.print_layers(row["layers"])
    assert capsys.readouterr().out.splitlines()[-2].split()[-2] == "?"


def test_operations_with_others_inside_cannot_be_counted():
    x = keras.Input((6, 4))
    model = keras.Model(x, ops.vectorized_map(lambda row: row * 2.0, x))
    (call,) = graph.trace(model).calls[1:]
    assert macs.count(call).uncounted == [call]


def test_the_report_marks_a_lower_bound():
    figures = {"model": "unet", "parameters": 1, "macs": 2e9, "weight_bytes": 4}
    results = {"models": [figures, figures | {"options": {"width": 4}, "uncounted": ["lstm (LSTM)"]}]}
    record = {"settings": {"size": [8, 8]}, "results": results, "date": "2026-01-01T00:00:00Z"}
    found = cost_rows.costs(record)
    assert [cost.lower_bound for cost in found] == [False, True]

    class Records:
        costs = found

    ((_, rows),) = costs.costs(Records).tables[0].groups
    assert [row[2].mark for row in rows] == ["", "at least"]
