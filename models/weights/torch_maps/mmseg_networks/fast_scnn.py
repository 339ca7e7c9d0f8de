"""Fast-SCNN."""

from models.weights.torch_layout import Rule
from models.weights.torch_maps import Whole

STEM = "backbone.learning_to_downsample"
GLOBAL = "backbone.global_feature_extractor"
FUSION = "backbone.feature_fusion"
RULES = [
    Rule(r"downsample1_(conv|bn)", f"{STEM}.conv.{{0}}"),
    *(
        Rule(
            rf"downsample{number + 1}_(depthwise|pointwise)_(conv|bn)",
            f"{STEM}.dsconv{number}.{{0}}_conv.{{1}}",
        )
        for number in (1, 2)
    ),
    *(
        Rule(
            rf"bottleneck(\d)_{block + 1}_{part}_(conv|bn)",
            f"{GLOBAL}.bottleneck{{0}}.{block}.conv.{number}.{{1}}",
        )
        for block in range(3)
        for number, part in enumerate(("expand", "spatial", "project"))
    ),
    *(
        Rule(rf"pool{bins}_(conv|bn)", f"{GLOBAL}.ppm.{index}.1.{{0}}")
        for index, bins in enumerate((1, 2, 3, 6))
    ),
    Rule(r"pool_project_(conv|bn)", f"{GLOBAL}.out.{{0}}"),
    Rule(r"fuse_deep_(conv|bn)", f"{FUSION}.dwconv.{{0}}"),
    Rule(r"fuse_deep_project_(conv|bn)", f"{FUSION}.conv_lower_res.{{0}}"),
    Rule(r"fuse_skip_(conv|bn)", f"{FUSION}.conv_higher_res.{{0}}"),
    *(
        Rule(
            rf"classifier{number + 1}_(depthwise|pointwise)_(conv|bn)",
            f"decode_head.convs.{number}.{{0}}_conv.{{1}}",
        )
        for number in range(2)
    ),
    Rule("classifier_scores", "decode_head.conv_seg"),
]
NETWORK = Whole(
    "fastscnn",
    f"{STEM}.conv.conv.weight",
    "decode_head.conv_seg.bias",
    rules=lambda options: RULES,
    options=lambda state, source: {"preset": "mmseg"},
    unused=(r"auxiliary_head\..*",),
    fits=lambda options: options["preset"] == "mmseg",
)
