"""A process of its own, because Keras's backend holds for the whole process.

    KERAS_BACKEND=jax python logits_on_a_backend.py pictures.npy a.h5 b.h5 ...

Builds the model of each weights file, fills it, and writes its logits beside the file, as .npy.
"""

import sys
from pathlib import Path

import keras
import numpy as np

import models
from models import weights


class Nothing(keras.initializers.Initializer):
    """Zeros, as the weights come from files: JAX would compile a random generator for each shape."""

    def __call__(self, shape, dtype=None):
        return np.zeros(shape, dtype)


def main():
    pictures, *files = map(Path, sys.argv[1:])
    for file in files:
        origin = weights.read_origin(file)
        model = models.build(origin.model, (*origin.size, 3), origin.classes, **origin.options)
        weights.load(file, model)
        logits = model.predict_on_batch(np.load(pictures))
        np.save(file.with_suffix(f".{keras.backend.backend()}.npy"), logits)


if __name__ == "__main__":
    for name in ("GlorotUniform", "HeNormal"):
        setattr(keras.initializers, name, Nothing)
    main()
