"""The networks that `tests/models/test_contract.py` looks at: one line for each that is built differently.

A new one needs its golden answer as well: `python tests/models/make_golden.py NAME`, see `golden.py`.
"""

from typing import NamedTuple

from models.encoders import hrnet


class Case(NamedTuple):
    """What `models.build` is given.

    Attributes:
        model: name of the architecture.
        options: the architecture's own.
        precision: of golden answers. float64 for networks that compare numbers: rounding decides which of
            nearly equal ones wins, and other backends and batches round otherwise.
        shallow: constants of modules -> their values for all checks but the golden answer, of networks in
            which a block is repeated so often that these would take over 15 s.
        sibling: a preset, variant or encoder of a network whose code other cases run: nothing but its golden
            answer is checked.
    """

    model: str
    options: dict = {}  # noqa: RUF012
    precision: str = "float32"
    shallow: dict = {}  # noqa: RUF012
    sibling: bool = False


SMALLER_HRNET = {"models.encoders.hrnet.VARIANTS": {"hrnet_w18_small": hrnet.Variant(18, 1, (1, 1, 1))}}
NARROW = {"width": 32, "channels": 32}  # the original's convolutions have 512

CASES = {
    "bayes_segnet": Case("bayes_segnet", precision="float64"),
    "bisenetv2": Case("bisenetv2"),
    "ddrnet-23": Case("ddrnet", {"variant": "23"}, sibling=True),
    "ddrnet-23_slim": Case("ddrnet"),
    "deeplabv3+-mobilenetv2": Case("deeplabv3+"),
    "deeplabv3+-modified_xception": Case(
        "deeplabv3+",
        {"encoder": "modified_xception"},
        shallow={"models.encoders.modified_xception.MIDDLE_UNITS": 2},
    ),
    "deeplabv3+-resnet50_keras": Case("deeplabv3+", {"encoder": "resnet50_keras"}, sibling=True),
    "deeplabv3+-mmseg": Case("deeplabv3+", {"encoder": "resnet18_v1c", "preset": "mmseg"}),
    "deeplabv3+-smp": Case("deeplabv3+", {"encoder": "resnet18", "preset": "smp"}, sibling=True),
    "deeplabv3+-stride8": Case("deeplabv3+", {"output_stride": 8}, sibling=True),
    "deeplabv3+-xception": Case("deeplabv3+", {"encoder": "xception"}),
    "efficientvit": Case("efficientvit"),
    "espnetv2": Case(
        "espnetv2", {"width_multiplier": 0.5}, shallow={"models.networks.espnetv2.BLOCKS": {3: 1, 4: 1}}
    ),
    "fastfcn-aspp": Case("fastfcn", {"encoder": "resnet18_v1c", "head": "aspp", **NARROW}, sibling=True),
    "fastfcn-enc": Case("fastfcn", {"encoder": "resnet18_v1c", "head": "enc", "preset": "mmseg", **NARROW}),
    "fastfcn-psp": Case("fastfcn", {"encoder": "resnet18_v1c", "head": "psp", **NARROW}),
    "fastscnn": Case("fastscnn"),
    "fastscnn-mmseg": Case("fastscnn", {"preset": "mmseg"}),
    "fastscnn-paper": Case("fastscnn", {"preset": "paper"}),
    "fcn": Case("fcn", {"encoder": "resnet18_v1c"}),
    "fcn-hrnet": Case("fcn", {"encoder": "hrnet_w18_small"}, sibling=True),
    "fpn": Case("fpn", {"encoder": "resnet18"}, sibling=True),
    "fpn-smp": Case("fpn", {"encoder": "efficientnet-b0", "preset": "smp"}),
    "manet": Case("manet", {"encoder": "resnet18"}),
    "ocrnet": Case("ocrnet", {"encoder": "hrnet_w18_small"}, shallow=SMALLER_HRNET),
    "ocrnet-dilated": Case("ocrnet", {"encoder": "resnet18_v1c"}, sibling=True),
    "pidnet-l": Case("pidnet", {"variant": "l"}, sibling=True),
    "pidnet-m": Case("pidnet", {"variant": "m"}, sibling=True),
    "pidnet-s": Case("pidnet"),
    "pspnet": Case("pspnet", {"encoder": "resnet18_v1c"}),
    "pspnet-smp": Case("pspnet", {"encoder": "mobilenet_v2", "preset": "smp"}),
    "segfix": Case("segfix", shallow=SMALLER_HRNET),
    "segformer": Case("segformer"),
    "segformer-smp": Case("segformer", {"preset": "smp"}, sibling=True),
    "separable_unet-large": Case("separable_unet", {"variant": "large"}, sibling=True),
    "separable_unet-original": Case("separable_unet"),
    "sinet": Case(
        "sinet", shallow={"models.networks.sinet.AT_16": {84: (((5, 1), (5, 4)), ((3, 2), (3, 0)))}}
    ),
    "stdc": Case("stdc"),
    "unet": Case("unet", {"width": 4}),
    "unet++": Case("unet++", {"encoder": "resnet18"}),
    "unet-mmseg": Case("unet", {"width": 4, "preset": "mmseg"}, sibling=True),
    "unet-mobilenetv2": Case("unet", {"encoder": "mobilenetv2"}, sibling=True),
}
QUICK = ("fastscnn", "unet")  # what `make test-fast` looks at
# JAX compiles every network for one image. This suite's own code there is `models.jax_kernels`; the rest is
# Keras's, of which each kind of layer is in one of these:
JAX = (
    "fastscnn-paper",  # depthwise and separable convolutions with strides, average pooling, bilinear resizing
    "separable_unet-original",  # separable convolutions with biases and of even size, nearest neighbours
    "deeplabv3+-mobilenetv2",  # strides turned into dilation, image pooling
    "bayes_segnet",  # pooling with positions, unpooling
    "unet",  # transposed convolutions
)
