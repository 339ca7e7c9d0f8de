"""A folder of one's own: images, label PNGs, and a `classes.toml` that says what the labels mean.

    images = "photos"                                        # folders beside this file; default: images
    labels = "masks"                                         # default: labels
    ignore = [0]                                             # values that mean no class

    [classes]                                                # in the order of the model's outputs
    road = { value = 1, color = [128, 64, 128] }
    grass = { value = [2, 3], color = [0, 160, 0] }

A label has its image's name and the ending .png or .PNG. Without any `value`, labels are RGB PNGs in the
classes' colours, and `ignore` lists colours. Folders `train` and `val` below both, if there are any, are the
splits; otherwise each fifth image (`validation = 5`) is for validation.
"""

import tomllib
from itertools import pairwise
from pathlib import Path

from common.errors import UserError
from data.color_labels import Colors, ColorSample
from data.label_sets import IGNORED, LabelSet, of_train_ids
from data.paired import SPLITS, PairedImages, files_in
from data.samples import Sample

CLASSES = "classes.toml"
KEYS = {"name", "images", "labels", "ignore", "validation", "classes"}
CLASS_KEYS = {"value", "color"}
IMAGES = (".png", ".jpg", ".jpeg")


class OwnFolder(PairedImages):
    """A folder with a `classes.toml`.

    Raises:
        UserError: that file cannot be read or says something else.
    """

    name = "folder"
    size = (1024, 2048)
    without_labels = ()

    @classmethod
    def is_at(cls, root: Path) -> bool:
        return (Path(root) / CLASSES).is_file()

    def __init__(self, root: Path, classes: str | None = None):
        root = Path(root)
        path = root / CLASSES
        said = _read(path)
        try:
            self.label_set, self.colors = _meaning(said, root)
            self.every = _every(said)
            self.images_in, self.labels_in = (root / _text(said, key, key) for key in ("images", "labels"))
        except ValueError as error:
            raise UserError(f"{path}: {error}; see docs/data.md for an example") from error
        self.cure = f"correct the folders, or images and labels in {path}"
        super().__init__(root, classes)

    @property
    def _sorted(self) -> bool:
        """Whether folders tell the splits."""
        return any((self.images_in / split).is_dir() for split in SPLITS)

    def images(self, split: str) -> list[Path]:
        found = files_in(self.images_in / split if self._sorted else self.images_in, *IMAGES)
        for image, other in pairwise(found):
            if image.stem == other.stem:
                raise UserError(f"{image} and {other} would have the same label; rename one of them")
        if self._sorted:
            return found
        held = found[:: self.every]
        return {"train": sorted({*found} - {*held}), "val": held}.get(split, [])

    def label_of(self, image: Path, split: str) -> Path:
        return self.labels_in / image.relative_to(self.images_in).with_suffix(".png")

    def sample(self, image: Path, label: Path | None) -> Sample:
        cure = f"add it to a class or to ignore in {self.root / CLASSES}"
        if self.colors:
            return ColorSample(image, label, self.label_set, colors=self.colors, cure=cure)
        of_kind = (
            "save it so, with a class's value in each pixel; or, if its colours are the classes, say them "
            f"by color, without value, in {self.root / CLASSES}"
        )
        return Sample(image, label, self.label_set, cure=cure, cure_of_kind=of_kind)


def _read(path: Path) -> dict:
    """What the file says.

    Raises:
        UserError: not readable, or no TOML.
    """
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; see docs/data.md for an example") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is no TOML: {error}; see docs/data.md for an example") from error


def _meaning(said: dict, root: Path) -> tuple[LabelSet, Colors]:
    """The label set, and where labels are of colours what each means.

    Raises:
        ValueError: the file says something else.
    """
    classes = _classes(said)
    unknown = [*(said.keys() - KEYS), *(key for one in classes.values() for key in one.keys() - CLASS_KEYS)]
    if unknown:
        raise ValueError(f"{min(unknown)} means nothing")
    name = _text(said, "name", root.resolve().name)
    ignored = said.get("ignore")
    if ignored is not None and not isinstance(ignored, list):
        raise ValueError(f"ignore = {ignored!r} is no list; write [0], or [[255, 255, 255]] for colours")
    valued = [class_name for class_name, one in classes.items() if "value" in one]
    if not valued:
        return _of_colors(name, classes, ignored or [])
    if len(valued) < len(classes):
        raise ValueError(
            f"class {next(iter(classes.keys() - {*valued}))} has no value, but {valued[0]} has one"
        )
    return _of_values(name, classes, ignored), ()


