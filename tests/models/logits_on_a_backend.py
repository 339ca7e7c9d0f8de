"""A process of its own, because Keras's backend holds for the whole process.

    KERAS_BACKEND=jax python logits_on_a_backend.py images.npy float32:a.h5 float64:b.h5 ...

Builds the model of each weights file in that precision, fills it, and writes its logits beside the file, as
.BACKEND.npy.
"""

import sys
from pathlib import Path

import keras
import numpy as np

import models
from models.weights import native


def main():
    images, *jobs = sys.argv[1:]
    for job in jobs:
        precision, file = job.split(":", 1)
        path = Path(file)
        origin = native.read_origin(path)
        model = models.build(origin.model, (*origin.size, 3), origin.classes, precision, **origin.options)
        native.load(path, model)
        logits = model.predict_on_batch(np.load(images))
        np.save(path.with_suffix(f".{keras.backend.backend()}.npy"), logits)


if __name__ == "__main__":
    main()
