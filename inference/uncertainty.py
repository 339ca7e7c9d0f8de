"""Uncertainty as files: arrays to calculate with and images to look at."""

import io
import math
from pathlib import Path

import cv2
import numpy as np

from common.files import write_bytes
from data import png
from inference.segment import Uncertainty

FOLDER = "uncertainty"


def write(folder: Path, name: str, uncertainty: Uncertainty, classes: int) -> None:
    """Write `name`_uncertainty.npz and two images of it to a folder that exists.

    Brightest are the nats of equally likely classes, and of samples that are split between two of them: the
    same for every image, so that images can be compared.

    The arrays `entropy` and `mutual_information` are float16 [H, W] in nats, which keeps three digits in
    half the space.

    Raises:
        UserError: not possible.
    """
    entropy, mutual_information = uncertainty.entropy, uncertainty.mutual_information
    arrays = io.BytesIO()
    np.savez_compressed(
        arrays, entropy=entropy.astype(np.float16), mutual_information=mutual_information.astype(np.float16)
    )
    write_bytes(folder / f"{name}_uncertainty.npz", arrays.getvalue())
    png.write(folder / f"{name}_entropy.png", image(entropy, math.log(classes)))
    png.write(folder / f"{name}_mutualInformation.png", image(mutual_information, math.log(2)))


def image(values: np.ndarray, highest: float) -> np.ndarray:
    """Numbers [H, W] as colours from black (0) to pale yellow (`highest` and above), uint8 RGB [H, W, 3]."""
    levels = np.rint(np.clip(values / highest, 0.0, 1.0) * 255).astype(np.uint8)
    return cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
