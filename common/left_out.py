"""Tells in one line which tensors of a weights file a model has no use for."""

import sys
from collections import Counter

COUNTERS = "num_batches_tracked"  # of PyTorch's batch norm
MOST_GROUPS = 5


def tell(path, keys) -> None:
    """Print what is left out of a file on stderr, if anything is.

    Args:
        path: of the file.
        keys: of the tensors.
    """
    if keys:
        print(line(path, keys), file=sys.stderr)


def line(path, keys) -> str:
    """What is left out of a file, in a line; arguments are those of `tell`."""
    return f"left out of {path}: {summary(keys)}"


def summary(keys) -> str:
    """Keys by the modules they are of, and how many: `auxiliary_head (7), num_batches_tracked (54)`."""
    groups = Counter(map(_group, keys))
    counters = groups.pop(COUNTERS, 0)
    listed = [f"{name} ({count})" for name, count in groups.items()]
    if len(listed) > MOST_GROUPS:
        rest = sum(list(groups.values())[MOST_GROUPS:])
        listed = [*listed[:MOST_GROUPS], f"{rest} more"]
    return ", ".join([*listed, *([f"{COUNTERS} ({counters})"] if counters else [])])


def _group(key: str) -> str:
    parts = key.split(".")
    if parts[-1] == COUNTERS:
        return COUNTERS
    return ".".join(parts[:2]) if parts[0] in ("encoder", "backbone", "segformer") else parts[0]
