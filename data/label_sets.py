"""Label sets: what a data set's label files hold, and which classes a model tells apart.

Two numberings meet here. *File values* are what label files hold (Cityscapes: label ids, 0..33). *Train ids*,
0 to the number of classes less one, are the model's output channels. 255 is "ignored" among the train ids.
"""

from __future__ import annotations

import itertools
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from cityscapesscripts.helpers.labels import labels

from common.errors import UserError

if TYPE_CHECKING:
    import numpy as np  # slow; only the tables need it, and no --help does

IGNORED = 255
RESTORE = "restore the file from the data set"  # what to do about a label file that holds something else


@dataclass(frozen=True)
class LabelSet:
    """The classes of a data set.

    Attributes:
        name: of the set.
        names: of the classes, by train id.
        colors: (red, green, blue) of the classes, by train id.
        train_ids: pairs of each file value that is known and its train id or `IGNORED`.
        file_values: what predictions hold for each train id, of the values that mean it.
        unlabeled: what they hold for ignored pixels.
        categories: of the classes, by train id; empty: there are none.
        unscored: file values of classes that are trained on, but whose pixels no score counts.

    Raises:
        ValueError: these contradict each other.
    """

    name: str
    names: tuple[str, ...]
    colors: tuple[tuple[int, int, int], ...]
    train_ids: tuple[tuple[int, int], ...]
    file_values: tuple[int, ...]
    unlabeled: int
    categories: tuple[str, ...] = ()
    unscored: tuple[int, ...] = ()

    def __post_init__(self):
        texts = (self.name, *self.names, *self.categories)
        numbers = (self.unlabeled, *self.file_values, *itertools.chain(*self.colors, *self.train_ids))
        numbers += self.unscored
        lengths = {len(self.names), len(self.colors), len(self.file_values)}
        lengths |= {len(self.categories)} if self.categories else set()
        classes = len(self.names)
        for sound, what in (
            (all(isinstance(text, str) for text in texts), "a name is no text"),
            (all(isinstance(n, int) and 0 <= n <= 255 for n in numbers), "a number is no byte"),
            (len(lengths) == 1 and 0 < classes < IGNORED, "different numbers of classes"),
            (len(set(self.names)) == classes, "a name is there twice"),
            (all(len(color) == 3 for color in self.colors), "a colour is not of three numbers"),
            (all(len(pair) == 2 for pair in self.train_ids), "a file value without its train id"),
        ):
            if not sound:
                raise ValueError(f"no label set: {what}")
        meant = dict(self.train_ids)
        if not all(train_id in (*range(classes), IGNORED) for train_id in meant.values()):
            raise ValueError("no label set: a file value means a class that there is not")
        if [meant.get(value) for value in self.file_values] != list(range(classes)):
            raise ValueError("no label set: a class is written as a file value that does not mean it")
        if meant.get(self.unlabeled, IGNORED) != IGNORED:
            raise ValueError("no label set: ignored pixels are written as a class")

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self.names)

    @cached_property
    def palette(self) -> np.ndarray:
        """RGB of each train id, uint8 [256, 3]; ignored pixels are black."""
        return _table(0, enumerate(self.colors), (256, 3))

    @cached_property
    def file_to_train(self) -> np.ndarray:
        """File value -> train id or `IGNORED`, uint8 [256]."""
        return _table(IGNORED, self.train_ids)

    @cached_property
    def file_to_scored(self) -> np.ndarray:
        """The same where answers are scored: `unscored` values are ignored as well, uint8 [256]."""
        table = self.file_to_train.copy()
        table[list(self.unscored)] = IGNORED
        return table

    @cached_property
    def train_to_train(self) -> np.ndarray:
        """The same for files that hold train ids, uint8 [256]."""
        return _table(IGNORED, enumerate(range(self.classes)))

    @cached_property
    def train_to_file(self) -> np.ndarray:
        """Train id -> file value, uint8 [256]."""
        return _table(self.unlabeled, enumerate(self.file_values))

    def colorize(self, train_ids: np.ndarray) -> np.ndarray:
        """The class map [..., H, W] of train ids as an RGB image [..., H, W, 3] in the set's colours."""
        return self.palette[train_ids]

    def without_void(self, logits):
        """Scores [..., classes or more] of any array library without what follows the classes.

        Void, the last output of old networks, means "not scored"; as an answer it would always be wrong.
        """
        return logits if logits.shape[-1] == self.classes else logits[..., : self.classes]

    def unknown(self, label: np.ndarray, holds_train_ids: bool = False) -> tuple[np.ndarray, str]:
        """The pixels of a label file, uint8 [H, W], whose values are not known, and those known in words.

        Args:
            label: the file's values.
            holds_train_ids: the file holds train ids instead of the set's own values.
        """
        import numpy as np

        values = (*range(self.classes), IGNORED) if holds_train_ids else sorted(dict(self.train_ids))
        first = next((n for n, value in enumerate(values) if n != value), len(values))
        others = values[first:]
        parts = [f"0..{first - 1}"] * bool(first) + list(map(str, others))
        known = " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))
        if int(label.max(initial=0)) < first:  # the usual case: one look at the whole map
            return label[:0], known
        above = label[label >= first]
        return above[~np.isin(above, others)], known

    def require_known(
        self,
        label: np.ndarray,
        path,
        holds_train_ids: bool = False,
        cure: str = RESTORE,
    ) -> None:
        """Raise UserError, naming the file and the cure, if there are pixels that `unknown` returns."""
        unknown, known = self.unknown(label, holds_train_ids)
        if unknown.size:
            raise UserError(
                f"{path}: label value {int(unknown[0])} in {unknown.size} pixels, known are {known}; {cure}"
            )

    def described(self) -> str:
        """The set in a few words: `cityscapes (19 classes)`."""
        return f"{self.name} ({self.classes} classes)"

    def to_json(self) -> dict:
        """The set as JSON types."""
        return asdict(self)


