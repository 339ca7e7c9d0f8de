"""What is burnt into a frame: class colours over the image, the frame rate, and a legend below."""

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from data.label_sets import LabelSet
from inference.image_files import OVERLAY

SMALLEST_TEXT = 12  # pixels; below that letters run together
LINES = 45  # of text that a frame is high, or of which two fit across
BACKGROUND, INK, EDGE = (24, 24, 24), (240, 240, 240), (128, 128, 128)


class Canvas:
    """Draws frames of one size.

    Args:
        size: (height, width) of the images in pixels.
        label_set: names and colours of the classes.
    """

    def __init__(self, size: tuple[int, int], label_set: LabelSet):
        self._label_set = label_set
        height, width = size
        self._font_size = max(SMALLEST_TEXT, round(min(height, width / 2) / LINES))
        self._font = ImageFont.load_default(self._font_size)
        self._legend = self._draw_legend(width)

    def draw(self, image: np.ndarray, labels: np.ndarray, rate: float | None) -> np.ndarray:
        """Burn in.

        Args:
            image: uint8 RGB [H, W, 3].
            labels: uint8 [H, W] of train ids.
            rate: frames per second, or None where it is not known yet.

        Returns:
            uint8 RGB [H + legend, W, 3].
        """
        height = len(image)
        frame = np.empty((height + len(self._legend), *image.shape[1:]), np.uint8)
        cv2.addWeighted(image, 1 - OVERLAY, self._label_set.colorize(labels), OVERLAY, 0, dst=frame[:height])
        frame[height:] = self._legend
        if rate is not None:
            tag = self._text(f"{rate:.1f} FPS")[:height, : image.shape[1]]
            frame[: len(tag), : tag.shape[1]] = tag
        return frame

    def _text(self, text):
        width = round(self._font.getlength(text))
        margin = self._font_size // 2
        tag = Image.new("RGB", (width + 2 * margin, self._font_size + 2 * margin), BACKGROUND)
        ImageDraw.Draw(tag).text((margin, margin - 1), text, INK, self._font)
        return np.asarray(tag)

    def _draw_legend(self, width):
        """All classes in columns, each with a patch of its colour, uint8 RGB [h, W, 3]."""
        text, names = self._font_size, self._label_set.names
        longest = max(self._font.getlength(name) for name in names)
        column = round(longest + 2.5 * text)  # patch, gap, name, gap
        line = round(1.5 * text)
        columns = min(max((width - text // 2) // column, 1), len(names))
        rows = -(-len(names) // columns)
        legend = Image.new("RGB", (width, rows * line + text), BACKGROUND)
        pen = ImageDraw.Draw(legend)
        for number, name in enumerate(names):
            x = text // 2 + number // rows * column
            y = text // 2 + number % rows * line
            patch = (x, y + text // 4, x + text, y + text // 4 + text)
            pen.rectangle(patch, self._label_set.colors[number], outline=EDGE)
            pen.text((x + 1.5 * text, y + text // 8), name, INK, self._font)
        return np.asarray(legend)
