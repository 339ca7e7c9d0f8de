"""mmsegmentation 1.x: networks by its configuration files.

It needs mmcv without compiled operations (mmcv-lite); what it would import of these, and none of the networks
here calls, is an empty stand-in. `BN` replaces `SyncBN`, and auxiliary heads are left out.
"""

import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from benchmarks.peers.network import Network

TITLE = "mmsegmentation"
NEEDS = ("torch", "mmseg", "mmengine", "mmcv", "ftfy", "regex")
HOW_ELSE = "; what mmsegmentation needs beside the extra stands in docs/benchmarking.md"
RESNET50 = {"encoder": "resnet50_v1c", "preset": "mmseg"}
RESNET101 = {"encoder": "resnet101_v1c", "preset": "mmseg"}
MOBILENET = {"encoder": "mobilenet_v2", "preset": "mmseg"}
HRNETS = {"hrnet_w18": "hr18", "hrnet_w18_small": "hr18s", "hrnet_w48": "hr48"}
HALF = "cityscapes-512x1024.py"
NETWORKS = (
    Network("pspnet", RESNET50, "pspnet/pspnet_r50-d8_4xb2-80k_cityscapes-512x1024.py"),
    Network("pspnet", RESNET101, "pspnet/pspnet_r101-d8_4xb2-80k_cityscapes-512x1024.py"),
    Network("pspnet", MOBILENET, "mobilenet_v2/mobilenet-v2-d8_pspnet_4xb2-80k_cityscapes-512x1024.py"),
    Network("fcn", RESNET50, "fcn/fcn_r50-d8_4xb2-80k_cityscapes-512x1024.py"),
    Network("fcn", RESNET101, "fcn/fcn_r101-d8_4xb2-80k_cityscapes-512x1024.py"),
    Network("fcn", MOBILENET, "mobilenet_v2/mobilenet-v2-d8_fcn_4xb2-80k_cityscapes-512x1024.py"),
    Network("fpn", RESNET50, "sem_fpn/fpn_r50_4xb2-80k_cityscapes-512x1024.py"),
    Network("fpn", RESNET101, "sem_fpn/fpn_r101_4xb2-80k_cityscapes-512x1024.py"),
    Network("deeplabv3+", RESNET50, "deeplabv3plus/deeplabv3plus_r50-d8_4xb2-80k_cityscapes-512x1024.py"),
    Network("deeplabv3+", RESNET101, "deeplabv3plus/deeplabv3plus_r101-d8_4xb2-80k_cityscapes-512x1024.py"),
    *(
        Network(
            "segformer",
            {"encoder": f"mit_b{size}", "preset": "mmseg"},
            f"segformer/segformer_mit-b{size}_8xb1-160k_cityscapes-1024x1024.py",
        )
        for size in range(6)
    ),
    *(
        Network(model, {"encoder": encoder, "preset": "mmseg"}, f"{folder}_{name}_4xb2-160k_{HALF}")
        for model, folder in (("fcn", "hrnet/fcn"), ("ocrnet", "ocrnet/ocrnet"))
        for encoder, name in HRNETS.items()
    ),
    *(
        Network("fastfcn", RESNET50 | {"head": head}, f"fastfcn/fastfcn_r50-d32_jpu_{head}_4xb2-80k_{HALF}")
        for head in ("psp", "aspp", "enc")
    ),
    Network("fastscnn", {"preset": "mmseg"}, f"fastscnn/fast_scnn_8xb4-160k_{HALF}"),
    Network("bisenetv2", {}, "bisenetv2/bisenetv2_fcn_4xb4-160k_cityscapes-1024x1024.py"),
    *(
        Network("stdc", {"encoder": name, "preset": "mmseg"}, f"stdc/{name}_in1k-pre_4xb12-80k_{HALF}")
        for name in ("stdc1", "stdc2")
    ),
    Network("unet", {"preset": "mmseg"}, "unet/unet-s5-d16_fcn_4xb4-160k_cityscapes-512x1024.py"),
    Network(
        "ddrnet", {"variant": "23_slim"}, "ddrnet/ddrnet_23-slim_in1k-pre_2xb6-120k_cityscapes-1024x1024.py"
    ),
    Network("ddrnet", {"variant": "23"}, "ddrnet/ddrnet_23_in1k-pre_2xb6-120k_cityscapes-1024x1024.py"),
    *(
        Network("pidnet", {"variant": size}, f"pidnet/pidnet-{size}_2xb6-120k_1024x1024-cityscapes.py")
        for size in "sml"
    ),
)


def build(network: Network, classes: int):
    """The `torch.nn.Module` of a network, with random weights."""
    stand_in_for_operations()
    import mmseg
    from mmengine.config import Config
    from mmseg.registry import MODELS
    from mmseg.utils import register_all_modules

    register_all_modules(init_default_scope=True)
    configuration = Config.fromfile(Path(mmseg.__path__[0]) / ".mim" / "configs" / network.original).model
    configuration.update(auxiliary_head=None, pretrained=None)
    configuration.pop("data_preprocessor", None)
    configuration.decode_head.num_classes = classes
    of_one_process(configuration)
    return MODELS.build(configuration)


def of_one_process(configuration) -> None:
    """Replace batch norm over several processes in a configuration."""
    for key, value in configuration.items() if isinstance(configuration, dict) else enumerate(configuration):
        if value == "SyncBN":
            configuration[key] = "BN"
        elif isinstance(value, dict | list):
            of_one_process(value)


def stand_in_for_operations() -> None:
    """Have `mmcv.ops` be a module without anything compiled, where it is not installed whole."""

    def stand_in(name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})

    module = ModuleType("mmcv.ops")
    module.__spec__, module.__path__, module.__getattr__ = ModuleSpec("mmcv.ops", None), [], stand_in
    sys.modules.setdefault("mmcv.ops", module)


def logits(module, images):
    """Normalised images [B, 3, H, W] -> logits [B, classes, H, W]."""
    from torch.nn.functional import interpolate

    head = module.decode_head
    scores = head(module.extract_feat(images))
    return interpolate(scores, images.shape[-2:], mode="bilinear", align_corners=head.align_corners)
