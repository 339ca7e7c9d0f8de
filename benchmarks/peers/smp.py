"""segmentation_models.pytorch: any of its decoders on any encoder that this suite has as well."""

from benchmarks.peers.network import Network

TITLE = "segmentation_models.pytorch"
NEEDS = ("torch", "segmentation_models_pytorch")
DECODERS = {
    "unet": "Unet",
    "deeplabv3+": "DeepLabV3Plus",
    "pspnet": "PSPNet",
    "fpn": "FPN",
    "unet++": "UnetPlusPlus",
    "manet": "MAnet",
    "segformer": "Segformer",
}
ENCODERS = {  # ours -> theirs; the first is the one that is taken where none is named
    **{f"resnet{depth}": f"resnet{depth}" for depth in (50, 18, 34, 101)},
    **{name: name for name in ("resnext50_32x4d", "resnext101_32x8d", "mobilenet_v2")},
    **{f"efficientnet-b{size}": f"timm-efficientnet-b{size}" for size in range(6)},
    "xception_torch": "xception",
    **{f"mit_b{size}": f"mit_b{size}" for size in range(6)},
}
NETWORKS = tuple(
    Network(model, {"encoder": encoder, "preset": "smp"}, theirs)
    for model, theirs in DECODERS.items()
    for encoder in ENCODERS
)


def build(network: Network, classes: int):
    """The `torch.nn.Module` of a network, with random weights."""
    import segmentation_models_pytorch

    make = getattr(segmentation_models_pytorch, network.original)
    return make(ENCODERS[network.options["encoder"]], encoder_weights=None, classes=classes)


def logits(module, images):
    """Normalised images [B, 3, H, W] -> logits [B, classes, H, W]."""
    return module(images)
