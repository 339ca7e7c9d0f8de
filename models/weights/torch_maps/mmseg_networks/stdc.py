"""STDC-Seg: its context path, feature fusion and head."""

from models.weights.torch_layout import Rule

SIGN = "backbone.ffm.conv0.conv.weight"
RULES = [
    *(
        rule
        for index, stride in enumerate((32, 16))
        for rule in (
            Rule(f"arm{stride}_(conv|bn)", f"backbone.arms.{index}.conv_layer.{{0}}"),
            Rule(f"arm{stride}_attention_(conv|bn)", f"backbone.arms.{index}.atten_conv_layer.1.{{0}}"),
            Rule(f"context{stride // 2}_(conv|bn)", f"backbone.convs.{index}.{{0}}"),
        )
    ),
    Rule(r"context_mean_(conv|bn)", "backbone.conv_avg.{0}"),
    Rule(r"fusion_(conv|bn)", "backbone.ffm.conv0.{0}"),
    Rule("fusion_reduce", "backbone.ffm.attention.1.conv"),
    Rule("fusion_expand", "backbone.ffm.attention.2.conv"),
    Rule(r"head_(\d)_(conv|bn)", "decode_head.convs.{0}.{1}"),
    Rule("head_scores", "decode_head.conv_seg"),
]
