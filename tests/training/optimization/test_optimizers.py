"""Optimizers against NumPy: the named step, the penalty, clipping, accumulation, averages, loss scaling."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import models
from training import config
from training.optimization import defaults, optimizers, schedules
from training.optimization.rates import Rates
from training.run import checkpoints

RATE, PENALTY = 0.1, 0.5


def settings(optimizer="sgd", **given):
    rates = given.pop("rates", Rates("constant", RATE))
    plain = {"model": "fastscnn", "optimizer": optimizer, "weight_decay": 0.0, "ema": 0.0}
    given = {**plain, "rates": rates, **given}
    return config.new(given, "town")


def dense():
    """A model of one kernel [3, 2], one bias [2], and batch norm, with weights that are not alike."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.BatchNormalization()])
    random = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(random.normal(1, 0.3, weight.shape))
    return model


def train_batch_norm(model, seed):
    """Move the model's moving statistics, as a step in training does; the mean and variance of its batch."""
    batch = np.random.default_rng(seed).uniform(1, 3, (2, 2))
    for moving, value in zip(model.weights[-2:], batch):
        moving.assign(0.99 * moving + 0.01 * value)  # Keras's momentum
    return batch


def gradients_of(model, seed):
    random = np.random.default_rng(seed)
    return [random.normal(0, 1, weight.shape).astype("float32") for weight in model.trainable_variables]


def values(model):
    return [weight.numpy() for weight in model.trainable_variables]


# One step in NumPy: (state, gradient, t from 1) -> what is subtracted from the weight.
def sgd(s, g, t):
    s["m"] = 0.9 * s.get("m", 0) + RATE * g
    return s["m"]


def sgd_nesterov(s, g, t):
    return 0.9 * sgd(s, g, t) + RATE * g


def moments(s, g):
    s["m"] = 0.9 * s.get("m", 0) + 0.1 * g
    s["v"] = 0.999 * s.get("v", 0) + 0.001 * g**2


def adam(s, g, t):
    moments(s, g)
    return RATE * (s["m"] / (1 - 0.9**t)) / np.sqrt(s["v"] / (1 - 0.999**t))


def adamax(s, g, t):
    s["m"] = 0.9 * s.get("m", 0) + 0.1 * g
    s["u"] = np.maximum(0.999 * s.get("u", 0), np.abs(g))
    return RATE * s["m"] / (1 - 0.9**t) / s["u"]


def nadam(s, g, t):
    moments(s, g)
    now, later = (0.9 * (1 - 0.5 * 0.96**k) for k in (t, t + 1))
    s["p"] = s.get("p", 1.0) * now
    m = later * s["m"] / (1 - s["p"] * later) + (1 - now) * g / (1 - s["p"])
    return RATE * m / np.sqrt(s["v"] / (1 - 0.999**t))


def rmsprop(s, g, t):
    s["v"] = 0.9 * s.get("v", 0) + 0.1 * g**2
    s["m"] = 0.5 * s.get("m", 0) + RATE * g / np.sqrt(s["v"] + 1e-7)
    return s["m"]


def adagrad(s, g, t):
    s["v"] = s.get("v", 0.1) + g**2
    return RATE * g / np.sqrt(s["v"])


def adadelta(s, g, t):
    s["v"] = 0.95 * s.get("v", 0) + 0.05 * g**2
    step = np.sqrt(s.get("d", 0) + 1e-7) / np.sqrt(s["v"] + 1e-7) * g
    s["d"] = 0.95 * s.get("d", 0) + 0.05 * step**2
    return RATE * step


BY_HAND = {
    "adadelta": adadelta,
    "adagrad": adagrad,
    "adam": adam,
    "adamax": adamax,
    "adamw": adam,
    "ftrl": adagrad,  # without penalties, McMahan 2011, theorem 2
    "nadam": nadam,
    "rmsprop": rmsprop,
    "sgd": sgd,
    "sgd_nesterov": sgd_nesterov,
}