def from_json(content: dict | None) -> LabelSet:
    """A label set from what `LabelSet.to_json` made; None, in files older than label sets, is Cityscapes.

    Raises:
        ValueError: something else.
    """
    if content is None:
        return CITYSCAPES
    try:
        return LabelSet(
            **content
            | {
                "names": tuple(content["names"]),
                "colors": tuple(map(tuple, content["colors"])),
                "train_ids": tuple(map(tuple, content["train_ids"])),
                "file_values": tuple(content["file_values"]),
                "categories": tuple(content.get("categories", ())),
                "unscored": tuple(content.get("unscored", ())),
            }
        )
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"no label set ({error})") from error


def of_train_ids(name: str, names, colors=None) -> LabelSet:
    """A label set whose files hold train ids, 255 for ignored pixels.

    Args:
        name: of the set.
        names: of the classes, by train id.
        colors: (red, green, blue) of the classes; None: different ones.

    Raises:
        ValueError: these contradict each other, or there are 255 classes or more.
    """
    classes = len(names)
    return LabelSet(
        name=name,
        names=tuple(names),
        colors=tuple(colors or map(_numbered_color, range(min(classes, IGNORED)))),
        train_ids=((IGNORED, IGNORED), *((train_id, train_id) for train_id in range(classes))),
        file_values=tuple(range(classes)),
        unlabeled=IGNORED,
    )


def numbered(classes: int) -> LabelSet:
    """The label set of a model of which only the number of classes is known.

    Raises:
        ValueError: 255 classes or more.
    """
    return of_train_ids("numbered", [f"class {number}" for number in range(classes)])


def _numbered_color(number: int) -> tuple[int, int, int]:
    """A colour of its own for each number below 255: PASCAL VOC's, whose first is not black."""
    number, color = number + 1, [0, 0, 0]
    for bit in range(24):  # three bits of the number go to the highest bits of the three colours, and so on
        color[bit % 3] |= (number >> bit & 1) << (7 - bit // 3)
    return tuple(color)


def require_same_classes(ours: LabelSet, source, theirs: LabelSet, place) -> None:
    """Raise UserError unless a model and a data set have the same classes in the same order.

    A model whose classes have no names, see `numbered`, goes with any data set of as many.

    Args:
        ours: the model's label set.
        source: where the model comes from.
        theirs: the data set's.
        place: where that is.
    """
    unnamed = ours.classes == theirs.classes and ours.names == numbered(ours.classes).names
    if ours.names != theirs.names and not unnamed:
        raise UserError(
            f"{source} is of the label set {ours.described()}, but {place} of {theirs.described()}; "
            f"give weights of {theirs.name}, or data of {ours.name}"
        )


def _table(others, pairs, shape=256) -> np.ndarray:
    """uint8 of that shape: `others`, except at the places that pairs of a place and its value name."""
    import numpy as np

    table = np.full(shape, others, np.uint8)
    for place, value in pairs:
        table[place] = value
    return table


def _cityscapes() -> LabelSet:
    """The 19 classes of the benchmark, by the official table."""
    scored = sorted(
        (label for label in labels if 0 <= label.trainId < IGNORED), key=lambda label: label.trainId
    )
    train_id_of = {label.id: label.trainId for label in scored}
    values = range(max(label.id for label in labels) + 1)  # all but -1, which no label file holds
    return LabelSet(
        name="cityscapes",
        names=tuple(label.name for label in scored),
        colors=tuple(label.color for label in scored),
        train_ids=tuple((value, train_id_of.get(value, IGNORED)) for value in values),
        file_values=tuple(label.id for label in scored),
        unlabeled=0,
        categories=tuple(label.category for label in scored),
    )


CITYSCAPES = _cityscapes()
