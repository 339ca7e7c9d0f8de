"""Label maps of pictures of any size."""

from dataclasses import dataclass

import cv2
import numpy as np

from data.augment import resize_image, resize_labels


@dataclass(frozen=True)
class Uncertainty:
    """How uncertain a model is of each pixel's class, float32 [H, W] in nats; see `deploy.sampling`."""

    entropy: np.ndarray
    mutual_information: np.ndarray


def segment(runtime, image: np.ndarray) -> np.ndarray:
    """Classify a picture's pixels.

    Args:
        runtime: see `deploy.runtimes`.
        image: uint8 RGB [H, W, 3].

    Returns:
        uint8 [H, W] of train ids at the picture's own size.
    """
    image_of_its_size = resize_image(image, runtime.size) if runtime.size else image
    label = runtime.predict(image_of_its_size[None])[0]
    return resize_labels(label, image.shape[:2])


def segment_sampled(runtime, image: np.ndarray) -> tuple[np.ndarray, Uncertainty]:
    """Classify a picture's pixels by a runtime that samples, and tell how certain it is of them.

    Args:
        runtime: see `deploy.sampling`.
        image: uint8 RGB [H, W, 3].

    Returns:
        (uint8 [H, W] of train ids, their uncertainty), at the picture's own size.
    """
    size = image.shape[:2]
    found = runtime.sample(resize_image(image, runtime.size)[None])
    # linear, as entropies change smoothly over the picture; labels cannot be mixed
    maps = (
        cv2.resize(values[0], size[::-1], interpolation=cv2.INTER_LINEAR)
        for values in (found.entropy, found.mutual_information)
    )
    return resize_labels(found.labels[0], size), Uncertainty(*maps)
