"""FastFCN: Joint Pyramid Upsampling as a neck, with a PSP, ASPP or EncNet head."""

from models.weights.torch_layout import Rule

SIGN = "neck.conv_layers.0.0.conv.weight"
HEADS = {  # a key that only this head has
    "psp": "decode_head.psp_modules.0.1.conv.weight",
    "aspp": "decode_head.aspp_modules.0.conv.weight",
    "enc": "decode_head.enc_module.encoding.0.codewords",
}
NECK = [
    Rule(r"jpu_conv(\d)_(conv|bn)", "neck.conv_layers.{0}.0.{1}"),
    Rule(r"jpu_dilated(\d)_depthwise", "neck.dilation_layers.{0}.0.depthwise_conv.conv"),
    Rule(r"jpu_dilated(\d)_bn", "neck.dilation_layers.{0}.0.depthwise_conv.bn"),
    Rule(r"jpu_dilated(\d)_pointwise_(conv|bn)", "neck.dilation_layers.{0}.0.pointwise_conv.{1}"),
]
RULES = [
    *NECK,
    Rule(r"psp(\d)_(conv|bn)", "decode_head.psp_modules.{0}.1.{1}"),
    Rule(r"(?:psp|aspp_project|bottleneck)_(conv|bn)", "decode_head.bottleneck.{0}"),
    Rule(r"aspp_pool_(conv|bn)", "decode_head.image_pool.1.{0}"),
    Rule(r"aspp_1x1_(conv|bn)", "decode_head.aspp_modules.0.{0}"),
    Rule(r"aspp_atrous(\d)_(conv|bn)", "decode_head.aspp_modules.{0}.{1}"),
    Rule(r"encoding_project_(conv|bn)", "decode_head.enc_module.encoding_project.{0}"),
    Rule("encoding", "decode_head.enc_module.encoding.0"),
    Rule("encoding_bn", "decode_head.enc_module.encoding.1"),
    Rule("encoding_weights", "decode_head.enc_module.fc.0"),
    Rule("presence", "decode_head.se_layer"),
]
WIDTHS = {
    "width": SIGN,
    "channels": "decode_head.bottleneck.conv.weight",
    "codes": HEADS["enc"],
}
UNUSED = (r"decode_head\.se_layer\..*",)  # the semantic encoding loss's


def options(state) -> dict:
    """Which head it is."""
    found = [name for name, key in HEADS.items() if key in state]
    return {"head": found[0]} if found else {}
