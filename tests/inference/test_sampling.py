"""Monte-Carlo dropout: the cut before the first dropout, and the passes' means, against NumPy by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import dropping
import models
from common.errors import UserError
from data.label_sets import CITYSCAPES
from deploy import export, sample_parity
from inference import sampling
from inference.graph_interface import GraphInterface
from inference.keras_runtime import KerasRuntime
from inference.sampling import SamplingRuntime, split
from models.layers import BatchNorm
from models.pooling import PoolWithPosition, Unpool

SIZE, CLASSES = (8, 12), 4


class Counting(layers.Layer):
    """Counts how often it runs and hands its input on."""

    def __init__(self, **options):
        super().__init__(**options)
        self.calls = tf.Variable(0)

    def call(self, inputs):
        self.calls.assign_add(1)
        return inputs


def tiny(dropout=0.5, counting=True):
    """A network whose positions, statistics and a skip connection cross the cut; two dropouts in a row."""
    count = Counting if counting else layers.Identity
    image = keras.Input((*SIZE, 3), name="image")
    x = layers.Rescaling(1 / 64, offset=-2.0)(image)
    x = count(name="trunk")(layers.Conv2D(6, 3, padding="same", name="first")(x))
    skip = BatchNorm(name="trunk_bn")(x)
    x, position = PoolWithPosition(name="pool")(skip)
    x = layers.Dropout(dropout, name="drop1")(x)
    x = BatchNorm(name="head_bn")(layers.Conv2D(6, 1, name="second")(x))
    x = layers.Dropout(dropout, name="drop2")(count(name="head")(x))
    x = layers.Add()([Unpool(name="unpool")([x, position]), skip])
    logits = layers.Conv2D(CLASSES, 1, name="logits")(x)
    model = keras.Model(image, logits, name="tiny")
    random = np.random.default_rng(0)
    model.set_weights(
        [random.uniform(0.3, 1.5, w.shape) * random.choice([-1, 1]) for w in model.get_weights()]
    )
    for name in ("trunk_bn", "head_bn"):
        model.get_layer(name).moving_variance.assign(random.uniform(0.5, 2.0, 6))
    return model


def images(count=1, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *SIZE, 3), np.uint8)


def entropy(softmax):
    return -(softmax * np.log(softmax)).sum(-1)


def softmax(logits):
    return np.array(tf.nn.softmax(tf.cast(logits, tf.float64)))


class TestSplit:
    def test_carries_all_tensors_that_cross(self):
        model = tiny()
        trunk, head, dropouts = split(model)
        crossing = {tensor.name for tensor in trunk.outputs}
        pooled, position = model.get_layer("pool").output
        assert crossing == {pooled.name, position.name, model.get_layer("trunk_bn").output.name}
        assert [dropout.name for dropout in dropouts] == ["drop1_active", "drop2_active"]
        assert model.get_layer("second") in head.layers  # shared, not copied

    def test_of_bayes_segnet_is_after_the_third_block(self):
        model = models.build("bayes_segnet", (32, 32, 3), 19)
        trunk, head, dropouts = split(model)
        assert len(dropouts) == 6
        assert len(trunk.outputs) == 4  # the third block's features, three positions
        convolutions = [layer.name for layer in trunk.layers if layer.name.endswith("_conv")]
        assert convolutions == [
            f"encoder{b}_{n}_conv" for b, c in ((1, 2), (2, 2), (3, 3)) for n in range(1, c + 1)
        ]
        x = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), np.uint8)
        assert len(head.trainable_variables) + len(trunk.trainable_variables) == len(
            model.trainable_variables
        )
        with_dropout = head(trunk(x, training=False), training=False)
        assert with_dropout.shape == (1, 32, 32, 19)
        logits = model(x)
        assert np.abs(with_dropout - logits).max() > 0.1 * np.abs(logits).max()

    def test_without_dropping_is_the_model(self, monkeypatch):
        monkeypatch.setattr(sampling.ActiveDropout, "call", lambda self, inputs: inputs)
        model = tiny()
        trunk, head, _ = split(model)
        x = images(2)
        np.testing.assert_allclose(head(trunk(x)), model(x), rtol=1e-5, atol=1e-5)

    def test_of_a_network_without_dropout_is_one_line(self):
        with pytest.raises(UserError, match="^tiny has no dropout to sample; leave `dropout_passes` out$"):
            split(tiny(dropout=0.0))

    def test_leaves_the_model_as_it_was(self):
        model = tiny()
        before = model(images()).numpy()
        SamplingRuntime(model, 3, 0, jit=False, label_set=CITYSCAPES).sample(images())
        np.testing.assert_array_equal(model(images()), before)


class TestSample:
    def by_hand(self, model, samples, seed, x):
        """The passes one by one by the head, with the runtime's seeds and one pass at a time."""
        trunk, head, dropouts = split(model)
        for dropout, part in zip(dropouts, np.random.SeedSequence(seed).generate_state(len(dropouts))):
            dropout.seed_generator.state.assign([part, 0])
        return softmax(
            np.concatenate([head(trunk(x), training=False) for _ in range(samples)])
        )  # [T, H, W, C]

    def test_is_the_mean_of_the_passes(self, monkeypatch):
        monkeypatch.setattr(sampling, "PIXELS", SIZE[0] * SIZE[1])  # one pass at a time
        model, x = tiny(), images()
        found = SamplingRuntime(model, 5, 7, jit=False, label_set=CITYSCAPES).sample(x)
        passes = self.by_hand(model, 5, 7, x)
        assert np.ptp(passes, axis=0).max() > 0.1  # dropout is active, and each pass another
        mean = passes.mean(0)
        np.testing.assert_array_equal(found.labels[0], mean.argmax(-1))
        np.testing.assert_allclose(found.entropy[0], entropy(mean), rtol=1e-4, atol=1e-5)
        expected = entropy(mean) - entropy(passes).mean(0)
        assert expected.max() > 0.02
        np.testing.assert_allclose(found.mutual_information[0], expected, rtol=1e-3, atol=1e-5)

    @pytest.mark.parametrize("size", [(40, 56), (9, 14)], ids=str)
    def test_of_another_size_resizes_the_mean_and_the_uncertainties(self, monkeypatch, size):
        monkeypatch.setattr(sampling, "PIXELS", SIZE[0] * SIZE[1])  # one pass at a time
        model, x = tiny(), images()
        runtime = SamplingRuntime(model, 5, 7, jit=False, label_set=CITYSCAPES)
        own, found = runtime.sample(x), runtime.sample(x, size)
        mean = self.by_hand(model, 5, 7, x).mean(0)
        scores = tf.image.resize(np.log(mean), size).numpy()
        assert found.labels.shape == (1, *size)
        assert (found.labels[0] == scores.argmax(-1)).mean() > 0.999
        np.testing.assert_array_equal(runtime.predict(x, size), found.labels)
        for name in ("entropy", "mutual_information"):
            expected = tf.image.resize(getattr(own, name)[..., None], size)[..., 0]
            np.testing.assert_allclose(getattr(found, name), expected, rtol=1e-4, atol=1e-5)
        assert (found.mutual_information <= found.entropy + 1e-6).all()

    def test_of_several_passes_at_a_time_uses_each_of_them(self, monkeypatch):
        model, x = tiny(), images()
        passes = {}

        def remember(self, inputs):
            dropped = self.dropout(inputs, training=True)
            passes.setdefault(self.name, []).append(tuple(inputs.shape))
            return dropped

        monkeypatch.setattr(sampling.ActiveDropout, "call", remember)
        monkeypatch.setattr(sampling, "PIXELS", 3 * SIZE[0] * SIZE[1])
        found = SamplingRuntime(model, 5, 7, jit=False, label_set=CITYSCAPES).sample(x)
        assert {shape[0] for shape in passes["drop1_active"]} >= {3, 2}
        assert found.labels.shape == (1, *SIZE) and found.labels.dtype == np.uint8
        assert found.entropy.dtype == found.mutual_information.dtype == np.float32

    def test_hardly_depends_on_how_many_run_at_a_time(self, monkeypatch):
        """Other random numbers, the same mean: a wrong divisor or a pass left out would show."""
        model, x = tiny(), images()
        together = SamplingRuntime(model, 300, 1, jit=False, label_set=CITYSCAPES).sample(x)
        monkeypatch.setattr(sampling, "PIXELS", 70 * SIZE[0] * SIZE[1])
        apart = SamplingRuntime(model, 300, 2, jit=False, label_set=CITYSCAPES).sample(x)
        for name in ("entropy", "mutual_information"):
            difference = np.abs(getattr(together, name) - getattr(apart, name))
            assert 0 < difference.mean() < 0.03 < getattr(together, name).mean()

    def test_repeats_with_its_seed(self):
        model, x = tiny(), images()
        first, again, other = (
            SamplingRuntime(model, 3, seed, jit=False, label_set=CITYSCAPES).sample(x) for seed in (1, 1, 2)
        )
        np.testing.assert_array_equal(first.entropy, again.entropy)
        assert np.abs(first.entropy - other.entropy).max() > 1e-3

    def test_of_a_image_depends_on_no_other(self):
        runtime = SamplingRuntime(tiny(), 3, 0, jit=False, label_set=CITYSCAPES)
        pair = images(2)
        together = runtime.sample(pair)
        for number in (1, 0):
            alone = runtime.sample(pair[number : number + 1])
            np.testing.assert_allclose(alone.entropy[0], together.entropy[number], rtol=1e-5, atol=1e-6)
            np.testing.assert_array_equal(alone.labels[0], together.labels[number])
        assert np.abs(together.entropy[0] - together.entropy[1]).max() > 1e-2

    def test_computes_the_trunk_once_and_leaves_the_statistics(self, monkeypatch):
        monkeypatch.setattr(sampling, "PIXELS", SIZE[0] * SIZE[1])
        model = tiny()
        before = [weight.copy() for weight in model.get_weights()]
        runtime = SamplingRuntime(model, 6, 0, jit=False, label_set=CITYSCAPES)
        runtime.sample(images())  # traced
        for name in ("trunk", "head"):
            model.get_layer(name).calls.assign(0)
        runtime.sample(images())
        assert int(model.get_layer("trunk").calls) == 1
        assert int(model.get_layer("head").calls) == 6
        for old, new in zip(before, model.get_weights()):
            np.testing.assert_array_equal(old, new)

    def test_void_of_an_old_network_is_no_answer(self):
        model = dropping.network(classes=CITYSCAPES.classes + 1)
        model.get_layer("logits").bias.assign(np.eye(20)[19] * 1e4)  # void everywhere
        found = SamplingRuntime(model, 3, 0, jit=False, label_set=CITYSCAPES).sample(dropping.images())
        assert found.labels.max() < CITYSCAPES.classes and found.entropy.max() > 0.1
        interface = GraphInterface(dropout_passes=3)
        assert sample_parity.measure(
            export.export(model, interface, CITYSCAPES), model, interface, CITYSCAPES, dropping.images()
        ).passed

    def test_of_one_pass_has_no_disagreement(self):
        found = SamplingRuntime(tiny(), 1, 0, jit=False, label_set=CITYSCAPES).sample(images())
        assert found.mutual_information.max() < 1e-6 and found.entropy.max() > 0.1

    @pytest.mark.parametrize("certain", [True, False])
    def test_of_certain_passes_that_disagree_or_not(self, certain):
        """The same class with certainty in every pass: no uncertainty. A random one: all of it is mutual."""
        image = keras.Input((*SIZE, 3))
        x = layers.Rescaling(0.0, offset=1.0)(image)
        x = layers.Dropout(0.5)(x[..., :1])  # 0 or 2
        kernel = np.full((1, 1, 1, 2), 0.0 if certain else 100.0, "float32") * [[[[1, -1]]]]
        logits = layers.Conv2D(2, 1, name="logits")
        model = keras.Model(image, logits(x))
        logits.set_weights([kernel, np.array([50.0, -50.0] if certain else [-100.0, 100.0])])
        found = SamplingRuntime(model, 400, 0, jit=False, label_set=CITYSCAPES).sample(images())
        expected = 0.0 if certain else np.log(2)
        np.testing.assert_allclose(found.entropy, expected, atol=0.05)
        np.testing.assert_allclose(found.mutual_information, expected, atol=0.05)
        assert np.isfinite(found.entropy).all() and (found.mutual_information >= 0).all()

    def test_compiled_by_xla_is_alike(self):
        model, x = tiny(counting=False), images()  # XLA would compile the counters' assignments as well
        plain, compiled = (
            SamplingRuntime(model, 300, 0, jit, label_set=CITYSCAPES).sample(x) for jit in (False, True)
        )
        assert np.abs(plain.entropy - compiled.entropy).mean() < 0.03


def test_passes_are_shared_out_evenly():
    assert sampling.rounds(10, (1024, 2048)) == [1] * 10
    assert sampling.rounds(10, (512, 1024)) == [4, 3, 3]
    assert sampling.rounds(5, (64, 128)) == [5]
    assert sum(sampling.rounds(50, (512, 512))) == 50


def test_fast_scnn_samples_as_well():
    runtime = KerasRuntime(
        models.build("fastscnn", (32, 64, 3), 19, dropout=0.3), jit=False, label_set=CITYSCAPES
    ).sampling(4, seed=3)
    x = np.random.default_rng(0).integers(0, 256, (2, 32, 64, 3), np.uint8)
    found = runtime.sample(x)
    np.testing.assert_array_equal(runtime.predict(x), found.labels)
    assert (runtime.name, runtime.size) == ("fastscnn", (32, 64))
    assert found.labels.shape == (2, 32, 64) and found.mutual_information.max() > 0
