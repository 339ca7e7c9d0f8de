"""DDRNet and PIDNet in their authors' code, whose modules have numbers where mmsegmentation's have names.

The first two convolutions have a bias. Checkpoints also hold what the loss knows, such as weights of the
classes.
"""

from models.weights.torch_layout import Rule
from models.weights.torch_maps import Whole, variant

FIRST = "conv1.0.weight"
UNUSED = (r"seghead_\w+\..*", r"(sem_|bd_)?loss\..*")


def sequence(ours: str, theirs: str, conv: int, norm: int) -> list[Rule]:
    """Rules of a convolution and a batch norm at these numbers of a sequence."""
    return [Rule(f"{ours}_conv", f"{theirs}.{conv}"), Rule(f"{ours}_bn", f"{theirs}.{norm}")]


def residual(ours: str, theirs: str) -> list[Rule]:
    """Rules of a stage of residual blocks, or of a block that is a stage by itself."""
    return [
        rule
        for index, number in ((r"_(\d)", ".{0}"), ("()", "{0}"))
        for rule in (
            Rule(rf"{ours}{index}_conv(\d)_conv", f"{theirs}{number}.conv{{1}}"),
            Rule(rf"{ours}{index}_conv(\d)_bn", f"{theirs}{number}.bn{{1}}"),
            *sequence(f"{ours}{index}_downsample", f"{theirs}{number}.downsample", 0, 1),
        )
    ]


def branch(ours: str, ending: str = "") -> list[Rule]:
    """Rules of stages 3 to 5 of a branch, which the authors tell apart by the ending of the name."""
    return [rule for stage in "345" for rule in residual(f"{ours}{stage}", f"layer{stage}{ending}")]


def head(ours: str, theirs: str) -> list[Rule]:
    """Rules of a head of scores."""
    names = {"bn": "bn1", "conv": "conv1", "norm": "bn2", "scores": "conv2"}
    return [Rule(f"{ours}_{layer}", f"{theirs}.{module}") for layer, module in names.items()]


SHARED = [
    *sequence("stem0", "conv1", 0, 1),
    *sequence("stem1", "conv1", 3, 4),
    *residual("layer1", "layer1"),
    *residual("layer2", "layer2"),
    *sequence(r"(compression\d)", "{0}", 0, 1),
    *sequence("spp_scales_0", "spp.scale0", 2, 0),
    *sequence(r"spp_scales_(\d)", "spp.scale{0}", 3, 1),
    *(
        rule
        for index in range(4)
        for rule in sequence(f"spp_processes_{index}", f"spp.process{index + 1}", 2, 0)
    ),
    *sequence(r"spp_(compression|shortcut)", "spp.{0}", 2, 0),
]


def source(architecture: str, sign: str, rules: list[Rule], variants: dict, widths: tuple) -> Whole:
    """A network; arguments as of `Whole`, and those of `variant` that show which of the family it is."""
    return Whole(
        architecture,
        sign,
        "final_layer.conv2.bias",
        rules=lambda options: rules,
        options=lambda state, path: {"stem_bias": True} | variant(variants, state, widths, path),
        unused=UNUSED,
        fits=lambda options: options["stem_bias"],
    )
