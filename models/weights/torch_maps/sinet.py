"""SINet as its authors publish it: clovaai/c3_sinet, `result/SINet/SINet.pth`."""

from dataclasses import replace

import numpy as np

from models.weights.torch_layout import Rule
from models.weights.torch_maps import Network, Whole, rules_of_whole, whole

TITLE = "SINet's authors"
CLASSES, SIZE = 19, (1024, 2048)  # of Cityscapes, and (height, width) of the pictures it was trained on
GROUPS = 2  # of the convolution whose channels each block shuffles

DOWN = {
    "depthwise": "conv.0",
    "squeeze_dense1": "conv.1.dense.0",
    "squeeze_act1": "conv.1.dense.1",
    "squeeze_dense2": "conv.1.dense.2",
    "squeeze_act2": "conv.1.dense.3",
    "pointwise": "conv.2",
    "bn": "bn",
    "act": "act",
}
# of a branch; what works on single channels has their order behind the shuffle
SINGLE = {
    "vertical": "vertical",
    "vertical_bn": "B_v",
    "horizontal": "horizontal",
    "horizontal_bn": "B_h",
    "depthwise": "conv.0",
    "depthwise_bn": "conv.1",
    "act": "act_conv1x1.0",
}
BRANCH = r"level([34])_(\d+)_([12])_"
RULES = [
    Rule(r"level1_(conv|bn|act)", "encoder.level1.{0}"),
    *(Rule(rf"level(\d)_down_{ours}", f"encoder.level{{0}}_0.{theirs}") for ours, theirs in DOWN.items()),
    *(
        Rule(f"{BRANCH}{ours}", f"encoder.level{{0}}.{{1}}.d{{2}}.{theirs}", groups=GROUPS)
        for ours, theirs in SINGLE.items()
    ),
    Rule(
        f"{BRANCH}pointwise", "encoder.level{0}.{1}.d{2}.act_conv1x1.1", groups=GROUPS, axis=1
    ),  # mixes all channels
    Rule(f"{BRANCH}bn", "encoder.level{0}.{1}.d{2}.bn"),
    Rule(r"level([34])_(\d+)_reduce", "encoder.level{0}.{1}.c1.conv"),
    Rule(r"level([34])_(\d+)_(bn|act)", "encoder.level{0}.{1}.BR.{2}"),
    Rule(r"level([34])_(bn|act)", "encoder.BR{0}.{1}"),
    Rule("coarse_scores", "encoder.classifier.conv"),
    Rule("decoder8_bn", "bn_4"),
    Rule(r"fine8_(conv|bn|act)", "level3_C.{0}"),
    Rule("decoder4_bn", "bn_3"),
    Rule("decoder_up", "classifier"),
]
WHOLE = (
    Whole(
        "sinet",
        sign="encoder.level2_0.conv.1.dense.0.weight",
        classes="bn_3.weight",
        rules=lambda options: RULES,
    ),
)


def recognise(state: dict[str, np.ndarray]) -> bool:
    """Whether a state dict is of this source."""
    return whole(WHOLE, state) is not None


def network(state: dict[str, np.ndarray], source) -> Network:
    """What a state dict holds."""
    found = whole(WHOLE, state).network(state, source)
    return replace(found, size=SIZE) if found.classes == CLASSES else found


def rules(network: Network) -> list[Rule]:
    """The rules of a network's layers."""
    return rules_of_whole(WHOLE, network)
