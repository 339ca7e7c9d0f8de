"""SegFormer on the hub, as transformers saves it: before version 5, and since.

NVIDIA's files are of the first kind (`segformer.encoder.block.0.0.attention.self.query`); version 5 writes
`segformer.stages.0.blocks.0.attention.q_proj`. The file of a classifier has `classifier.*` and no decoder.
"""

import numpy as np

from common.errors import UserError
from models.weights.torch_layout import Rule
from models.weights.torch_maps import Network, encoders, widths

TITLE = "SegFormer of transformers"
PREFIX = "segformer."
HEAD = "decode_head.classifier"
WHOLE = ()


def recognise(state: dict[str, np.ndarray]) -> bool:
    """Whether a state dict is of this package."""
    return f"{HEAD}.weight" in state


def network(state: dict[str, np.ndarray], source) -> Network:
    """What a state dict holds.

    Raises:
        UserError: a network that is not known here.
    """
    encoder = encoders.find(state, PREFIX)
    if not encoder:
        raise UserError(f"{source} is of {TITLE}, with an encoder that is not known here")
    options = {"encoder": encoder.encoder, "preset": "hub"}
    options |= widths(state, {"channels": "decode_head.linear_fuse.weight"}, source)
    return Network("segformer", len(state[f"{HEAD}.bias"]), options, naming=encoder.family.package)


def rules(network: Network) -> list[Rule]:
    """The rules of a network's layers; its `naming` is `hub-old` before version 5 of transformers."""
    naming = network.naming or "hub"
    head = [
        Rule(
            r"project(\d)_linear",
            f"decode_head.{'linear_projections' if naming == 'hub' else 'linear_c'}.{{0}}.proj",
        ),
        Rule("fuse_conv", "decode_head.linear_fuse"),
        Rule("fuse_bn", "decode_head.batch_norm"),
        Rule("scores", HEAD),
    ]
    return [*encoders.rules(network.options["encoder"], PREFIX, naming), *head]
