"""DDRNet as its authors publish it: ydhongHIT/DDRNet, `segmentation/`."""

import numpy as np

from models.weights.torch_layout import Rule
from models.weights.torch_maps import Network, numbered, rules_of_whole, whole
from models.weights.torch_maps.mmseg_networks.ddrnet import VARIANTS

TITLE = "DDRNet's authors"
RULES = [
    *numbered.SHARED,
    *numbered.branch("context"),
    *numbered.branch("spatial", "_"),
    *numbered.sequence(r"(down\d)_0", "{0}", 0, 1),
    *numbered.sequence(r"(down\d)_1", "{0}", 3, 4),
    *numbered.head("head", "final_layer"),
    *numbered.head("auxiliary_head", "seghead_extra"),
]
WHOLE = (numbered.source("ddrnet", "down3.0.weight", RULES, VARIANTS, (numbered.FIRST,)),)


def recognise(state: dict[str, np.ndarray]) -> bool:
    """Whether a state dict is of this source."""
    return whole(WHOLE, state) is not None


def network(state: dict[str, np.ndarray], source) -> Network:
    """What a state dict holds.

    Raises:
        UserError: a network of other widths than those that are known here.
    """
    return whole(WHOLE, state).network(state, source)


def rules(network: Network) -> list[Rule]:
    """The rules of a network's layers."""
    return rules_of_whole(WHOLE, network)
