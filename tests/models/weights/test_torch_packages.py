"""The packages themselves take the files that are written, with `strict=True`, and give the same logits.

Where they are installed: none is among what this project needs.
"""

import sys

import keras
import numpy as np
import pytest

import models
from models.torch_layers import ImageNetNormalize
from models.weights import native, torch_export

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # the packages' own
]

SIZE = (64, 96)
CLASSES = 5
SMP = {  # their class -> ours, with an encoder that both have
    "Unet": ("unet", "resnet18", "resnet18"),
    "UnetPlusPlus": ("unet++", "resnet18", "resnet18"),
    "MAnet": ("manet", "mobilenet_v2", "mobilenet_v2"),
    "FPN": ("fpn", "timm-efficientnet-b0", "efficientnet-b0"),
    "DeepLabV3Plus": ("deeplabv3+", "resnet18", "resnet18"),
    "PSPNet": ("pspnet", "resnet18", "resnet18"),
    "Segformer": ("segformer", "mit_b0", "mit_b0"),
}


def exported(name, path, package=None, **options):
    """One of our networks, with statistics of batch norm that matter, and the file written of it."""
    keras.utils.set_random_seed(0)
    network, random = models.build(name, (*SIZE, 3), CLASSES, **options), np.random.default_rng(0)
    for variable in network.weights:
        if variable.name.startswith(("moving_variance", "gamma")):
            variable.assign(random.uniform(0.8, 1.2, variable.shape))
        elif variable.name.startswith(("moving_mean", "beta", "bias")):
            variable.assign(random.normal(0, 0.1, variable.shape))
    found = torch_export.export(network, native.Origin(name, CLASSES, SIZE, options), package)
    torch_export.write(path, found)
    return network, torch.load(path, weights_only=True)


def image():
    """RGB in 0..255 [1, H, W, 3], and the same as these packages take it, [1, 3, H, W]."""
    ours = np.random.default_rng(1).integers(0, 256, (1, *SIZE, 3), np.uint8)
    normalized = np.asarray(ImageNetNormalize()(ours.astype(np.float32)))
    return ours, torch.from_numpy(normalized.transpose(0, 3, 1, 2).copy())


def assert_same(network, theirs, answer):
    """`answer` calls their network, and returns logits [1, classes, H, W]."""
    ours, normalized = image()
    expected = np.asarray(network(ours, training=False)).transpose(0, 3, 1, 2)
    with torch.no_grad():
        found = answer(theirs.eval(), normalized).numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5 * np.abs(expected).max())


@pytest.mark.parametrize("kind", SMP)
def test_segmentation_models_pytorch_takes_our_files(kind, tmp_path):
    smp = pytest.importorskip("segmentation_models_pytorch")
    name, encoder, ours = SMP[kind]
    network, state = exported(name, tmp_path / "a.pth", encoder=ours, preset="smp")
    theirs = getattr(smp, kind)(encoder, encoder_weights=None, classes=CLASSES)
    theirs.load_state_dict(state, strict=True)
    assert_same(network, theirs, lambda model, x: model(x))


def test_segformer_of_the_hub_takes_our_files(tmp_path):
    transformers = pytest.importorskip("transformers")
    network, state = exported("segformer", tmp_path / "a.pth", encoder="mit_b0", preset="hub", channels=256)
    theirs = transformers.SegformerForSemanticSegmentation(transformers.SegformerConfig(num_labels=CLASSES))
    theirs.load_state_dict(state, strict=True)

    def answer(model, x):
        return torch.nn.functional.interpolate(model(x).logits, SIZE, mode="bilinear", align_corners=False)

    assert_same(network, theirs, answer)


def test_what_save_pretrained_writes_is_loaded(tmp_path):
    smp = pytest.importorskip("segmentation_models_pytorch")
    theirs = smp.DeepLabV3Plus("resnet18", encoder_weights=None, classes=CLASSES, encoder_output_stride=8)
    theirs.save_pretrained(tmp_path)
    assert_same(models.load(tmp_path, SIZE), theirs, lambda model, x: model(x))


