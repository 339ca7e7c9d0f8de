"""A batch for training steps that no disk delivers, and an optimizer."""


def inputs(batch: int, size: tuple[int, int], classes: int):
    """Random images uint8 [B, H, W, 3] and blocky labels uint8 [B, H, W] with an ignored stripe."""
    import numpy as np

    random = np.random.default_rng(0)
    images = random.integers(0, 256, (batch, *size, 3), np.uint8)
    cells = [-(-side // 32) for side in size]
    blocks = random.integers(0, classes, (batch, *cells), np.uint8)
    labels = blocks.repeat(32, axis=1).repeat(32, axis=2)[:, : size[0], : size[1]].copy()
    labels[:, : size[0] // 10] = 255
    return images, labels


def optimizer(model, float16: bool = False):
    """SGD with momentum at a rate that leaves the weights nearly alone, with loss scaling for float16."""
    import keras

    made = keras.optimizers.SGD(1e-4, momentum=0.9)
    made.build(model.trainable_variables)
    if float16:
        made = keras.optimizers.LossScaleOptimizer(made)
        made.build(model.trainable_variables)
    return made
