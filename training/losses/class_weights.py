"""How much each class counts in a loss: from the training split's labels, or from a file."""

import json
from pathlib import Path

from common.errors import UserError
from data import stats
from data.index import Sample
from data.labels import CLASS_COUNT, CLASS_NAMES

FORMULAS = {"median": stats.median_frequency_weights, "enet": stats.enet_weights}


def resolve(name: str, samples: list[Sample], workers: int | None = None) -> tuple[float, ...]:
    """The weight of each train id; empty for `none`.

    Args:
        name: none; median or enet, which read all label maps; else a file, see `read`.
        samples: the training split.

    Raises:
        UserError: the file does not fit, or a label map is unreadable.
    """
    if name == "none":
        return ()
    if name in FORMULAS:
        return tuple(FORMULAS[name](stats.count(samples, workers)).tolist())
    return read(Path(name))


def read(path: Path) -> tuple[float, ...]:
    """Weights from JSON: a list of 19 numbers in the order of the train ids, or class name -> number.

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
        content = _by_name(path, content)
    valid = isinstance(content, list) and len(content) == CLASS_COUNT and all(map(_is_weight, content))
    if not valid or not any(content):
        raise UserError(
            f"{path} must hold a list of {CLASS_COUNT} weights of at least 0 in the order of the train ids, "
            "not all 0, or an object of one for each class name"
        )
    return tuple(map(float, content))


def _by_name(path: Path, content: dict) -> list:
    missing = [name for name in CLASS_NAMES if name not in content]
    foreign = [name for name in content if name not in CLASS_NAMES]
    if missing or foreign:
        what = f"lacks {', '.join(missing)}" if missing else f"has the unknown {', '.join(foreign)}"
        raise UserError(f"{path} {what}; it must have a weight for each of {', '.join(CLASS_NAMES)}")
    return [content[name] for name in CLASS_NAMES]


def _is_weight(value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")