@pytest.mark.parametrize(
    ("name", "options", "config"),
    [
        ("fcn", {"encoder": "resnet50_v1c", "preset": "mmseg"}, "_base_/models/fcn_r50-d8"),
        ("segformer", {"encoder": "mit_b0", "preset": "mmseg"}, "_base_/models/segformer_mit-b0"),
        ("unet", {"preset": "mmseg"}, "_base_/models/fcn_unet_s5-d16"),
        ("fcn", {"encoder": "hrnet_w18"}, "_base_/models/fcn_hr18"),
        ("ocrnet", {"encoder": "hrnet_w18"}, "_base_/models/ocrnet_hr18"),
        ("bisenetv2", {}, "_base_/models/bisenetv2"),
        ("fastscnn", {"preset": "mmseg"}, "_base_/models/fast_scnn"),
        ("stdc", {}, "_base_/models/stdc"),
        ("ddrnet", {}, "ddrnet/ddrnet_23-slim_in1k-pre_2xb6-120k_cityscapes-1024x1024"),
        ("pidnet", {}, "pidnet/pidnet-s_2xb6-120k_1024x1024-cityscapes"),
        ("pidnet", {"variant": "l"}, "pidnet/pidnet-l_2xb6-120k_1024x1024-cityscapes"),
    ],
)
def test_mmsegmentation_takes_our_files(name, options, config, tmp_path):
    base = configuration(f"{config}.py")
    network, state = exported(name, tmp_path / "a.pth", **options)
    theirs = built(base)
    theirs.load_state_dict(state, strict=True)
    assert_same(network, theirs, answer_of_mmsegmentation)


@pytest.mark.parametrize("head", ["psp", "aspp", "enc"])
def test_mmsegmentation_takes_our_narrow_fastfcn(head, tmp_path):
    """Without the loss of presences as well, which `use_se_loss=False` leaves out."""
    base = configuration(f"fastfcn/fastfcn_r50-d32_jpu_{head}_4xb2-80k_cityscapes-512x1024.py")
    base.backbone.depth = 18
    base.neck.update(in_channels=(128, 256, 512), mid_channels=6)
    base.decode_head.update(in_channels=[128, 256, 24] if head == "enc" else 24, channels=10)
    if head == "enc":
        base.decode_head.use_se_loss = False
    options = {"encoder": "resnet18_v1c", "preset": "mmseg", "head": head, "width": 6, "channels": 10}
    network, state = exported("fastfcn", tmp_path / "a.pth", **options)
    theirs = built(base)
    theirs.load_state_dict(state, strict=True)
    assert_same(network, theirs, answer_of_mmsegmentation)


def configuration(file):
    """A network of mmsegmentation as it is described there, without an auxiliary head of its own."""
    pytest.importorskip("mmseg")
    from mmengine.config import Config
    from mmseg.utils import register_all_modules

    register_all_modules(init_default_scope=True)
    folder = next(path for path in sys.modules["mmseg"].__path__)
    base = Config.fromfile(f"{folder}/.mim/configs/{file}").model
    base.update(auxiliary_head=None, pretrained=None)
    base.backbone.init_cfg = None
    for head in heads_of(base.decode_head):
        head.num_classes = CLASSES
    del base["data_preprocessor"]
    return base


def built(base):
    """A network of mmsegmentation, with batch norm for one process."""
    from mmseg.registry import MODELS

    for part in (base.backbone, base.get("neck"), *heads_of(base.decode_head)):
        if part and part.get("norm_cfg", {}).get("type") == "SyncBN":
            part.norm_cfg = {"type": "BN"}
    return MODELS.build(base)


def heads_of(found):
    """The decoder's heads, of which each but the first takes the logits of the one before as well."""
    return list(found) if isinstance(found, list | torch.nn.ModuleList) else [found]


def answer_of_mmsegmentation(model, x):
    features = model.extract_feat(x)
    first, *others = heads_of(model.decode_head)
    logits = first(features)
    for head in others:
        logits = head(features, logits)
    align_corners = model.align_corners
    return torch.nn.functional.interpolate(logits, SIZE, mode="bilinear", align_corners=align_corners)


@pytest.mark.parametrize("encoder", ["resnet18", "resnext50_32x4d", "mobilenet_v2"])
def test_torchvision_takes_an_encoder(encoder, tmp_path):
    torchvision = pytest.importorskip("torchvision")
    _, state = exported("unet", tmp_path / "a.pth", "torchvision", encoder=encoder, preset="smp")
    getattr(torchvision.models, encoder)(weights=None).load_state_dict(state, strict=True)


def test_classifiers_of_timm_and_torchvision_start_encoders(tmp_path):
    timm, torchvision = pytest.importorskip("timm"), pytest.importorskip("torchvision")
    for encoder, theirs in (
        ("resnet18", torchvision.models.resnet18()),
        ("vgg11_bn", torchvision.models.vgg11_bn(num_classes=2)),
        ("efficientnet-b0", timm.create_model("efficientnet_b0")),
        ("mobilenet_v2", timm.create_model("mobilenetv2_100")),
    ):
        torch.save(theirs.state_dict(), tmp_path / "a.pth")
        path = str(tmp_path / "a.pth")
        model = models.build("unet", (*SIZE, 3), CLASSES, encoder=encoder, encoder_weights=path)
        assert any(key.startswith(("fc.", "classifier.")) for key in model.about.left_out)