def _classes(said: dict) -> dict[str, dict]:
    """What is said of each class."""
    classes = said.get("classes")
    if not isinstance(classes, dict) or not classes:
        raise ValueError("no classes; write [classes] and a line `road = { value = 1 }` for each")
    wrong = next((name for name, one in classes.items() if not isinstance(one, dict)), None)
    if wrong is not None:
        raise ValueError(f"class {wrong} = {classes[wrong]!r} is no table; write `{{ value = 1 }}`")
    if len(classes) >= IGNORED:
        raise ValueError(f"{len(classes)} classes; at most {IGNORED - 1} fit into a label")
    return classes


def _of_values(name: str, classes: dict, ignored: list | None) -> LabelSet:
    """The label set of classes whose labels hold values; without a word of others, 255 is ignored."""
    values = [_values(class_name, one["value"]) for class_name, one in classes.items()]
    pairs = [(value, number) for number, own in enumerate(values) for value in own]
    used = {value for value, _ in pairs}
    ignored = list({IGNORED} - used) if ignored is None else _numbers("ignore", ignored)
    pairs += [(value, IGNORED) for value in ignored]
    if len({value for value, _ in pairs}) < len(pairs):
        raise ValueError("a value is there twice")
    unlabeled = next((value for value in (*ignored, *range(255, -1, -1)) if value not in used), None)
    if unlabeled is None:
        raise ValueError("the classes have all values from 0 to 255; take one out, for pixels of no class")
    return LabelSet(
        name=name,
        names=tuple(classes),
        colors=_colors(classes),
        train_ids=tuple(sorted(pairs)),
        file_values=tuple(own[0] for own in values),
        unlabeled=unlabeled,
    )


def _of_colors(name: str, classes: dict, ignored: list) -> tuple[LabelSet, Colors]:
    """The same of classes whose labels are of their colours; values are then train ids."""
    without = next((class_name for class_name, one in classes.items() if "color" not in one), None)
    if without:
        raise ValueError(f"class {without} has neither value nor color")
    label_set = of_train_ids(name, tuple(classes), _colors(classes))
    colors = [(color, number) for number, color in enumerate(label_set.colors)]
    colors += [(_color("ignore", color), IGNORED) for color in ignored]
    if len({color for color, _ in colors}) < len(colors):
        raise ValueError("a colour is there twice")
    return label_set, tuple(colors)


def _colors(classes: dict) -> tuple:
    """The classes' colours, different ones where none is said."""
    numbered = of_train_ids("", tuple(classes)).colors
    return tuple(
        _color(f"color of class {name}", one["color"]) if "color" in one else other
        for (name, one), other in zip(classes.items(), numbered)
    )


def _color(key: str, color) -> tuple[int, int, int]:
    sound = isinstance(color, list) and len(color) == 3
    if not sound or not all(map(_is_byte, color)):
        raise ValueError(f"{key}: {color!r} is no colour; write [red, green, blue], each from 0 to 255")
    return tuple(color)


def _values(class_name: str, said) -> list[int]:
    """The values of a class, of which `value` takes one or a list."""
    key = f"value of class {class_name}"
    if said == []:
        raise ValueError(f"{key}: none; write a whole number from 0 to 255, or several as [2, 3]")
    return _numbers(key, said if isinstance(said, list) else [said])


def _numbers(key: str, values: list) -> list[int]:
    wrong = next((value for value in values if not _is_byte(value)), 0)
    if not _is_byte(wrong):
        raise ValueError(f"{key}: {wrong!r} is no whole number from 0 to 255")
    return values


def _is_byte(value) -> bool:
    return type(value) is int and 0 <= value <= 255  # by isinstance `true` would be 1


def _text(said: dict, key: str, default: str) -> str:
    text = said.get(key, default)
    if not isinstance(text, str):
        raise ValueError(f'{key} = {text!r} is no text; write one, as {key} = "{default}"')
    return text


def _every(said: dict) -> int:
    """Of how many images one is for validation."""
    every = said.get("validation", 5)
    if type(every) is not int or every < 2:
        raise ValueError(f"validation = {every!r} is no whole number above 1: of so many images it takes one")
    return every
