"""A process of its own, because Keras's backend holds for the whole process.

    KERAS_BACKEND=jax python golden_on_a_backend.py fastscnn unet ...

Writes a line for each case: its name, and how far its logits are from the golden ones.
"""

import sys

import keras

import golden
from models.initialization import quick_compilation


def main():
    for case in sys.argv[1:]:
        model = golden.build(case)
        golden.fill(model)
        with quick_compilation():
            logits = model.predict_on_batch(golden.image())
        found = golden.excerpt(keras.ops.convert_to_numpy(logits))
        print(case, golden.difference(found, golden.read(case)), flush=True)


if __name__ == "__main__":
    main()
