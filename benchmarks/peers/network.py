"""What a table of `benchmarks.peers` has lines of."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Network:
    """One of our networks that a PyTorch package has as well.

    Attributes:
        model: a key of `models.registry.ARCHITECTURES`.
        options: of `models.build`.
        original: what the package calls it.
    """

    model: str
    options: dict
    original: str
