"""Images larger than the model, in tiles: blended where they overlap, every pixel in its own resolution."""

import itertools

import cv2
import numpy as np

from common.errors import UserError
from data.augment import PADDING, resize_image
from inference.resizing import labels_at


class TilingRuntime:
    """A model that covers each image with tiles of its size, behind the runtimes' `predict`.

    Where tiles overlap their probabilities are summed, the more weight the farther from a tile's border,
    where the model sees least of the surroundings.

    Attributes:
        name: the architecture's.
        size: None, for images of any size.
        label_set: the classes that it tells apart.

    Args:
        runtime: one with `probabilities` for images of `tile`'s size.
        tile: (height, width) in pixels.
        overlap: part of their sides that neighbouring tiles share at least, 0 to below 1.
    """

    def __init__(self, runtime, tile: tuple[int, int], overlap: float):
        self.name, self.size, self.label_set = runtime.name, None, runtime.label_set
        self._runtime, self._tile, self._overlap = runtime, tile, overlap
        self._weights = np.outer(*map(ramp, tile))[..., None]  # [h, w, 1]

    def predict(self, images: np.ndarray) -> np.ndarray:
        """uint8 RGB [N, H, W, 3] of any size -> train ids, uint8 [N, H, W]."""
        if images.shape[1:3] == self._tile:  # exactly what the model says, without the rounding of a sum
            return self._runtime.predict(images)
        return np.stack([self._labels(image) for image in images])

    def _labels(self, image):
        height, width = image.shape[:2]
        image = padded(image, self._tile)
        tops, columns = (starts(extent, side, self._overlap) for extent, side in zip(image.shape, self._tile))
        labels = np.empty(image.shape[:2], np.uint8)
        pending = None  # sums that the next row of tiles adds to; those above it are complete
        for top, following in zip(tops, [*tops[1:], len(image)]):
            sums = self._row(image[top : top + self._tile[0]], columns)
            if pending is not None:
                sums[: len(pending)] += pending
            complete = following - top
            labels[top:following] = sums[:complete].argmax(-1)
            pending = sums[complete:]
        return labels[:height, :width]

    def _row(self, band, columns):
        """A row of tiles: uint8 [h, W, 3] -> weighted sums, float32 [h, W, classes]."""
        sums = None
        for left in columns:
            part = slice(left, left + self._tile[1])
            found = self._runtime.probabilities(np.ascontiguousarray(band[None, :, part]))[0]
            if sums is None:
                sums = np.zeros((*band.shape[:2], found.shape[-1]), np.float32)
            sums[:, part] += found * self._weights
        return sums


def starts(extent: int, side: int, overlap: float) -> list[int]:
    """Where tiles of `side` pixels begin to cover `extent` >= `side` evenly, with at least that overlap."""
    count = 1 + int(np.ceil((extent - side) / max(int(side * (1 - overlap)), 1)))
    return [round(position) for position in np.linspace(0, extent - side, count)]


def ramp(side: int) -> np.ndarray:
    """Weights of a tile's pixels along one side, float32 [side]: rising from each end to 1 in the middle."""
    rising = np.arange(1, side + 1)
    return (np.minimum(rising, rising[::-1]) / ((side + 1) // 2)).astype(np.float32)


def padded(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """An image, uint8 [H, W, 3], filled up to at least `size` with the grey that training pads with."""
    missing = [max(side - extent, 0) for extent, side in zip(image.shape, size)]
    if not any(missing):
        return image
    return np.pad(image, ((0, missing[0]), (0, missing[1]), (0, 0)), constant_values=PADDING)


class AveragingRuntime:
    """A model that looks at each image several times, behind the runtimes' `predict`.

    Every pass starts from the image itself, so that a scale above 1 sees more of a large one.

    Attributes:
        name: the architecture's.
        size: None, for images of any size.
        label_set: the classes that it tells apart.

    Args:
        runtime: one with `at_scale`, see `inference.runtimes`.
        scales: of the model's size, for one pass each (two with `flip`).
        flip: also look at the mirrored image.

    Raises:
        UserError: the model has no probabilities at a scale, or two scales are the same size to it.
    """

    def __init__(self, runtime, scales: tuple[float, ...], flip: bool):
        self.name, self.size, self.label_set = runtime.name, None, runtime.label_set
        self._mean_size, self._mirrors = runtime.size, (False, True) if flip else (False,)
        self._passes = [runtime.at_scale(scale) for scale in scales]
        scale_of = {}
        for scale, scaled in zip(scales, self._passes):
            if scaled.size in scale_of:
                height, width = scaled.size
                raise UserError(
                    f"`scales` {scale_of[scaled.size]:g} and {scale:g} are both {height},{width} to "
                    f"{self.name}; leave one out"
                )
            scale_of[scaled.size] = scale

    def predict(self, images: np.ndarray) -> np.ndarray:
        """uint8 RGB [N, H, W, 3] of any size -> train ids, uint8 [N, H, W]."""
        means = self.probabilities(images)
        return np.stack([labels_at(mean, images.shape[1:3], probabilities=True) for mean in means])

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
