"""What an exported graph takes and returns."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

# names of the graph's input and outputs
IMAGE, LOGITS, PROBABILITIES, LABELS = "image", "logits", "probabilities", "labels"
LATEST_OPSET = 17  # of TensorRT 8.5, the last for the Jetson AGX Xavier
OLDEST_OPSET = 13  # the first whose quantization has a scale for each channel


@dataclass(frozen=True)
class GraphInterface:
    """What the exported graph takes and returns.

    Attributes:
        batch: images, N.
        layout: "nhwc" or "nchw", of the image and of logits.
        float_input: the image is float32 in 0..255 instead of uint8.
        argmax: the output is `labels`, uint8 [N, H, W] of train ids, instead of `logits`, float32.
        opset: of ONNX.
        dropout_passes: passes with random dropout, whose mean softmax is the output `probabilities`, float32,
            instead of logits; 0 for one pass without dropout.
    """

    batch: int = 1
    layout: str = "nhwc"
    float_input: bool = False
    argmax: bool = False
    opset: int = LATEST_OPSET
    dropout_passes: int = 0

    def arrange(self, images: np.ndarray) -> np.ndarray:
        """Images uint8 [N, H, W, 3] as the graph's input."""
        images = images.transpose(0, 3, 1, 2) if self.layout == "nchw" else images
        return np.ascontiguousarray(images, np.float32 if self.float_input else np.uint8)

    def file_name(self, name: str, size: tuple[int, int], precision: str = "") -> str:
        """The default name of the graph's file: `fastscnn-1024x2048-argmax.onnx`."""
        parts = [name, f"{size[0]}x{size[1]}"]
        parts += [f"batch{self.batch}"] * (self.batch > 1) + ["nchw"] * (self.layout == "nchw")
        parts += ["float"] * self.float_input + ["argmax"] * self.argmax
        parts += [f"samples{self.dropout_passes}"] * bool(self.dropout_passes) + [precision] * bool(precision)
        return re.sub(r"[^\w.-]", "_", "-".join(parts)) + ".onnx"


def laid_out(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A tensor of Keras's, channels last, in a graph's layout, of this shape: channels first if that fits."""
    channels_first = np.moveaxis(array, -1, 1) if array.ndim > 2 else array
    return np.ascontiguousarray(channels_first if channels_first.shape == shape else array)