@pytest.mark.parametrize("name", sorted(defaults.OPTIMIZERS))
def test_three_steps_of_every_optimizer_with_the_penalty(name):
    given = {"momentum": 0.5} if name == "rmsprop" else {}
    model = dense()
    expected, states = values(model), [{} for _ in model.trainable_variables]
    optimizer = optimizers.build(settings(name, weight_decay=PENALTY, **given), 10, model)
    for t in (1, 2, 3):
        gradients = gradients_of(model, t)
        optimizer.apply(gradients, model.trainable_variables)
        for i, gradient in enumerate(gradients):
            if i == 0 and name == "adamw":
                expected[i] = expected[i] * (1 - RATE * PENALTY)
            elif i == 0:  # the kernel
                gradients[i] = gradient + PENALTY * expected[i]
            expected[i] = expected[i] - BY_HAND[name](states[i], gradients[i], t)
    for weight, by_hand in zip(values(model), expected):
        np.testing.assert_allclose(weight, by_hand, rtol=2e-4, atol=2e-5)


def test_the_penalty_is_on_kernels_alone_and_not_on_depthwise_ones():
    model = models.build("fastscnn", (32, 64, 3), 19, preset="paper")  # has separable ones as well
    penalised = {variable.path for variable in optimizers.penalised(model)}
    spared = {variable.path for variable in model.trainable_variables} - penalised
    endings = ("gamma", "beta", "bias", "depthwise_kernel", "depthwise/kernel")
    assert all(path.endswith(endings) for path in spared)
    assert not any(path.endswith(endings) for path in penalised)
    assert "downsample1_conv/kernel" in penalised and "classifier_scores/kernel" in penalised
    assert any(path.endswith("depthwise/kernel") for path in spared)
    assert any(path.endswith("depthwise_kernel") for path in spared)
    assert any(path.endswith("pointwise_kernel") for path in penalised)


def test_kernels_of_a_model_in_the_model_are_found():
    encoder = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.DepthwiseConv2D(3), keras.layers.Conv2D(2, 1)], name="encoder"
    )
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, keras.layers.Conv2D(1, 1, name="head")(encoder(image)))
    assert [v.shape for v in optimizers.penalised(model)] == [(1, 1, 3, 2), (1, 1, 2, 1)]


class Block(keras.layers.Layer):
    """A layer that owns layers: one as an attribute, the others in a list and a dictionary."""

    def __init__(self, **options):
        super().__init__(**options)
        self.depthwise = keras.layers.DepthwiseConv2D(3, padding="same", name="depthwise")
        self.convolutions = [keras.layers.SeparableConv2D(2, 3, name="separable")]
        self.norms = {"last": keras.layers.BatchNormalization(name="norm")}

    def call(self, x, training=None):
        return self.norms["last"](self.convolutions[0](self.depthwise(x)), training=training)


class Stage(keras.layers.Layer):
    """A layer that owns such a layer."""

    def __init__(self, **options):
        super().__init__(**options)
        self.block = Block(name="block")
        self.conv = keras.layers.Conv2D(2, 1, name="conv")

    def call(self, x, training=None):
        return self.conv(self.block(x, training=training))


def test_kernels_of_layers_in_layers_are_found():
    image = keras.Input((8, 8, 3))
    encoder = keras.Model(image, Stage(name="stage")(Block(name="block")(image)), name="encoder")
    model = keras.Model(image, keras.layers.Conv2D(1, 1, name="head")(encoder(image)))
    assert [variable.path for variable in optimizers.penalised(model)] == [
        "block/separable/pointwise_kernel",
        "stage/block/separable/pointwise_kernel",
        "stage/conv/kernel",
        "head/kernel",
    ]


def test_gradients_are_clipped_to_their_global_norm_before_the_penalty():
    model = dense()
    before, gradients = values(model), gradients_of(model, 1)
    norm = np.sqrt(sum((g**2).sum() for g in gradients))
    given = {"momentum": 0.0, "clip_norm": float(norm / 4), "weight_decay": PENALTY}
    optimizers.build(settings(**given), 10, model).apply(gradients, model.trainable_variables)
    for i, (after, start, gradient) in enumerate(zip(values(model), before, gradients)):
        penalty = PENALTY * start if i == 0 else 0
        np.testing.assert_allclose(after, start - RATE * (gradient / 4 + penalty), rtol=1e-5)


