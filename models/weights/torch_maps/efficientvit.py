"""EfficientViT's segmentation networks as their authors publish them (mit-han-lab/efficientvit)."""

import numpy as np

from common.errors import UserError
from models.weights.torch_layout import Rule
from models.weights.torch_maps import Network, encoders, widths
from models.weights.torch_maps.families import count

TITLE = "EfficientViT's authors"
PREFIX = "backbone."
LAST = "head.output_ops.0.op_list.1.conv"  # scores, where there is a convolution before them
FIRST = "head.input_ops.2.conv.weight"
RULES = [
    Rule(r"head_input([01])_(conv|norm)", "head.input_ops.{0}.op_list.0.{1}"),
    Rule(r"head_input2_(conv|norm)", "head.input_ops.2.{0}"),
    Rule(r"head_middle(\d)_(inverted|depth|point)_(conv|norm)", "head.middle.op_list.{0}.main.{1}_conv.{2}"),
    Rule(r"head_last_(conv|norm)", "head.output_ops.0.op_list.0.{0}"),
    Rule("scores", LAST),
]
WHOLE = ()


def recognise(state: dict[str, np.ndarray]) -> bool:
    """Whether a state dict is of this source."""
    return FIRST in state and f"{LAST}.bias" in state


def network(state: dict[str, np.ndarray], source) -> Network:
    """What a state dict holds.

    Raises:
        UserError: a network that is not known here.
    """
    encoder = encoders.find(state, PREFIX)
    if not encoder:
        raise UserError(f"{source} is of {TITLE}, with an encoder that is not known here")
    keys = {"channels": FIRST, "last_channels": "head.output_ops.0.op_list.0.conv.weight"}
    options = {"encoder": encoder.encoder, "blocks": count(state, r"head\.middle\.op_list\.(\d+)\.")}
    return Network("efficientvit", len(state[f"{LAST}.bias"]), options | widths(state, keys, source))


def rules(network: Network) -> list[Rule]:
    """The rules of a network's layers."""
    return [*encoders.rules(network.options["encoder"], PREFIX), *RULES]
