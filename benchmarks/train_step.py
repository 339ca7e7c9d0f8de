"""A training step against the same network made of stock Keras layers, upsampling and loss."""

from benchmarks import clock
from common import cli, startup

HELP = "a training step against the same network of stock Keras layers and loss"


def add_arguments(parser) -> None:
    """The benchmark's options."""
    parser.add_argument("-m", "--model", default="fastscnn", help="(default: fastscnn)")
    parser.add_argument(
        "-t", "--target-size", type=cli.size, default=(512, 1024), metavar="Y,X", help="(default: 512,1024)"
    )
    parser.add_argument("-b", "--batch", type=cli.positive_int, default=2, help="(default: 2)")
    parser.add_argument("--rounds", type=cli.positive_int, default=15, help="(default: 15)")


def run(options) -> dict:
    """Measure one step of each, in turns; returns seconds and ratios."""
    startup.tensorflow()
    import keras
    import tensorflow as tf

    import models
    from benchmarks.train.steps import inputs, optimizer
    from common import devices
    from data.label_sets import CITYSCAPES
    from training.steps import step

    jit = devices.prepare()
    keras.utils.set_random_seed(0)
    ours = models.build(options.model, (*options.target_size, 3), CITYSCAPES.classes)
    theirs = stock(ours)
    images, labels = (
        tf.constant(array) for array in inputs(options.batch, options.target_size, CITYSCAPES.classes)
    )

    def timed(make):
        compiled = make()
        return lambda: float(compiled(images, labels))

    seconds = clock.take_turns(
        {
            "stock Keras": timed(lambda: stock_step(theirs, optimizer(theirs), jit)),
            "fused batch norm": timed(lambda: stock_step(ours, optimizer(ours), jit)),
            "this suite": timed(lambda: step.training_step(ours, optimizer(ours), jit)),
        },
        options.rounds,
    )
    reference = seconds["stock Keras"]
    for name, times in seconds.items():
        median, speedup = clock.summary(times)["median"], clock.ratios(reference, times)["median"]
        print(f"{name:17} {median:.3f} s   {speedup:.2f} x the speed of stock Keras")
    return {
        "settings": {
            "model": options.model,
            "size": options.target_size,
            "batch": options.batch,
            "precision": "float32",
            "rounds": options.rounds,
            "jit": jit,
        },
        "results": {
            "seconds": {name: clock.summary(times) for name, times in seconds.items()},
            "speedup_over_stock": {name: clock.ratios(reference, times) for name, times in seconds.items()},
        },
    }


def stock(model):
    """The same network with Keras's own batch normalisation and upsampling, and the same weights."""
    import keras

    from models.layers import BatchNorm, Resize

    def replace(layer):
        if isinstance(layer, BatchNorm):
            return keras.layers.BatchNormalization.from_config(layer.get_config())
        if isinstance(layer, Resize) and layer.name == "logits":
            factors = (layer.height // layer.input.shape[1], layer.width // layer.input.shape[2])
            return keras.layers.UpSampling2D(factors, interpolation="bilinear", name=layer.name)
        return layer.__class__.from_config(layer.get_config())

    copy = keras.models.clone_model(model, clone_function=replace)
    copy.set_weights(model.get_weights())
    return copy


def stock_step(model, optimizer, jit: bool):
    """A compiled step with Keras's sparse cross-entropy on the full-size logits."""
    import keras
    import tensorflow as tf

    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=255)

    @tf.function(autograph=False, jit_compile=jit)
    def step(images, labels):
        with tf.GradientTape() as tape:
            loss = loss_of(labels, model(images, training=True))
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss

    return step