def test_accumulated_steps_are_one_update_by_the_mean_gradient():
    model, other = dense(), dense()
    # the rate falls at every step; the update of steps 0, 1, 2 uses the rate of step 2
    rates = Rates("polynomial", 1.0, 0.0, power=1.0)
    given = {"accumulate": 3, "weight_decay": PENALTY, "clip_norm": 0.5, "rates": rates, "epochs": 1}
    optimizer = optimizers.build(settings(**given), 10, model)
    steps = [gradients_of(model, seed) for seed in range(3)]
    for gradients in steps[:2]:
        optimizer.apply(gradients, model.trainable_variables)
        np.testing.assert_array_equal(values(model)[0], values(other)[0])
    optimizer.apply(steps[2], model.trainable_variables)
    given |= {"accumulate": 1, "rates": Rates("constant", 0.8)}
    mean = [np.mean(parts, axis=0) for parts in zip(*steps)]
    optimizers.build(settings(**given), 10, other).apply(mean, other.trainable_variables)
    for ours, theirs in zip(values(model), values(other)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


class TestAverages:
    def test_follow_all_weights_by_hand(self):
        model = dense()
        optimizer = optimizers.build(settings(ema=0.15), 10, model)
        expected = [np.zeros(weight.shape) for weight in model.weights]
        for n in (1, 2, 3, 4):
            batch = train_batch_norm(model, n)
            optimizer.apply(gradients_of(model, n), model.trainable_variables)
            own = [weight.numpy() for weight in model.weights]
            now = own if n == 1 else [*own[:-2], *batch]  # before the first one nothing is known
            kept = min(0.15, (n - 1) / (n + 9))  # 0, 1/11, 1/6 -> 0.15, 0.15
            expected = [kept * e + (1 - kept) * value for e, value in zip(expected, now)]
        with checkpoints.in_place(model, optimizer):
            for i, (weight, by_hand) in enumerate(zip(model.weights, expected)):
                exact = 1e-5 if i < 4 else 1e-4  # a statistic's step is taken a hundredfold
                np.testing.assert_allclose(weight, by_hand, rtol=exact)
        for weight, before in zip(model.weights, own):
            np.testing.assert_array_equal(weight, before)

    def test_statistics_of_accumulated_steps_are_those_of_all_their_batches(self):
        model = dense()
        optimizer = optimizers.build(settings(ema=0.9, accumulate=2), 10, model)
        batches = []
        for n in range(4):
            batches.append(train_batch_norm(model, n))
            optimizer.apply(gradients_of(model, n), model.trainable_variables)
            if n == 1:
                first = [weight.numpy() for weight in model.weights[-2:]]
        both = [(0.99 * third + fourth) / 1.99 for third, fourth in zip(*batches[2:])]
        with checkpoints.in_place(model, optimizer):
            for weight, start, later in zip(model.weights[-2:], first, both):
                np.testing.assert_allclose(weight, start / 11 + later * 10 / 11, rtol=1e-4)

    def test_a_variance_is_never_below_0(self):
        """Where a step was skipped, two batches are between two updates, and are taken for one."""
        model = dense()
        optimizer = optimizers.build(settings(ema=0.9), 10, model)
        for n in range(3):
            optimizer.apply(gradients_of(model, n), model.trainable_variables)
            model.weights[-1].assign(0.8 * model.weights[-1])
        with checkpoints.in_place(model, optimizer):
            assert (model.weights[-1].numpy() >= 0).all()

    def test_move_once_for_each_update_of_accumulated_steps(self):
        model = dense()
        optimizer = optimizers.build(settings(ema=0.9, accumulate=2), 10, model)
        updates = []
        for n in range(4):
            optimizer.apply(gradients_of(model, n), model.trainable_variables)
            updates.append(values(model)[0])
        by_hand = updates[1] / 11 + updates[3] * 10 / 11
        with checkpoints.in_place(model, optimizer):
            np.testing.assert_allclose(values(model)[0], by_hand, rtol=1e-5)

    def test_without_them_nothing_is_swapped(self):
        model = dense()
        optimizer = optimizers.build(settings(), 10, model)
        assert not checkpoints.has_averages(optimizer)
        with checkpoints.in_place(model, optimizer):
            assert [weight.shape for weight in model.weights] == [(3, 2), (2,), (2,), (2,), (2,), (2,)]


def test_a_step_that_overflows_in_float16_changes_nothing_but_the_scale():
    model = dense()
    given = {"precision": "mixed_float16", "ema": 0.9, "accumulate": 2, "weight_decay": PENALTY}
    optimizer = optimizers.build(settings("adam", **given), 10, model)
    scale = float(optimizer.scale_loss(1.0))
    for n in range(2):
        optimizer.apply([g * scale for g in gradients_of(model, n)], model.trainable_variables)
    before = [v.numpy() for v in (*model.weights, *optimizer.inner_optimizer.variables)]
    optimizer.apply([g * np.inf for g in gradients_of(model, 2)], model.trainable_variables)
    for variable, value in zip((*model.weights, *optimizer.inner_optimizer.variables), before):
        np.testing.assert_array_equal(variable, value)
    assert float(optimizer.scale_loss(1.0)) == scale / 2
    plain = dense()
    unscaled = optimizers.build(settings("adam", **given | {"precision": "float32"}), 10, plain)
    for n in range(2):
        unscaled.apply(gradients_of(plain, n), plain.trainable_variables)
    for ours, theirs in zip(values(model), values(plain)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(defaults.OPTIMIZERS))
def test_its_variables_are_all_that_a_resumed_run_needs(name):
    given = {"precision": "mixed_float16", "accumulate": 2, "ema": 0.9, "weight_decay": PENALTY}
    given |= {"rates": Rates("cosine", 0.1)}

    def fresh():
        model = dense()
        optimizer = optimizers.build(settings(name, **given), 10, model)
        return (
            model,
            optimizer,
            tf.function(lambda gradients: optimizer.apply(gradients, model.trainable_variables)),
        )

    model, optimizer, apply = fresh()
    again, resumed, apply_resumed = fresh()
    for n in range(3):  # in the midst of an accumulation
        apply(gradients_of(model, n))
    for to, of in zip((*again.weights, *resumed.variables), (*model.weights, *optimizer.variables)):
        to.assign(of)
    for n in range(3, 7):
        apply(gradients_of(model, n))
        apply_resumed(gradients_of(model, n))
    for ours, theirs in zip((*again.weights, *resumed.variables), (*model.weights, *optimizer.variables)):
        np.testing.assert_array_equal(ours, theirs)


def test_ftrl_keeps_initial_weights_and_follows_a_changing_rate():
    rates = Rates("cyclic", 0.5, 0.01, cycle=1)
    trained = []
    for name in ("ftrl", "adagrad"):
        model = dense()
        optimizer = optimizers.build(settings(name, rates=rates), 10, model)
        for n in range(15):
            optimizer.apply(gradients_of(model, n), model.trainable_variables)
        trained.append(values(model))
    for ftrl, by_adagrad in zip(*trained):
        np.testing.assert_allclose(ftrl, by_adagrad, rtol=1e-4, atol=1e-5)


def test_the_rate_is_that_of_the_next_step():
    model = dense()
    rates = Rates("polynomial", 1.0, 0.0, power=1.0)
    for precision in ("float32", "mixed_float16"):
        optimizer = optimizers.build(settings(rates=rates, epochs=1, precision=precision), 10, model)
        assert optimizers.learning_rate(optimizer) == 1.0
        optimizer.apply(gradients_of(model, 0), model.trainable_variables)
        assert optimizers.learning_rate(optimizer) == pytest.approx(0.9)
        assert isinstance(optimizers.inner(optimizer)._learning_rate, schedules.LearningRateSchedule)
