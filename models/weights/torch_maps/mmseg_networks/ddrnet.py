"""DDRNet-23-slim and DDRNet-23 with DDRHead."""

from models.weights.torch_layout import Rule
from models.weights.torch_maps import Whole, variant
from models.weights.torch_maps.mmseg_networks.dual_resolution import FIRST, PYRAMID, STEM, head, stages

SHORTCUTS = [  # of a convolution and a norm without names
    rule
    for kind, number in (("conv", 0), ("bn", 1))
    for rule in (
        Rule(f"layer2_0_downsample_{kind}", f"backbone.stem.4.0.downsample.{number}"),
        Rule(rf"context3_0_downsample_{kind}", f"backbone.context_branch_layers.0.0.downsample.{number}"),
        Rule(rf"context4_0_downsample_{kind}", f"backbone.context_branch_layers.1.0.downsample.{number}"),
        Rule(rf"context5_0_downsample_{kind}", f"backbone.context_branch_layers.2.0.downsample.{number}"),
        Rule(rf"spatial5_0_downsample_{kind}", f"backbone.spatial_branch_layers.2.0.downsample.{number}"),
    )
]
VARIANTS = {"23_slim": (32,), "23": (64,)}  # channels of the first convolution
RULES = [
    *SHORTCUTS,
    *STEM,
    *stages({"context": "context_branch_layers", "spatial": "spatial_branch_layers"}),
    Rule(r"compression3_(conv|bn)", "backbone.compression_1.{0}"),
    Rule(r"compression4_(conv|bn)", "backbone.compression_2.{0}"),
    Rule(r"down3_0_(conv|bn)", "backbone.down_1.{0}"),
    Rule(r"down4_(\d)_(conv|bn)", "backbone.down_2.{0}.{1}"),
    *PYRAMID,
    *head("head", "head.0", "head.1", "conv_seg"),
    *head("auxiliary_head", "aux_head.0", "aux_head.1", "aux_cls_seg"),
]
NETWORK = Whole(
    "ddrnet",
    "backbone.down_1.conv.weight",
    "decode_head.conv_seg.bias",
    rules=lambda options: RULES,
    options=lambda state, source: variant(VARIANTS, state, (FIRST,), source),
    unused=(r"decode_head\.aux_(head|cls_seg)\..*",),
    fits=lambda options: not options["stem_bias"],
    always_auxiliary=True,
)
