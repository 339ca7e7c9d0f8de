"""Which architectures and encoders there are: adding one is a file, and a line here.

Nothing here imports Keras: command lines read their choices from it.
"""

from dataclasses import dataclass, field

from common.errors import UserError


@dataclass(frozen=True)
class Head:
    """An output that serves training alone.

    Attributes:
        loss: `labels`, the run's own loss of scores; or a key of `training.losses.heads.LOSSES`.
        weight: of its loss, times that of all auxiliary heads.
    """

    loss: str = "labels"
    weight: float = 1.0


@dataclass(frozen=True)
class Architecture:
    """What `-m NAME` stands for: a network, or a decoder on an encoder, or either.

    Attributes:
        title: its name in tables and charts.
        paper: where it is from.
        network: module with `build(input_shape, classes, **options)` and `SIZE_MULTIPLE`; of a decoder that
            is also a network of its own, what is built where no encoder is named. With an option
            `auxiliary` it may return a dict of `logits` and its heads' outputs.
        decoder: module of a decoder, see `models.decoders`.
        encoder: the decoder's encoder where none is named and there is no network.
        variants: options of the variants that tables list; one without options where there is one network.
        heads: outputs for training alone, of architectures that have any, by their names.
        loss: a key of `training.losses.heads.LOSSES` that takes the place of the run's loss, of a network
            whose outputs are no scores of classes.
        refines: its outputs move the labels that other networks give, see `inference.refinement`.
    """

    title: str
    paper: str
    network: str | None = None
    decoder: str | None = None
    encoder: str | None = None
    variants: tuple[dict, ...] = ({},)
    heads: dict[str, Head] = field(default_factory=lambda: {"auxiliary": Head()})
    loss: str | None = None
    refines: bool = False


@dataclass(frozen=True)
class Encoder:
    """An encoder.

    Attributes:
        title: its name in tables and charts.
        paper: where it is from.
        module: see `models.encoders`.
        output_strides: those it can be built with; below 32, strides are turned into dilation.
        levels: strides of its features, of the network without dilation.
    """

    title: str
    paper: str
    module: str
    output_strides: tuple[int, ...] = (8, 16, 32)
    levels: tuple[int, ...] = (2, 4, 8, 16, 32)


