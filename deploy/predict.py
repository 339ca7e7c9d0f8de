"""Label maps of pictures of any size."""

import numpy as np

from data.augment import resize_image, resize_labels


def segment(runtime, image: np.ndarray) -> np.ndarray:
    """Classify a picture's pixels.

    Args:
        runtime: see `deploy.runtimes`.
        image: uint8 RGB [H, W, 3].

    Returns:
        uint8 [H, W] of train ids at the picture's own size.
    """
    label = runtime.predict(resize_image(image, runtime.size)[None])[0]
    return resize_labels(label, image.shape[:2])
