"""What the text of mmsegmentation's configuration shows of a network: read, never run; refused if unknown."""

import pytest

from common.errors import UserError
from models.weights import mmseg_config
from models.weights.torch_maps import Network

CONFIG = """
norm_cfg = dict(type='SyncBN')
model = dict(
    type='EncoderDecoder',
    backbone=dict(type='ResNetV1c', depth=50, dilations=(1, 1, 1, 2), strides=[1, 2, 2, 1]),
    decode_head=dict(
        type='PSPHead', align_corners=True, loss_decode=dict(weight=__import__('os').system('touch MARK'))))
"""
D8 = "strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4), contract_dilation=True"
MOBILE = "type='MobileNetV2', strides=(1, 2, 2, 1, 1, 1, 1)"


def options(architecture, backbone="", head=""):
    text = f"model = dict(backbone=dict({backbone}), decode_head=[dict(a=1), dict({head})])"
    return mmseg_config.options(Network(architecture, 19), {"cfg": text}, "a.pth")


def test_the_text_is_read_and_not_run(tmp_path):
    text = CONFIG.replace("MARK", str(tmp_path / "mark"))
    model = mmseg_config.model_of(text)
    assert model["decode_head"] == {"type": "PSPHead", "align_corners": True, "loss_decode": {"weight": None}}
    found = mmseg_config.options(Network("pspnet", 19), {"config": text}, "a.pth")
    assert found == {"align_corners": True, "output_stride": 16, "first_dilation": "full"}
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize(
    "text",
    [
        "model = [1]",
        "other = 1",
        "model = (",
        "model = 3",
        "(" * 10**5,
        "x" * 2**21,
        7,
        None,
        "\0",
        "model = {1: [}",
    ],
)
def test_the_text_may_be_anything(text):
    assert mmseg_config.model_of(text) == {}


@pytest.mark.parametrize(
    ("architecture", "backbone", "head", "expected"),
    [
        ("pspnet", f"type='ResNetV1c', {D8}", "", {"output_stride": 8}),
        ("pspnet", "type='ResNet', depth=18", "", {"output_stride": 32}),
        (
            "pspnet",  # pspnet_r50-d32
            "type='ResNetV1c', strides=(1, 2, 2, 2), dilations=(1, 1, 2, 4), contract_dilation=True",
            "",
            {"output_stride": 32, "dilations": (1, 1, 2, 4)},
        ),
        (
            "deeplabv3+",  # deeplabv3plus_r101-d16-mg124
            "type='ResNetV1c', strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2), contract_dilation=True, "
            "multi_grid=(1, 2, 4)",
            "dilations=(1, 6, 12, 18)",
            {"output_stride": 16, "multi_grid": (1, 2, 4), "rates": (6, 12, 18)},
        ),
        ("fcn", f"type='ResNetV1c', {D8}", "dilation=6", {"output_stride": 8, "dilation": 6}),
        ("pspnet", f"{MOBILE}, dilations=(1, 1, 1, 2, 2, 4, 4)", "", {"output_stride": 8}),
        ("segformer", "type='MixVisionTransformer', num_heads=[1, 2, 5, 8]", "", {}),
        ("segformer", "", "align_corners=True", {"align_corners": True, "levels_align_corners": True}),
    ],
)
def test_options_follow(architecture, backbone, head, expected):
    assert options(architecture, backbone, head) == expected


@pytest.mark.parametrize(
    ("backbone", "head", "message"),
    [
        ("type='ResNet', style='caffe'", "", "style 'caffe'"),
        ("type='ResNet', strides=(1, 2, 2)", "", r"strides '\(1, 2, 2\)'"),
        ("type='ResNet', strides=(1, 3, 2, 2)", "", "strides"),
        ("type='ResNet', dilations=(1, 1, 2, 10**9)", "", "dilations"),
        ("type='ResNet', multi_grid=(1, True)", "", "multi_grid"),
        (f"{MOBILE}, dilations=(1, 1, 1, 1, 2, 4, 4)", "", "dilations"),
        ("num_heads=[1, 2, 4, 8]", "", "num_heads"),
        ("", "pool_scales=(1, 2, 3, 4)", "pool_scales"),
        ("", "dilation=1.5", "dilation '1.5'"),
    ],
)
def test_what_is_not_known_is_refused(backbone, head, message):
    with pytest.raises(UserError, match=f"a.pth: its configuration has {message}.*, which is not known here"):
        options("fcn", backbone, head)


def test_scores_are_enlarged_as_said_where_a_network_has_the_choice():
    assert options("pidnet", head="align_corners=False") == {"align_corners": False}
    assert options("pidnet", head="align_corners=True") == {}
    assert options("unet", head="align_corners=True") == {}  # its scores have the image's size
