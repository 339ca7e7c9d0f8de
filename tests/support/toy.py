"""A network of four layers with weights, for tests of what surrounds a network: it is traced in no time.

It has what training treats apart: batch norm, a depthwise kernel, a bias, dropout.
"""

import sys
from pathlib import Path

from benchmarks import children
from models import registry
from training.recipes import RECIPES, Recipe, polynomial

NAME = "toy"
SIZE_MULTIPLE = 32  # that of real networks, so that tests can have wrong sizes; 4 would do


def build(
    input_shape: tuple[int, int, int],
    classes: int,
    width: int = 16,
    dropout: float = 0.1,
    auxiliary: bool = False,
):
    """RGB in 0..255, [B, H, W, 3] -> float32 logits [B, H, W, classes]; with a head for training beside."""
    import keras  # not by the process that only hands tests out
    from keras import layers

    from models.layers import Resize, conv, depthwise, normalize

    image = keras.Input(input_shape, name="image")
    stem = conv(normalize(image), width, "stem", kernel=5, stride=2)  # [B, H/2, W/2, width]
    x = depthwise(stem, "middle", stride=2)  # [B, H/4, W/4, width]
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
    registry.ARCHITECTURES[NAME] = registry.Architecture("Toy", "none", __name__)
    RECIPES[NAME] = Recipe(source="none", rates=polynomial(0.045))


def reach_children() -> None:
    """Have it known in processes that benchmarks of this process start, where warm-ups are short as well."""
    script = Path(__file__).with_name("with_toy.py")
    children.command = lambda *words: [sys.executable, str(script), "-m", *words]
