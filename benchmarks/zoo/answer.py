"""The golden answer of published weights: their logits of one pixel of a made-up street.

`python -m benchmarks.zoo.answer NAME` compares; `--new` prints what `published.toml` should have, for weights
whose logits have been compared with the original code's.
"""

import json
import sys

import numpy as np

from common import cli, startup
from models.weights import catalogue

SIZE = (256, 512)  # of the street
PIXEL = (160, 256)
ALLOWED = 1e-3  # of the largest logit


def logits(name: str) -> np.ndarray:
    """The logits [classes] of the pixel, float32; the weights are fetched if they are not here yet."""
    startup.tensorflow()
    import models
    from data.synthetic.render import render
    from data.synthetic.scene import random_scene

    network = models.load(name, size=SIZE)
    image, _ = render(random_scene(0, "val", 0, SIZE))
    return np.asarray(network(image[None], training=False))[0, *PIXEL]


def compared(found: np.ndarray, expected: list[float]) -> dict[str, float]:
    """The largest `difference` of two answers, relative to the largest logit, and what is `allowed`."""
    difference = np.abs(found - np.array(expected)).max() / np.abs(expected).max()
    return {"difference": float(difference), "allowed": ALLOWED}


def main() -> int:
    """Print what came out, one line of JSON."""
    name = sys.argv[1]
    found = logits(name)
    if "--new" in sys.argv:
        print(f"answer = {[float(f'{value:.5g}') for value in found]}")
    else:
        print(json.dumps(compared(found, catalogue.published()[name].answer)))
    return 0


if __name__ == "__main__":
    cli.run(main)