# in the order of the tasks of `sbatch --array`
ARCHITECTURES = {
    "fastscnn": Architecture(
        "Fast-SCNN",
        "arXiv 1902.04502",
        network="models.networks.fast_scnn",
        heads={"auxiliary8": Head(), "auxiliary32": Head()},
    ),
    "separable_unet": Architecture(
        "Separable U-Net",
        "none",
        network="models.networks.separable_unet",
        variants=({"variant": "original"}, {"variant": "large"}),
    ),
    "bayes_segnet": Architecture(
        "Bayesian SegNet",
        "arXiv 1511.02680",
        network="models.networks.bayes_segnet",
    ),
    "unet": Architecture(
        "U-Net",
        "arXiv 1505.04597",
        network="models.networks.unet",
        decoder="models.decoders.unet",
    ),
    "deeplabv3+": Architecture(
        "DeepLabV3+",
        "arXiv 1802.02611",
        decoder="models.decoders.deeplabv3plus",
        encoder="mobilenetv2",
        variants=tuple(
            {"encoder": name} for name in ("mobilenetv2", "resnet50_keras", "xception", "modified_xception")
        ),
    ),
    "pspnet": Architecture(
        "PSPNet",
        "arXiv 1612.01105",
        decoder="models.decoders.pspnet",
        encoder="resnet50_v1c",
    ),
    "fcn": Architecture(
        "FCN",
        "arXiv 1411.4038",
        decoder="models.decoders.fcn",
        encoder="resnet50_v1c",
    ),
    "unet++": Architecture(
        "U-Net++",
        "arXiv 1807.10165",
        decoder="models.decoders.unet_plus_plus",
        encoder="resnet34",
    ),
    "manet": Architecture(
        "MAnet",
        "10.1109/ACCESS.2020.3025372",
        decoder="models.decoders.manet",
        encoder="resnet34",
    ),
    "fpn": Architecture(
        "FPN",
        "arXiv 1901.02446",
        decoder="models.decoders.fpn",
        encoder="resnet50",
    ),
    "segformer": Architecture(
        "SegFormer",
        "arXiv 2105.15203",
        decoder="models.decoders.segformer",
        encoder="mit_b0",
    ),
    "ocrnet": Architecture(
        "OCRNet",
        "arXiv 1909.11065",
        decoder="models.decoders.ocrnet",
        encoder="hrnet_w18",
    ),
    "fastfcn": Architecture(
        "FastFCN",
        "arXiv 1903.11816",
        decoder="models.decoders.fastfcn",
        encoder="resnet50_v1c",
        variants=({"head": "psp"}, {"head": "aspp"}, {"head": "enc"}),
        heads={"auxiliary": Head(), "presence": Head("presence", 0.5)},
    ),
    "segfix": Architecture(
        "SegFix",
        "arXiv 2007.04269",
        decoder="models.decoders.segfix",
        encoder="hrnet_w18_small",
        loss="segfix",
        refines=True,
    ),
    "sinet": Architecture(
        "SINet",
        "arXiv 1911.09099",
        network="models.networks.sinet",
    ),
    "espnetv2": Architecture(
        "ESPNetv2",
        "arXiv 1811.11431",
        network="models.networks.espnetv2",
    ),
    "efficientvit": Architecture(
        "EfficientViT",
        "arXiv 2205.14756",
        decoder="models.decoders.efficientvit",
        encoder="efficientvit_b0",
    ),
    "bisenetv2": Architecture(
        "BiSeNet V2",
        "arXiv 2004.02147",
        network="models.networks.bisenetv2",
        heads={f"auxiliary{stride}": Head() for stride in (4, 8, 16, 32)},
    ),
    "stdc": Architecture(
        "STDC",
        "arXiv 2104.13188",
        decoder="models.decoders.stdc",
        encoder="stdc1",
        heads={"auxiliary8": Head(), "auxiliary16": Head(), "detail": Head("detail")},
    ),
    "ddrnet": Architecture(
        "DDRNet",
        "arXiv 2101.06085",
        network="models.networks.ddrnet",
        variants=({"variant": "23_slim"}, {"variant": "23"}),
    ),
    "pidnet": Architecture(
        "PIDNet",
        "arXiv 2206.02066",
        network="models.networks.pidnet",
        variants=({"variant": "s"}, {"variant": "m"}, {"variant": "l"}),
        heads={"auxiliary": Head(weight=0.4), "border": Head("borders")},
    ),
}
ENCODERS = {
    "mobilenetv2": Encoder("MobileNetV2", "arXiv 1801.04381", "models.encoders.mobilenet_v2"),
    "resnet50_keras": Encoder("ResNet-50 (Keras)", "arXiv 1512.03385", "models.encoders.resnet50"),
    "xception": Encoder("Xception", "arXiv 1610.02357", "models.encoders.xception"),
    "modified_xception": Encoder(
        "modified Xception", "arXiv 1802.02611", "models.encoders.modified_xception"
    ),
    "resnet18": Encoder("ResNet-18", "arXiv 1512.03385", "models.encoders.resnet"),
    "resnet34": Encoder("ResNet-34", "arXiv 1512.03385", "models.encoders.resnet"),
    "resnet50": Encoder("ResNet-50", "arXiv 1512.03385", "models.encoders.resnet"),
    "resnet101": Encoder("ResNet-101", "arXiv 1512.03385", "models.encoders.resnet"),
    "resnet18_v1c": Encoder("ResNet-18 v1c", "arXiv 1812.01187", "models.encoders.resnet"),
    "resnet34_v1c": Encoder("ResNet-34 v1c", "arXiv 1812.01187", "models.encoders.resnet"),
    "resnet50_v1c": Encoder("ResNet-50 v1c", "arXiv 1812.01187", "models.encoders.resnet"),
    "resnet101_v1c": Encoder("ResNet-101 v1c", "arXiv 1812.01187", "models.encoders.resnet"),
    "resnext50_32x4d": Encoder("ResNeXt-50 32x4d", "arXiv 1611.05431", "models.encoders.resnet"),
    "resnext101_32x8d": Encoder("ResNeXt-101 32x8d", "arXiv 1611.05431", "models.encoders.resnet"),
    "mobilenet_v2": Encoder(
        "MobileNetV2 (PyTorch)", "arXiv 1801.04381", "models.encoders.torch_mobilenet_v2"
    ),
    **{
        f"efficientnet-b{size}": Encoder(
            f"EfficientNet-B{size}", "arXiv 1905.11946", "models.encoders.efficientnet"
        )
        for size in range(6)
    },
    **{
        f"vgg{depth}{norm}": Encoder(
            f"VGG-{depth}{' with batch norm' if norm else ''}",
            "arXiv 1409.1556",
            "models.encoders.vgg",
            (32,),
        )
        for depth in (11, 13, 16, 19)
        for norm in ("", "_bn")
    },
    "xception_torch": Encoder(
        "Xception (PyTorch)", "arXiv 1610.02357", "models.encoders.torch_xception", (32,)
    ),
    **{
        f"efficientvit_b{size}": Encoder(
            f"EfficientViT-B{size}", "arXiv 2205.14756", "models.encoders.efficientvit", (32,)
        )
        for size in range(4)
    },
    **{
        f"mit_b{size}": Encoder(
            f"MiT-B{size}", "arXiv 2105.15203", "models.encoders.mix_transformer", (32,), (4, 8, 16, 32)
        )
        for size in range(6)
    },
    "hrnet_w18_small": Encoder(
        "HRNetV2-W18 small", "arXiv 1908.07919", "models.encoders.hrnet", (32,), (4, 8, 16, 32)
    ),
    "hrnet_w18": Encoder("HRNetV2-W18", "arXiv 1908.07919", "models.encoders.hrnet", (32,), (4, 8, 16, 32)),
    "hrnet_w48": Encoder("HRNetV2-W48", "arXiv 1908.07919", "models.encoders.hrnet", (32,), (4, 8, 16, 32)),
    **{
        f"stdc{size}": Encoder(f"STDC{size}", "arXiv 2104.13188", "models.encoders.stdc", (32,))
        for size in (1, 2)
    },
}


def names(refining: bool = True) -> list[str]:
    """The architectures' names, sorted; without `refining` only of those that give labels of their own."""
    return sorted(name for name, found in ARCHITECTURES.items() if refining or not found.refines)


def architecture(name: str) -> Architecture:
    """An architecture by its name.

    Raises:
        UserError: there is none of that name; the message lists those there are.
    """
    if name not in ARCHITECTURES:
        raise UserError(f"unknown model '{name}'; there are: {', '.join(names())}")
    return ARCHITECTURES[name]


def title(name: str) -> str:
    """An architecture's name in tables and charts; an unknown one stays as it is."""
    return ARCHITECTURES[name].title if name in ARCHITECTURES else name


def titles(name: str, encoder: str | None) -> list[str]:
    """An architecture's name and its encoder's; the latter alone where it begins with the former: STDC1."""
    names = [title(name)]
    if found := ENCODERS.get(encoder):
        names = [found.title] if found.title.startswith(names[0]) else [*names, found.title]
    return names
