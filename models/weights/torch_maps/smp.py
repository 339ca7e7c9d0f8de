"""segmentation_models.pytorch (0.3 to 0.6): `encoder.*`, `decoder.*`, `segmentation_head.*`."""

import numpy as np

from common.errors import UserError
from models.weights.torch_layout import Rule
from models.weights.torch_maps import Network, encoders, widths

TITLE = "segmentation_models.pytorch"
PREFIX = "encoder."
HEAD = Rule("scores", "segmentation_head.0")
DECODERS = {
    "unet": [
        *(
            Rule(f"center{number + 1}_{ours}", f"decoder.center.{number}.{theirs}")
            for number in range(2)
            for theirs, ours in enumerate(("conv", "bn"))
        ),
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
    Rule(r"project_half_linear", "decoder.mlp_stage.4.linear"),
    Rule(r"fuse_conv", "decoder.fuse_stage.0"),
    Rule(r"fuse_bn", "decoder.fuse_stage.1"),
]
DECODERS["unet++"] = [
    Rule(r"x_(\d)_(\d)_conv(\d)_conv", "decoder.blocks.x_{0}_{1}.conv{2}.0"),
    Rule(r"x_(\d)_(\d)_conv(\d)_bn", "decoder.blocks.x_{0}_{1}.conv{2}.1"),
]
DECODERS["manet"] = [
    Rule(r"attention_(top|center|bottom|out)", "decoder.center.{0}_conv"),
    Rule(r"decoder(\d)_high(\d)_conv", "decoder.blocks.{0}.hl_conv.{1}.0"),
    Rule(r"decoder(\d)_high(\d)_bn", "decoder.blocks.{0}.hl_conv.{1}.1"),
    Rule(r"decoder(\d)_excite_high_reduce", "decoder.blocks.{0}.SE_hl.1"),
    Rule(r"decoder(\d)_excite_high_expand", "decoder.blocks.{0}.SE_hl.3"),
    Rule(r"decoder(\d)_excite_low_reduce", "decoder.blocks.{0}.SE_ll.1"),
    Rule(r"decoder(\d)_excite_low_expand", "decoder.blocks.{0}.SE_ll.3"),
    *DECODERS["unet"],
]
DECODERS["fpn"] = [
    Rule("lateral3", "decoder.p5"),
    *(Rule(f"lateral{index}", f"decoder.p{index + 2}.skip_conv") for index in range(3)),
    *(
        rule
        for index in range(4)
        for rule in (
            Rule(rf"head{index}_(\d)_conv", f"decoder.seg_blocks.{3 - index}.block.{{0}}.block.0"),
            Rule(rf"head{index}_(\d)_gn", f"decoder.seg_blocks.{3 - index}.block.{{0}}.block.1"),
        )
    ),
]
DECODERS["deeplabv3+"] = [
    Rule("aspp_1x1_conv", "decoder.aspp.0.convs.0.0"),
    Rule("aspp_1x1_bn", "decoder.aspp.0.convs.0.1"),
    Rule(r"aspp_atrous(\d)_depthwise", "decoder.aspp.0.convs.{0}.0.0"),
    Rule(r"aspp_atrous(\d)_pointwise_conv", "decoder.aspp.0.convs.{0}.0.1"),
    Rule(r"aspp_atrous(\d)_pointwise_bn", "decoder.aspp.0.convs.{0}.1"),
    Rule("aspp_pool_conv", "decoder.aspp.0.convs.4.1"),
    Rule("aspp_pool_bn", "decoder.aspp.0.convs.4.2"),
    Rule("aspp_project_conv", "decoder.aspp.0.project.0"),
    Rule("aspp_project_bn", "decoder.aspp.0.project.1"),
    Rule("aspp_refine_depthwise", "decoder.aspp.1.0"),
    Rule("aspp_refine_pointwise_conv", "decoder.aspp.1.1"),
    Rule("aspp_refine_pointwise_bn", "decoder.aspp.2"),
    Rule("decoder_low_conv", "decoder.block1.0"),
    Rule("decoder_low_bn", "decoder.block1.1"),
    Rule("decoder_conv1_depthwise", "decoder.block2.0.0"),
    Rule("decoder_conv1_pointwise_conv", "decoder.block2.0.1"),
    Rule("decoder_conv1_pointwise_bn", "decoder.block2.1"),
]
# options of decoders that shapes show
WIDTHS = {
    "pspnet": {"channels": "decoder.conv.0.weight", "bin_channels": "decoder.psp.blocks.0.pool.1.0.weight"},
    "deeplabv3+": {"channels": "decoder.aspp.0.project.0.weight"},
    "segformer": {"channels": "decoder.fuse_stage.0.weight"},
    "fpn": {"channels": "decoder.p5.weight", "head_channels": "decoder.seg_blocks.0.block.0.block.0.weight"},
}
# what the package builds and does not use
UNUSED = {
    "pspnet": (r"encoder\..*",),  # goes on behind the feature that is pooled
    "unet++": (r"decoder\.center\..*",),  # on VGG
}
# a key -> the first decoder in this order that has it
SIGNS = {
    "decoder.psp.blocks.0.pool.1.0.weight": "pspnet",
    "decoder.mlp_stage.0.linear.weight": "segformer",
    "decoder.blocks.x_0_0.conv1.0.weight": "unet++",
    "decoder.center.top_conv.weight": "manet",
    "decoder.p5.weight": "fpn",
    "decoder.aspp.0.convs.0.0.weight": "deeplabv3+",
    "decoder.blocks.0.conv1.0.weight": "unet",
}


WHOLE = ()


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
    unused = (*encoder.unused, *UNUSED.get(decoder, ()))
    classes = len(state["segmentation_head.0.bias"])
    options = {"encoder": encoder.encoder, "preset": "smp"} | widths(state, WIDTHS.get(decoder, {}), source)
    return Network(decoder, classes, options, unused)


def rules(network: Network) -> list[Rule]:
    """The rules of a network's layers."""
    return [*encoders.rules(network.options["encoder"], PREFIX), *DECODERS[network.architecture], HEAD]
