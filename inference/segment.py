"""Label maps of images of any size."""

from dataclasses import dataclass

import numpy as np

from data.augment import resize_image


@dataclass(frozen=True)
class Uncertainty:
    """How uncertain a model is of each pixel's class, float32 [H, W] in nats; see `inference.sampling`."""

    entropy: np.ndarray
    mutual_information: np.ndarray


def segment(runtime, image: np.ndarray) -> np.ndarray:
    """Classify an image's pixels.

    Args:
        runtime: see `inference.runtimes`.
        image: uint8 RGB [H, W, 3].

    Returns:
        uint8 [H, W] of train ids at the image's own size.
    """
    if runtime.size is None:
        return runtime.predict(image[None])[0]
    return runtime.predict(resize_image(image, runtime.size)[None], image.shape[:2])[0]


def segment_sampled(runtime, image: np.ndarray) -> tuple[np.ndarray, Uncertainty]:
    """Classify an image's pixels by a runtime that samples, and tell how certain it is of them.

    Args:
        runtime: see `inference.sampling`.
        image: uint8 RGB [H, W, 3].

    Returns:
        (uint8 [H, W] of train ids, their uncertainty), at the image's own size.
    """
    found = runtime.sample(resize_image(image, runtime.size)[None], image.shape[:2])
    return found.labels[0], Uncertainty(found.entropy[0], found.mutual_information[0])
