"""PIDNet-S, -M and -L with PIDHead."""

from models.weights.torch_layout import Rule
from models.weights.torch_maps import Whole, variant
from models.weights.torch_maps.mmseg_networks.dual_resolution import FIRST, PYRAMID, STEM, head, stages

VARIANTS = {"s": (32, 96), "m": (64, 96), "l": (64, 112)}  # channels of the first convolution, of the pyramid
WIDTHS = (FIRST, "backbone.spp.scales.0.conv.weight")
RULES = [
    *STEM,
    *stages({"i": "i_branch_layers", "p": "p_branch_layers", "d": "d_branch_layers"}),
    *(
        rule
        for stage, number in ((3, 1), (4, 2))
        for rule in (
            Rule(rf"compression{stage}_(conv|bn)", f"backbone.compression_{number}.{{0}}"),
            Rule(rf"pag{stage}_(i|p)_(conv|bn)", f"backbone.pag_{number}.f_{{0}}.{{1}}"),
            Rule(rf"diff{stage}_(conv|bn)", f"backbone.diff_{number}.{{0}}"),
        )
    ),
    *PYRAMID,
    Rule(r"dfm_(i|p)_(conv|bn)", "backbone.dfm.f_{0}.{1}"),
    Rule(r"dfm_(conv|bn)", "backbone.dfm.conv.{0}"),
    *head("i_head", "i_head.conv", "i_head.norm", "conv_seg"),
    *head("p_head", "p_head.conv", "p_head.norm", "p_cls_seg"),
    *head("d_head", "d_head.conv", "d_head.norm", "d_cls_seg"),
]
NETWORK = Whole(
    "pidnet",
    "backbone.pag_1.f_i.conv.weight",
    "decode_head.conv_seg.bias",
    rules=lambda options: RULES,
    options=lambda state, source: variant(VARIANTS, state, WIDTHS, source),
    unused=(r"decode_head\.[pd]_(head|cls_seg)\..*",),
    fits=lambda options: not options["stem_bias"],
    always_auxiliary=True,
)
