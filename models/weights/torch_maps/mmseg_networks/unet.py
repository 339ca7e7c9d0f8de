"""UNet-s5-d16 with an FCN head."""

from models.weights.torch_layout import Rule
from models.weights.torch_maps import MOST_CHANNELS, Whole, widths

LETTERS = {"a": 0, "b": 1}  # of two convolutions on one level
FIRST = "backbone.encoder.0.0.convs.0.conv.weight"
RULES = [
    *(
        rule
        for letter, number in LETTERS.items()
        for rule in (
            Rule(f"encoder1{letter}_(conv|bn)", f"backbone.encoder.0.0.convs.{number}.{{0}}"),
            *(
                Rule(
                    f"encoder{level + 1}{letter}_(conv|bn)",
                    f"backbone.encoder.{level}.1.convs.{number}.{{0}}",
                )
                for level in (1, 2, 3)
            ),
            Rule(f"bottom{letter}_(conv|bn)", f"backbone.encoder.4.1.convs.{number}.{{0}}"),
            *(
                Rule(
                    f"decoder{level + 1}{letter}_(conv|bn)",
                    f"backbone.decoder.{level}.conv_block.convs.{number}.{{0}}",
                )
                for level in range(4)
            ),
        )
    ),
    *(
        Rule(
            f"decoder{level + 1}_up_(conv|bn)",
            f"backbone.decoder.{level}.upsample.interp_upsample.1.{{0}}",
        )
        for level in range(4)
    ),
    Rule(r"head_(conv|bn)", "decode_head.convs.0.{0}"),
    Rule("logits", "decode_head.conv_seg"),
]


def options(state, source) -> dict:
    """The preset, and the width of the first convolution."""
    return {"preset": "mmseg"} | widths(state, {"width": FIRST}, source, most=MOST_CHANNELS >> 4)


NETWORK = Whole(
    "unet",
    FIRST,
    "decode_head.conv_seg.bias",
    rules=lambda options: RULES,
    options=options,
    unused=(r"auxiliary_head\..*",),
    fits=lambda options: options["preset"] == "mmseg",
)
