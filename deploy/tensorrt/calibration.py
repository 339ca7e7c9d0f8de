"""Calibration of int8 ranges by TensorRT on images: for the DLA, which takes no QDQ."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from common.errors import UserError
from common.files import write_bytes
from inference.tensorrt import plan as plans
from inference.tensorrt.package import array_type
from inference.tensorrt.plan import Plan

IMAGES = 64


def arranged(path: Path, shape: tuple[int, ...], kind) -> np.ndarray:
    """An image as a network's input: RGB in 0..255, [1, H, W, 3] or [1, 3, H, W] by `shape`.

    Raises:
        UserError: unreadable.
    """
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise UserError(f"{path} is no readable image; leave it out or copy it again")
    channels_last = shape[3] == 3
    height, width = shape[1:3] if channels_last else shape[2:]
    image = cv2.cvtColor(
        cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR), cv2.COLOR_BGR2RGB
    )
    image = image if channels_last else image.transpose(2, 0, 1)
    return np.ascontiguousarray(image[None], kind)


def calibrator(trt, tensor, plan: Plan):
    """An entropy calibrator over the plan's images, which reads and writes the plan's cache.

    Args:
        trt: the package.
        tensor: the network's input, of batch 1 or more.
        plan: what to build.
    """
    shape, kind = tuple(tensor.shape), array_type(tensor.dtype)
    found = plans.images(plan.calibration) if plan.calibration else []
    count = min(IMAGES, len(found))
    chosen = [found[number * len(found) // count] for number in range(count)]  # spread over all there are

    class Calibrator(trt.IInt8EntropyCalibrator2):
        def __init__(self):
            trt.IInt8EntropyCalibrator2.__init__(self)
            self._paths, self._cuda, self._address = iter(chosen), None, None

        def get_batch_size(self):
            return shape[0]

        def get_batch(self, names):
            batch = [arranged(path, shape, kind) for path, _ in zip(self._paths, range(shape[0]))]
            if len(batch) < shape[0]:
                return None
            images = np.ascontiguousarray(np.concatenate(batch))
            if self._cuda is None:
                from inference.tensorrt.cuda import Cuda

                self._cuda = Cuda()
                self._address = self._cuda.allocate(images.nbytes)
            self._cuda.upload(self._address, images)
            return [self._address]

        def read_calibration_cache(self):
            return plan.cache.read_bytes() if plan.cache and plan.cache.is_file() else None

        def write_calibration_cache(self, cache):
            if plan.cache:
                write_bytes(plan.cache, bytes(cache))

    return Calibrator()
