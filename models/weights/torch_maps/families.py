"""What describes the names that packages give the modules of one kind of encoder."""

import re
from collections.abc import Callable, Container
from dataclasses import dataclass, field

from models.weights.torch_layout import Rule


@dataclass(frozen=True)
class Family:
    """Encoders whose modules are named after one pattern.

    Attributes:
        encoders: their names.
        recognise: (shapes by keys without a prefix) -> the name of the encoder they are of, or None.
        rules: name of an encoder -> the rules of its layers, for keys without a prefix.
        package: whose names they are, where the package has some of its own; empty for the original's.
        unused: regular expressions of keys of layers behind the last feature.
        options: of the encoder, as the package builds it.
    """

    encoders: Container[str]
    recognise: Callable[[dict[str, tuple]], str | None]
    rules: Callable[[str], list[Rule]]
    package: str = ""
    unused: tuple[str, ...] = ()
    options: dict = field(default_factory=dict)


def count(keys, pattern: str) -> int:
    """How many numbers, from 0, the first group of a pattern at the start of keys has; 0 where none does."""
    return 1 + max((int(found[1]) for key in keys if (found := re.match(pattern, key))), default=-1)
