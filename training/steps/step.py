"""One training step and one validation step, compiled."""

from contextlib import nullcontext
from dataclasses import replace

import keras
import numpy as np
import tensorflow as tf

from common import devices
from data.label_sets import IGNORED
from models.layers import Resize, synchronized_statistics
from training.losses.heads import LOSSES
from training.losses.scored import CLASSES, Scored
from training.losses.total import PLAIN, Loss
from training.losses.upsampled import upsampled_cross_entropy_sums
from training.optimization import optimizers
from training.ranks.ranks import ALONE, Ranks
from training.steps.remat import Rematerialized


def loss_head(model: keras.Model, loss: Loss = PLAIN):
    """Split a model into what is differentiated as a graph and the loss that fits its output.

    On a CPU a model that ends by resizing its scores by an even factor is cut before that: plain
    cross-entropy does the resizing itself, in a form that suits a processor's caches. On a GPU, with or
    without XLA, nothing is cut.

    Args:
        model: with one output, or a dict of `logits` and of auxiliary heads, whose losses count
            `loss.auxiliary` times their own weight.
        loss: of one output.

    Returns:
        (model to call, loss(output, labels)).
    """
    if not isinstance(model.output, dict):
        scores, loss_of = _scores_and_loss(model.get_layer("logits"), loss)
        if scores is model.output:
            return model, loss
        return keras.Model(model.input, scores, name=model.name), loss_of
    heads = {name: loss.heads[name] for name in model.output if name != "logits"}
    if any(head.loss in LOSSES for head in heads.values()):  # which take outputs at the image's size
        parts = {name: (output, loss) for name, output in model.output.items()}
    else:
        parts = {name: _scores_and_loss(model.get_layer(name), loss) for name in model.output}
    network = keras.Model(model.input, {name: scores for name, (scores, _) in parts.items()}, name=model.name)

    def of_head(name, head, outputs, labels):
        if head.loss in LOSSES:
            found = loss.of_outputs(head.loss)(outputs, labels)
        else:
            found = parts[name][1](outputs[name], labels)
        return loss.auxiliary * head.weight * found

    def weighted_sum(outputs, labels):
        of_logits = parts["logits"][1](outputs["logits"], labels)
        return tf.add_n([of_logits, *(of_head(*head, outputs, labels) for head in heads.items())])

    return network, weighted_sum


def _scores_and_loss(last, loss: Loss):
    """The output of a model's last layer, or what it resizes; and the loss that fits."""
    if loss.plain and isinstance(last, Resize) and not last.align_corners and not devices.has_gpu():
        scores = last.input
        factors = {last.height / scores.shape[1], last.width / scores.shape[2]}
        if len(factors) == 1 and factors.pop() % 2 == 0:
            return scores, loss.of_scores(upsampled_cross_entropy_sums)
    return last.output, loss


