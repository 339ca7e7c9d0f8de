"""DDRNet and PIDNet: rules that both need. Their layers are named after mmsegmentation's modules."""

from models.weights.torch_layout import Rule

FIRST = "backbone.stem.0.conv.weight"
STEM = [
    Rule(r"(stem)(\d)_(conv|bn)", "backbone.{0}.{1}.{2}"),
    Rule(r"layer1_(\w+)", "backbone.stem.2.{dots}"),
    Rule(r"layer2_(\w+)", "backbone.stem.4.{dots}"),
]
PYRAMID = [
    Rule(r"spp_scales_0_(conv|bn)", "backbone.spp.scales.0.{0}"),
    Rule(r"spp_scales_(\d)_(conv|bn)", "backbone.spp.scales.{0}.1.{1}"),
    Rule(r"spp_(\w+)", "backbone.spp.{dots}"),
]


def stages(names: dict[str, str]) -> list[Rule]:
    """Rules of stages of residual blocks.

    Args:
        names: letters before a stage's number in our names, which begin at 3 -> theirs, which begin at 0.
    """
    return [
        Rule(rf"{ours}{stage}_(\w+)", f"backbone.{theirs}.{stage - 3}.{{dots}}")
        for ours, theirs in names.items()
        for stage in (3, 4, 5)
    ]


def head(ours: str, module: str, norm: str, scores: str) -> list[Rule]:
    """Rules of a head of scores.

    Args:
        ours: what its layers' names begin with.
        module: of the 3x3 convolution, with batch norm before it.
        norm: module of the batch norm behind it.
        scores: module of the 1x1 convolution.
    """
    return [
        Rule(rf"{ours}_(conv|bn)", f"decode_head.{module}.{{0}}"),
        Rule(rf"{ours}_norm", f"decode_head.{norm}"),
        Rule(rf"{ours}_scores", f"decode_head.{scores}"),
    ]
