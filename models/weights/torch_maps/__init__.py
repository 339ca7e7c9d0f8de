"""Who names which layer how: one file a source of PyTorch weights, each a table of `Rule`s.

A source's module has `recognise(state)`, whether a state dict is its; `network(state)`, which
`Network` it holds; `rules(network)`; and `WHOLE`, its networks that are no encoder with a decoder. Maps
serve both directions.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from common.errors import UserError
from models.weights.torch_layout import Rule

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
        size: (height, width) that pictures had in training, where the source publishes one such file only.
        void: outputs behind those of the classes, which stand for what is not scored.
    """

    architecture: str
    classes: int
    options: dict = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    naming: str = ""
    size: tuple[int, int] | None = None
    void: int = 0


@dataclass(frozen=True)
class Whole:
    """A network of a source that is no encoder with a decoder.

    Attributes:
        architecture: a key of `models.registry.ARCHITECTURES`.
        sign: a key that no other network of the source has.
        classes: key of a tensor with one number, or row, for each class.
        rules: options of `models.build` -> the rules of its layers.
        options: (state, where it comes from) -> options of `models.build` that keys and shapes show.
        unused: regular expressions of keys that are left out on purpose, such as auxiliary heads.
        fits: whether options of `models.build`, all of them, make the source's network.
        always_auxiliary: whether the source's network cannot be built without its auxiliary heads, so that
            a state dict without them is not complete.
    """

    architecture: str
    sign: str
    classes: str
    rules: Callable[[dict], list[Rule]]
    options: Callable[[dict, object], dict] = lambda state, source: {}
    unused: tuple[str, ...] = ()
    fits: Callable[[dict], bool] = lambda options: True
    always_auxiliary: bool = False

    def network(self, state: dict, source) -> Network:
        """What a state dict that has the sign holds."""
        classes = int(state[self.classes].shape[0])
        return Network(self.architecture, classes, self.options(state, source), self.unused)


def whole(among: tuple[Whole, ...], state: dict) -> Whole | None:
    """The network whose sign a state dict has."""
    return next((one for one in among if one.sign in state and one.classes in state), None)


def rules_of_whole(among: tuple[Whole, ...], network: Network) -> list[Rule]:
    """The rules of a network that is no encoder with a decoder."""
    return next(one for one in among if one.architecture == network.architecture).rules(network.options)


@dataclass(frozen=True)
class Source:
    """A source that has nothing but whole networks, with what `models.weights.torch_state` asks of a module.

    Attributes:
        TITLE: in messages.
        WHOLE: its networks.
    """

    TITLE: str
    WHOLE: tuple[Whole, ...]

    def recognise(self, state: dict) -> bool:
        """Whether a state dict is of this source."""
        return whole(self.WHOLE, state) is not None

    def network(self, state: dict, source) -> Network:
        """What a state dict holds.

        Raises:
            UserError: a network of other widths than those that are known here.
        """
        return whole(self.WHOLE, state).network(state, source)

    def rules(self, network: Network) -> list[Rule]:
        """The rules of a network's layers."""
        return rules_of_whole(self.WHOLE, network)


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


def variant(variants: dict[str, tuple[int, ...]], state, keys: tuple[str, ...], source) -> dict[str, str]:
    """The option `variant` of a family whose networks differ in numbers of channels.

    Args:
        variants: name -> numbers of channels.
        state: tensors by their keys.
        keys: of the convolutions with so many output channels.
        source: where the state dict comes from, for messages.

    Raises:
        UserError: of none of them.
    """
    found = tuple(widths(state, {key: key for key in keys}, source).values())
    for name, channels in variants.items():
        if found == channels:
            return {"variant": name}
    raise UserError(
        f"{source} has {' and '.join(map(str, found)) or 'no'} channels where its variants, "
        f"{', '.join(variants)}, have others; use another file"
    )
