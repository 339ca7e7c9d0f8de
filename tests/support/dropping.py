"""A small network with dropout, quick to export, whose passes differ."""

import keras
import numpy as np
from keras import layers

from data.label_sets import CITYSCAPES
from models.pooling import PoolWithPosition, Unpool

SIZE, RATES = (16, 32), {"drop1": 0.3, "drop2": 0.5}


def network(rates=None, classes=CITYSCAPES.classes):
    """[N, 16, 32, 3] -> logits: positions and a skip connection pass the first of two dropouts by."""
    rates = RATES if rates is None else rates
    image = keras.Input((*SIZE, 3), name="image")
    x = layers.Rescaling(1 / 64, offset=-2.0, name="normalise")(image)
    skip = layers.ReLU(name="trunk_relu")(layers.Conv2D(8, 3, padding="same", name="trunk")(x))
    x, position = PoolWithPosition(name="pool")(skip)  # [N, 8, 16, 8]
    x = layers.Dropout(rates["drop1"], name="drop1")(x)
    x = layers.ReLU(name="middle_relu")(layers.Conv2D(8, 3, padding="same", name="middle")(x))
    x = layers.Dropout(rates["drop2"], name="drop2")(x)
    x = layers.Add(name="add")([Unpool(name="unpool")([x, position]), skip])  # [N, 16, 32, 8]
    model = keras.Model(image, layers.Conv2D(classes, 1, name="logits")(x), name="dropping")
    random = np.random.default_rng(0)
    model.set_weights([random.normal(0, 0.4, weight.shape) for weight in model.get_weights()])
    return model


def images(count=1, seed=0):
    """Noise, uint8 [count, 16, 32, 3]."""
    return np.random.default_rng(seed).integers(0, 256, (count, *SIZE, 3), np.uint8)
