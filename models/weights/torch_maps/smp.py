"""segmentation_models.pytorch (0.3 to 0.6): `encoder.*`, `decoder.*`, `segmentation_head.*`."""

import numpy as np

from common.errors import UserError
from models.weights.torch_layout import Rule
from models.weights.torch_maps import Network, encoders

TITLE = "segmentation_models.pytorch"
PREFIX = "encoder."
HEAD = Rule("scores", "segmentation_head.0")
DECODERS = {
    "unet": [
        Rule(r"decoder(\d)_conv(\d)_conv", "decoder.blocks.{0}.conv{1}.0"),
        Rule(r"decoder(\d)_conv(\d)_bn", "decoder.blocks.{0}.conv{1}.1"),
    ],
    "pspnet": [
        Rule(r"psp(\d)_conv", "decoder.psp.blocks.{0}.pool.1.0"),
        Rule(r"psp(\d)_bn", "decoder.psp.blocks.{0}.pool.1.1"),
        Rule(r"psp_conv", "decoder.conv.0"),
        Rule(r"psp_bn", "decoder.conv.1"),
    ],
}
DECODERS["segformer"] = [
    Rule(r"project0_linear", "decoder.mlp_stage.3.linear"),
    Rule(r"project1_linear", "decoder.mlp_stage.2.linear"),
    Rule(r"project2_linear", "decoder.mlp_stage.1.linear"),
    Rule(r"project3_linear", "decoder.mlp_stage.0.linear"),
    Rule(r"fuse_conv", "decoder.fuse_stage.0"),
    Rule(r"fuse_bn", "decoder.fuse_stage.1"),
]
# a key that one decoder alone has -> its name
SIGNS = {"decoder.psp.blocks.0.pool.1.0.weight": "pspnet", "decoder.blocks.0.conv1.0.weight": "unet"}
SIGNS |= {"decoder.mlp_stage.0.linear.weight": "segformer"}


def recognise(state: dict[str, np.ndarray]) -> bool:
    """Whether a state dict is of this package."""
    return "segmentation_head.0.weight" in state


def network(state: dict[str, np.ndarray], source) -> Network:
    """What a state dict holds.

    Raises:
        UserError: a network that is not known here.
    """
    encoder = encoders.find(state, PREFIX)
    decoder = next((name for key, name in SIGNS.items() if key in state), None)
    if not encoder or not decoder:
        what = "an encoder" if decoder else "a decoder"
        raise UserError(f"{source} is of {TITLE}, with {what} that is not known here")
    unused = encoder.unused
    if decoder == "pspnet":
        unused += (r"encoder\..*",)  # which goes on behind the feature that is pooled
    classes = len(state["segmentation_head.0.bias"])
    return Network(decoder, classes, {"encoder": encoder.encoder, "preset": "smp"}, unused)


def rules(architecture: str, encoder: str) -> list[Rule]:
    """The rules of a network's layers."""
    return [*encoders.rules(encoder, PREFIX), *DECODERS[architecture], HEAD]
