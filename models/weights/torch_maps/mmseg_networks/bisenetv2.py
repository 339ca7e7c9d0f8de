"""BiSeNet V2."""

from models.weights.torch_layout import Rule
from models.weights.torch_maps import Whole

SEMANTIC = "backbone.semantic"
BGA = "backbone.bga"
BLOCK = r"stage(\d)_(\d)"  # a gather-and-expansion layer
RULES = [
    Rule(r"detail_(\d)_(\d)_(conv|bn)", "backbone.detail.detail_branch.{0}.{1}.{2}"),
    Rule(r"stem_first_(conv|bn)", f"{SEMANTIC}.stage1.conv_first.{{0}}"),
    Rule(r"stem_left_(\d)_(conv|bn)", f"{SEMANTIC}.stage1.convs.{{0}}.{{1}}"),
    Rule(r"stem_fuse_(conv|bn)", f"{SEMANTIC}.stage1.fuse_last.{{0}}"),
    *(
        Rule(rf"{BLOCK}_{ours}_(conv|bn)", f"{SEMANTIC}.stage{{0}}.{{1}}.{theirs}.{{2}}")
        for ours, theirs in (
            ("gather", "conv1"),
            ("expand", "dwconv.0"),
            ("spatial", "dwconv.1"),
            ("project", "conv2.0"),
            ("shortcut_depthwise", "shortcut.0.depthwise_conv"),
            ("shortcut_pointwise", "shortcut.0.pointwise_conv"),
        )
    ),
    Rule("context_norm", f"{SEMANTIC}.stage4_CEBlock.gap.1"),
    Rule(r"context_embed_(conv|bn)", f"{SEMANTIC}.stage4_CEBlock.conv_gap.{{0}}"),
    Rule(r"context_last_(conv|bn)", f"{SEMANTIC}.stage4_CEBlock.conv_last.{{0}}"),
    Rule("bga_detail_pointwise", f"{BGA}.detail_dwconv.0.pointwise_conv.conv"),
    Rule(r"bga_detail_(conv|bn)", f"{BGA}.detail_dwconv.0.depthwise_conv.{{0}}"),
    Rule(r"bga_down_(conv|bn)", f"{BGA}.detail_down.0.{{0}}"),
    Rule(r"bga_semantic_(conv|bn)", f"{BGA}.semantic_conv.0.{{0}}"),
    Rule("bga_gate_pointwise", f"{BGA}.semantic_dwconv.0.pointwise_conv.conv"),
    Rule(r"bga_gate_(conv|bn)", f"{BGA}.semantic_dwconv.0.depthwise_conv.{{0}}"),
    Rule(r"bga_(conv|bn)", f"{BGA}.conv.{{0}}"),
    Rule(r"head_(\d)_(conv|bn)", "decode_head.convs.{0}.{1}"),
    Rule("head_scores", "decode_head.conv_seg"),
]


NETWORK = Whole(
    "bisenetv2",
    "backbone.semantic.stage4_CEBlock.gap.1.weight",
    "decode_head.conv_seg.bias",
    rules=lambda options: RULES,
    unused=(r"auxiliary_head\..*",),
)