def training_step(
    model: keras.Model,
    optimizer,
    jit: bool,
    remat: bool = False,
    loss: Loss = PLAIN,
    ranks: Ranks = ALONE,
    synchronize: bool = False,
):
    """A compiled function (images uint8 [B, H, W, 3], labels uint8 [B, H, W]) -> loss, float32 scalar.

    Gradients are those of the loss times the optimizer's loss scale, summed over the ranks
    (`Loss.across_ranks` makes that the whole batch's); where several steps are accumulated, the optimizer
    sums them once. Batch norm's moving statistics become their mean over the ranks at each step, so that
    all ranks hold the same bits throughout.

    A step whose float16 gradients overflow on any rank is skipped by the optimizers of all, which lower their
    scale. A loss or gradient that is not finite for any other reason changes nothing: that step and all later
    ones return NaN and leave the weights alone. `remat` recomputes activations instead of keeping them.
    `synchronize` has batch norm normalise by the images of all GPUs (PyTorch's SyncBatchNorm).
    """
    network, loss_of = loss_head(model, replace(loss, across_ranks=ranks.across))
    if remat:
        network = Rematerialized(network)
    statistics = [weight.value for weight in model.weights if weight.name.startswith("moving_")]
    with ranks.scope():
        sound = tf.Variable(True, trainable=False, name="sound")

    def differentiate(images, labels):
        together = synchronized_statistics(ranks.sums, ranks.gpus) if synchronize else nullcontext()
        with together:  # the backward pass as well, in which `remat` computes forward again
            with tf.GradientTape() as tape:
                loss = loss_of(network(ranks.share(images), training=True), ranks.share(labels))
                scaled = optimizer.scale_loss(loss)
            gradients = tape.gradient(scaled, network.trainable_variables)
        if optimizers.steps_to_update(optimizer) == 1:
            gradients = ranks.sum_gradients(gradients)
        finite = all_finite(gradients)
        if ranks.gpus > 1:
            finite = exchange(ranks, finite, statistics)
            gradients = [tf.where(finite, gradient, np.nan) for gradient in gradients]  # or all overflow
        return loss, gradients, finite

    def update(gradients):
        optimizer.apply(gradients, network.trainable_variables)

    # without AutoGraph, here as elsewhere: no branch depends on a tensor, and converting takes a second
    @tf.function(autograph=False, jit_compile=jit)
    def step(images, labels):
        loss, gradients, finite = ranks.on_gpus(differentiate, images, labels)
        loss, finite = ranks.parts(loss)[0], ranks.parts(finite)[0]  # the same on all
        sound.assign(sound & tf.math.is_finite(loss) & (finite | overflow_is_expected(optimizer)))
        # a branch may start all GPUs, but none of them a branch that waits for the others
        tf.cond(sound, lambda: ranks.on_gpus(update, gradients), lambda: None)
        return tf.where(sound, loss, np.nan)

    # TensorFlow's optimized graph takes no less time a step on a CPU, but seconds until the first
    return step if jit or devices.has_gpu() else devices.as_traced()(step)


def all_finite(tensors: list[tf.Tensor]) -> tf.Tensor:
    """Whether no number in them is infinite or NaN, in two operations a tensor."""
    axes = {rank: tf.range(rank) for rank in {tensor.shape.rank for tensor in tensors}}
    finite = [
        tf.raw_ops.All(input=tf.math.is_finite(tensor), axis=axes[tensor.shape.rank]) for tensor in tensors
    ]
    return tf.reduce_all(finite)


def exchange(ranks: Ranks, finite: tf.Tensor, statistics: list[tf.Variable]) -> tf.Tensor:
    """Average batch norm's statistics over the GPUs, in place; whether all is finite on all of them."""
    faults, *sums = ranks.sums([tf.cast([~finite], tf.float32), *statistics])
    for statistic, total in zip(statistics, sums):
        statistic.assign(total / ranks.gpus)
    return tf.equal(faults[0], 0.0)


def overflow_is_expected(optimizer) -> tf.Tensor:
    """Whether loss scaling explains gradients that are not finite; a scale below 1 no longer does."""
    if not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return tf.constant(False)
    return tf.convert_to_tensor(optimizer.dynamic_scale) >= 1.0


def validation_step(
    model: keras.Model, classes: int, jit: bool, ranks: Ranks = ALONE, scored: Scored = CLASSES
):
    """A compiled function (images, labels) -> (summed loss, confusion matrix int64 [C, C], prediction).

    Rows of the matrix are the truth, columns the prediction, uint8 [B, H, W]. All three can be summed
    or kept: ratios are taken by the caller, once. `scored` says what is compared, as one of `classes`.
    """

    def score(images, labels):
        labels = scored.truth(ranks.share(labels))
        outputs = model(ranks.share(images), training=False)  # [B, H, W, C]
        prediction = scored.prediction(outputs)
        cells = tf.where(
            labels == IGNORED, classes * classes, tf.cast(labels, tf.int32) * classes + prediction
        )
        cells = tf.reshape(cells, [-1])
        counts = tf.math.unsorted_segment_sum(
            tf.ones_like(cells), cells, classes**2 + 1
        )  # XLA has no bincount
        matrix = tf.reshape(counts[:-1], [classes, classes])  # the last cell counted the ignored
        return scored.loss_sum(outputs, labels), matrix, tf.cast(prediction, tf.uint8)

    @tf.function(autograph=False, jit_compile=jit)
    def step(images, labels):
        losses, matrices, predictions = map(ranks.parts, ranks.on_gpus(score, images, labels))
        return tf.add_n(losses), tf.add_n(matrices), tf.concat(predictions, axis=0)

    return step
