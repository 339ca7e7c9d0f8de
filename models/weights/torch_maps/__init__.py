"""Who names which layer how: one file a source of PyTorch weights, each a table of `Rule`s.

A source's module has `recognise(state)`, whether a state dict is its; `network(state)`, which
`Network` it holds; and `rules(architecture, encoder)`. Maps serve both directions.
"""

from dataclasses import dataclass, field

from common.errors import UserError

MOST_CHANNELS = 4096  # of a layer; a stranger's file may claim any number


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


def widths(state, keys: dict[str, str], source, most: int = MOST_CHANNELS) -> dict[str, int]:
    """Numbers of channels, which are options, by the tensors that show them.

    Args:
        state: tensors by their keys.
        keys: option -> key of the convolution with so many output channels.
        source: where the state dict comes from, for messages.
        most: channels that are believed.

    Raises:
        UserError: more channels than any network has.
    """
    found = {option: int(state[key].shape[0]) for option, key in keys.items() if key in state}
    for option, channels in found.items():
        if channels > most:
            raise UserError(f"{source}: '{keys[option]}' has {channels} channels; use another file")
    return found
