"""PIDNet as its authors publish it: XuJiacong/PIDNet, `models/pidnet.py`."""

import numpy as np

from models.weights.torch_layout import Rule
from models.weights.torch_maps import Network, numbered, rules_of_whole, whole
from models.weights.torch_maps.mmseg_networks.pidnet import VARIANTS

TITLE = "PIDNet's authors"
RULES = [
    *numbered.SHARED,
    *numbered.sequence("spp_processes", "spp.scale_process", 2, 0),
    *numbered.branch("i"),
    *numbered.branch("p", "_"),
    *numbered.branch("d", "_d"),
    *numbered.sequence(r"(pag\d)_p", "{0}.f_x", 0, 1),
    *numbered.sequence(r"(pag\d)_i", "{0}.f_y", 0, 1),
    *numbered.sequence(r"(diff\d)", "{0}", 0, 1),
    *numbered.sequence(r"dfm_(p|i)", "dfm.conv_{0}", 0, 1),
    *numbered.sequence("dfm", "dfm.conv", 2, 0),
    *numbered.head("i_head", "final_layer"),
    *numbered.head("p_head", "seghead_p"),
    *numbered.head("d_head", "seghead_d"),
]
WIDTHS = (numbered.FIRST, "spp.scale0.2.weight")
WHOLE = (numbered.source("pidnet", "pag3.f_x.0.weight", RULES, VARIANTS, WIDTHS),)


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
