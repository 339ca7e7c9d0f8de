"""Who names which layer how: one file a source of PyTorch weights, each a table of `Rule`s.

A source's module has `recognise(state)`, whether a state dict is its; `network(state)`, which
`Network` it holds; and `rules(architecture, encoder)`. Maps serve both directions.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Network:
    """What a state dict is of.

    Attributes:
        architecture: a key of `models.registry.ARCHITECTURES`.
        classes: number of output channels.
        options: of `models.build`.
        unused: regular expressions of keys that are left out on purpose, such as auxiliary heads.
        naming: of a source that has changed its names, which ones.
    """

    architecture: str
    classes: int
    options: dict = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    naming: str = ""
