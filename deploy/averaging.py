"""Test-time augmentation: the mean of a model's probabilities over scales and mirrored pictures."""

import itertools

import cv2
import numpy as np

from common.errors import UserError
from data.augment import resize_image
from deploy.resizing import labels_at


class AveragingRuntime:
    """A model that looks at each picture several times, behind the runtimes' `predict`.

    Every pass starts from the picture itself, so that a scale above 1 sees more of a large one.

    Attributes:
        name: the architecture's.
        size: None, for pictures of any size.

    Args:
        runtime: one with `soft`, see `deploy.runtimes`.
        scales: of the model's size, for one pass each (two with `flip`).
        flip: also look at the mirrored picture.

    Raises:
        UserError: the model has no probabilities at a scale, or two scales are the same size to it.
    """

    def __init__(self, runtime, scales: tuple[float, ...], flip: bool):
        self.name, self.size = runtime.name, None
        self._mean_size, self._mirrors = runtime.size, (False, True) if flip else (False,)
        self._passes = [runtime.soft(scale) for scale in scales]
        scale_of = {}
        for scale, at_scale in zip(scales, self._passes):
            if at_scale.size in scale_of:
                height, width = at_scale.size
                raise UserError(
                    f"--scales {scale_of[at_scale.size]:g} and {scale:g} are both {height},{width} to "
                    f"{self.name}; leave one out"
                )
            scale_of[at_scale.size] = scale

    def predict(self, images: np.ndarray) -> np.ndarray:
        """uint8 RGB [N, H, W, 3] of any size -> train ids, uint8 [N, H, W]."""
        means = self.probabilities(images)
        return np.stack([labels_at(mean, images.shape[1:3], soft=True) for mean in means])

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """uint8 RGB [N, H, W, 3] of any size -> mean softmax, float32 [N, h, w, classes] at the model's."""
        passes = list(itertools.product(self._passes, self._mirrors))
        total = 0.0
        for runtime, mirrored in passes:
            fitting = np.stack([resize_image(image, runtime.size) for image in images])
            found = runtime.probabilities(np.ascontiguousarray(mirror(fitting)) if mirrored else fitting)
            total = total + self._resized(mirror(found) if mirrored else found)
        return total / np.float32(len(passes))

    def _resized(self, probabilities):
        if probabilities.shape[1:3] == self._mean_size:
            return probabilities
        size = self._mean_size[::-1]
        return np.stack([cv2.resize(one, size, interpolation=cv2.INTER_LINEAR) for one in probabilities])


def mirror(arrays: np.ndarray) -> np.ndarray:
    """Swap left and right, [N, H, W, C]."""
    return arrays[:, :, ::-1]
