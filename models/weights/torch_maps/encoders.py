"""Encoders in PyTorch state dicts: which one it is, and what its layers are called there.

Packages put an encoder's modules below a prefix of their own; what they call the modules themselves is a
`Family`, of which most packages share one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from models.weights.torch_layout import Rule
from models.weights.torch_maps import convolutional, high_resolution, linear_attention, mix_transformers
from models.weights.torch_maps.families import Family

FAMILIES = (
    *high_resolution.FAMILIES,
    *convolutional.FAMILIES,
    *mix_transformers.FAMILIES,
    *linear_attention.FAMILIES,
)


@dataclass(frozen=True)
class Found:
    """An encoder in a state dict.

    Attributes:
        encoder: its name.
        family: what its modules are called.
        prefix: of its keys.
    """

    encoder: str
    family: Family
    prefix: str

    @property
    def rules(self) -> list[Rule]:
        """The rules of its layers."""
        return prefixed(self.family.rules(self.encoder), self.prefix)

    @property
    def unused(self) -> tuple[str, ...]:
        """Regular expressions of keys of layers behind the last feature."""
        return tuple(self.prefix.replace(".", r"\.") + pattern for pattern in self.family.unused)


def find(state: dict[str, np.ndarray], prefix: str) -> Found | None:
    """The encoder whose keys begin with `prefix`; None where none is known."""
    shapes = {key.removeprefix(prefix): array.shape for key, array in state.items() if key.startswith(prefix)}
    for family in FAMILIES:
        if name := family.recognise(shapes):
            return Found(name, family, prefix)
    return None


def families(encoder: str) -> Iterator[Family]:
    """All that have an encoder."""
    return (family for family in FAMILIES if encoder in family.encoders)


def rules(encoder: str, prefix: str, package: str = "") -> list[Rule]:
    """The rules of an encoder's layers, whose keys begin with `prefix`.

    Args:
        encoder: its name.
        prefix: of all its keys.
        package: whose names they are, where it has some of its own for this encoder; see `Family`.

    Raises:
        LookupError: no PyTorch package is known to have that encoder.
    """
    found = list(families(encoder))
    if not found:
        raise LookupError(encoder)
    own = [family for family in found if family.package == package]
    return prefixed((own or found)[0].rules(encoder), prefix)


def prefixed(rules: list[Rule], prefix: str) -> list[Rule]:
    """Rules whose modules lie below a prefix."""
    return [replace(rule, module=prefix + rule.module) for rule in rules]
