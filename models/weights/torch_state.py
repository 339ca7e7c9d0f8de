"""From a PyTorch state dict to a model of ours with the same weights, and back."""

import difflib
import re
from types import ModuleType

import numpy as np

from common.errors import UserError
from models.weights.torch_layout import Rule, places
from models.weights.torch_maps import (
    Network,
    ddrnet,
    efficientvit,
    espnetv2,
    hub,
    mmseg,
    pidnet,
    sinet,
    smp,
)

# name on the command line -> who names layers how; looked at in this order
PACKAGES = {
    "smp": smp,
    "mmseg": mmseg,
    "hub": hub,
    "c3_sinet": sinet,
    "edgenets": espnetv2,
    "efficientvit": efficientvit,
    "ddrnet": ddrnet.SOURCE,
    "pidnet": pidnet.SOURCE,
}
COUNTERS = r".*num_batches_tracked"  # of PyTorch's batch norm; nothing here reads them


def recognise(state: dict[str, np.ndarray], path) -> tuple[ModuleType, Network]:
    """The source of a state dict and the network it holds.

    Args:
        state: tensors by their keys.
        path: where it comes from, for messages.

    Raises:
        UserError: of no source, or no network, that is known here.
    """
    for source in PACKAGES.values():
        if source.recognise(state):
            return source, source.network(state, path)
    known = ", ".join(source.TITLE for source in PACKAGES.values())
    raise UserError(f"{path} is of none of the packages whose weights are known here: {known}")


def fill(model, source: ModuleType, network: Network, state: dict[str, np.ndarray], path) -> list[str]:
    """Give a model the weights of a state dict, all of them or none.

    Returns:
        The keys that were left out on purpose: auxiliary heads, counters.

    Raises:
        UserError: a key too many or too few, or another shape; it is named with its neighbour.
    """
    return fill_by_rules(model, model.name, source.rules(network), network.unused, state, path)


def fill_by_rules(
    model, name: str, rules: list[Rule], unused: tuple[str, ...], state: dict[str, np.ndarray], path
) -> list[str]:
    """As `fill`, by the rules of a model's layers.

    Args:
        model: Keras model.
        name: the model's in messages.
        rules: which module of PyTorch each layer is.
        unused: regular expressions of keys that are left out on purpose; counters are without them.
        state: tensors by their keys.
        path: where they come from, for messages.
    """
    found = list(places(model, rules))
    for place in found:
        if place.key not in state:
            raise UserError(f"{path} has no '{place.key}' {place.shape}{_near(place.key, state)}")
        shape = state[place.key].shape
        if shape != place.shape:
            raise UserError(f"{path}: '{place.key}' has shape {shape}, {name} needs {place.shape}")
        if state[place.key].dtype.kind not in "fiu":
            raise UserError(f"{path}: '{place.key}' holds no real numbers; use another file")
        if not np.isfinite(state[place.key]).all():
            raise UserError(f"{path}: '{place.key}' has values that are no finite numbers; use another file")
    used = {place.key for place in found}
    left_out = [key for key in state if key not in used]
    for key in left_out:
        if not any(re.fullmatch(pattern, key) for pattern in (COUNTERS, *unused)):
            raise UserError(f"{path} has '{key}', which {name} lacks{_near(key, used)}")
    for place in found:
        place.variable.assign(place.ours(state[place.key]))
    return left_out


def state_dict(model, source: ModuleType, network: Network) -> dict[str, np.ndarray]:
    """The weights of a model as the source's package calls them, in the order of our layers."""
    parts: dict[str, list] = {}
    for place in places(model, source.rules(network)):
        parts.setdefault(place.key, []).append(place)
    state = {}
    for key, found in parts.items():
        found.sort(key=lambda place: place.part[0] if place.part else 0)
        state[key] = (
            np.concatenate([place.theirs() for place in found], found[0].rule.axis)
            if found[0].part
            else found[0].theirs()
        )
    return state


def _near(key: str, others) -> str:
    near = difflib.get_close_matches(key, others, 1)
    return f"; the nearest there is '{near[0]}'" if near else ""
