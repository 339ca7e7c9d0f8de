"""What augmentation may be asked for, by name and by part; command lines read their choices from it."""

from dataclasses import dataclass

COLORS = ("none", "light", "strong")  # see `data.draws.COLORS`


@dataclass(frozen=True)
class Ranges:
    """What random choices are drawn from.

    Attributes:
        scale: least and largest scale, of the image resized to the size that images are brought to.
        flip: whether every other image is mirrored, left to right.
        color: a key of `COLORS`.
    """

    scale: tuple[float, float] = (0.5, 2.0)
    flip: bool = True
    color: str = "light"


STANDARD = Ranges()
# what `augment` may be
NAMED = {
    "none": Ranges((1.0, 1.0), flip=False, color="none"),
    "flip": Ranges((1.0, 1.0), color="none"),
    "standard": STANDARD,
    "strong": Ranges(color="strong"),
}
