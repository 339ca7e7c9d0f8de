"""A network of four layers with weights, for tests of what surrounds a network: it is traced in no time.

It has what training treats apart: batch norm, a depthwise kernel, a bias, dropout.
"""

from models import registry

NAME = "toy"
SIZE_MULTIPLE = 32  # that of real networks, so that tests can have wrong sizes; 4 would do


def build(input_shape: tuple[int, int, int], classes: int, dropout: float = 0.1, auxiliary: bool = False):
    """RGB in 0..255, [B, H, W, 3] -> float32 logits [B, H, W, classes]; with a head for training beside."""
    import keras  # not by the process that only hands tests out
    from keras import layers

    from models.layers import Resize, conv, depthwise, normalize

    image = keras.Input(input_shape, name="image")
    stem = conv(normalize(image), 16, "stem", kernel=5, stride=2)  # [B, H/2, W/2, 16]
    x = depthwise(stem, "middle", stride=2)  # [B, H/4, W/4, 16]
    x = layers.Dropout(dropout, name="dropout")(x)
    x = layers.Conv2D(classes, 1, name="scores")(x)  # [B, H/4, W/4, classes]
    outputs = Resize(*input_shape[:2], dtype="float32", name="logits")(x)
    if auxiliary:
        x = layers.Conv2D(classes, 1, name="auxiliary_scores")(stem)  # [B, H/2, W/2, classes]
        outputs = {
            "logits": outputs,
            "auxiliary": Resize(*input_shape[:2], dtype="float32", name="auxiliary")(x),
        }
    return keras.Model(image, outputs, name=NAME)


def register() -> None:
    """Make it known in this process, to command lines as well."""
    registry.ARCHITECTURES[NAME] = registry.Architecture("Toy", "none", registry.Recipe(0.045), __name__)
