"""How much each class counts in a loss: from the training split's labels, or from a file."""

import json
from pathlib import Path

from common.errors import UserError
from data import stats
from data.label_sets import LabelSet
from data.samples import Sample

FORMULAS = {"median": stats.median_frequency_weights, "enet": stats.enet_weights}


def resolve(name: str, samples: list[Sample], workers: int | None = None) -> tuple[float, ...]:
    """The weight of each train id; empty for `none`.

    Args:
        name: none; median or enet, which read all label maps; else a file, see `read`.
        samples: the training split, at least one.

    Raises:
        UserError: the file does not fit, or a label map is unreadable.
    """
    if name == "none":
        return ()
    if name in FORMULAS:
        return tuple(FORMULAS[name](stats.count(samples, workers)).tolist())
    return read(Path(name), samples[0].label_set)


def read(path: Path, label_set: LabelSet) -> tuple[float, ...]:
    """Weights from JSON: a list of a number for each train id, or class name -> number.

    Raises:
        UserError: no such file, or something else in it.
    """
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(
            f"`class_weights` takes none, median, enet or a JSON file; cannot read {path}"
        ) from error
    if isinstance(content, dict):
        content = _by_name(path, content, label_set.names)
    valid = isinstance(content, list) and len(content) == label_set.classes and all(map(_is_weight, content))
    if not valid or not any(content):
        raise UserError(
            f"{path} must hold a list of {label_set.classes} weights of at least 0 in the order of the train "
            "ids, not all 0, or an object of one for each class name"
        )
    return tuple(map(float, content))


def _by_name(path: Path, content: dict, names: tuple[str, ...]) -> list:
    missing = [name for name in names if name not in content]
    foreign = [name for name in content if name not in names]
    if missing or foreign:
        what = f"lacks {', '.join(missing)}" if missing else f"has the unknown {', '.join(foreign)}"
        raise UserError(f"{path} {what}; it must have a weight for each of {', '.join(names)}")
    return [content[name] for name in names]


def _is_weight(value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")
