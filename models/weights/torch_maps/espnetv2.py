"""ESPNetv2 as its authors publish it: sacmehta/EdgeNets, `model/segmentation/model_zoo/espnetv2`."""

from dataclasses import replace

import numpy as np

from models.weights.torch_layout import Rule
from models.weights.torch_maps import Network, Whole, rules_of_whole, whole

TITLE = "EdgeNets"
# of its Cityscapes files: outputs, of which the last one is background, and (height, width) of the pictures.
# There are files for 256x512 as well, whose keys and shapes are the same.
OUTPUTS, SIZE = 20, (512, 1024)
SCALES = 5  # of the decoder's pyramid pooling
WIDTH = 256  # channels at 1/16 with a width multiplier of 1
UNIT = {"project": "proj_1x1", "branches": "br_after_cat", "expand": "conv_1x1_exp"}
PARTS = {"conv": 0, "bn": 1, "act": 2}  # of a `cbr` in PyTorch


# our units -> theirs; the second group is for those that do not halve the size
UNITS = {r"level(\d)_(down)": "base_net.level{0}_0.eesp", r"level(\d)_(\d+)": "base_net.level{0}.{1}"}


def _encoder() -> list[Rule]:
    return [
        Rule(r"level1_(conv|bn|act)", "base_net.level1.{0}"),
        *(
            Rule(f"{ours}_{part}_(conv|bn|act)", f"{theirs}.{module}.{{2}}")
            for ours, theirs in UNITS.items()
            for part, module in UNIT.items()
        ),
        *(Rule(rf"{ours}_branch(\d)", f"{theirs}.spp_dw.{{2}}.conv") for ours, theirs in UNITS.items()),
        Rule(r"level(\d)_down_image1_(conv|bn|act)", "base_net.level{0}_0.inp_reinf.0.{1}"),
        Rule(r"level(\d)_down_image2_(conv|bn)", "base_net.level{0}_0.inp_reinf.1.{1}"),
        Rule(r"level(\d)_down_act", "base_net.level{0}_0.act"),
        Rule(r"level(\d)_(\d+)_act", "base_net.level{0}.{1}.module_act"),
    ]


def _decoder() -> list[Rule]:
    rules = []
    for part, number in PARTS.items():
        rules += [
            Rule(rf"decoder(\d)_project_{part}", f"bu_dec_l{{0}}.projection_layer.cbr.{number}"),
            Rule(rf"decoder(\d)_merge_{part}", f"bu_dec_l{{0}}.merge_layer.2.cbr.{number}"),
            Rule(rf"skip(\d)_{part}", f"merge_enc_dec_l{{0}}.expansion_layer.cbr.{number}"),
        ]
    for part, number in (("bn", 0), ("act", 1)):
        rules += [
            Rule(rf"decoder(\d)_{part}", f"bu_dec_l{{0}}.br.br.{number}"),
            Rule(rf"decoder(\d)_in_{part}", f"bu_br_l{{0}}.{number}"),
            *(
                Rule(
                    rf"decoder(\d)_scale{scale}_{part}",
                    f"bu_dec_l{{0}}.merge_layer.0.br.{number}",
                    part=(scale, SCALES),
                )
                for scale in range(SCALES)
            ),
        ]
    # one grouped convolution of theirs, with an input of each scale in each group
    rules += [
        Rule(
            rf"decoder(\d)_scale{scale}_merge",
            "bu_dec_l{0}.merge_layer.2.cbr.0",
            part=(scale, SCALES),
            axis=1,
        )
        for scale in range(SCALES)
    ]
    return [
        *rules,
        Rule(r"decoder(\d)_scale(\d)_conv", "bu_dec_l{0}.stages.{1}"),
        Rule(r"decoder(\d)_expand", "bu_dec_l{0}.merge_layer.3"),
        Rule(r"skip(\d)_weights", "merge_enc_dec_l{0}.wt_layer.1"),
    ]


RULES = [*_encoder(), *_decoder()]
DEEP = "base_net.level4_0.act.weight"


def _options(state: dict[str, np.ndarray], source) -> dict:
    """The width multiplier, by the channels at 1/16."""
    return {"width_multiplier": state[DEEP].size / WIDTH}


WHOLE = (
    Whole(
        "espnetv2",
        sign=DEEP,
        classes="bu_dec_l4.merge_layer.3.bias",
        rules=lambda options: RULES,
        options=_options,
        unused=(r"base_net\.level\d_0\.eesp\.module_act\.weight",),  # which its network never calls
    ),
)


def recognise(state: dict[str, np.ndarray]) -> bool:
    """Whether a state dict is of this source."""
    return whole(WHOLE, state) is not None


def network(state: dict[str, np.ndarray], source) -> Network:
    """What a state dict holds."""
    found = whole(WHOLE, state).network(state, source)
    return replace(found, size=SIZE, void=1) if found.classes == OUTPUTS else found


def rules(network: Network) -> list[Rule]:
    """The rules of a network's layers."""
    return rules_of_whole(WHOLE, network)


def beside(state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What its network has beside a state dict of ours, and never calls: slopes of PReLU, as they start."""
    expanded = {level: f"base_net.level{level}_0.eesp.conv_1x1_exp.bn.weight" for level in (2, 3, 4)}
    return {
        f"base_net.level{level}_0.eesp.module_act.weight": np.full(len(state[key]), 0.25, np.float32)
        for level, key in expanded.items()
    }
