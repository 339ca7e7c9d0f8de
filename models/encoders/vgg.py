"""VGG with and without batch norm (Simonyan, Zisserman; arXiv 1409.1556), as in torchvision.

Bayesian SegNet's convolutions (`models.encoders.vgg16`) read keras.applications' weights instead. Layers are
named after torchvision's modules, which count activations and poolings as well.
"""

from keras import layers

from models.encoders.imagenet_files import torchvision
from models.torch_layers import ImageNetNormalize, batch_norm, conv

CHANNELS = (64, 128, 256, 512, 512)  # of a block
DEPTHS = {
    "vgg11": (1, 1, 2, 2, 2),
    "vgg13": (2, 2, 2, 2, 2),
    "vgg16": (2, 2, 3, 3, 3),
    "vgg19": (2, 2, 4, 4, 4),
}
IMAGENET = torchvision(
    vgg11="8a719046",
    vgg13="19584684",
    vgg16="397923af",
    vgg19="dcbb9e9d",
    vgg11_bn="6002323d",
    vgg13_bn="abd245e5",
    vgg16_bn="6c64b313",
    vgg19_bn="c79401a0",
)
# name -> (convolutions of each block, whether batch norm follows them)
VARIANTS = {
    name + suffix: (depths, bool(suffix)) for name, depths in DEPTHS.items() for suffix in ("", "_bn")
}


def build(name: str, image, output_stride: int = 32) -> dict[int, object]:
    """Features at 1/2 to 1/32, as segmentation_models.pytorch takes them; the last one is pooled.

    Args:
        name: a key of `VARIANTS`.
        image: RGB in 0..255, [B, H, W, 3].
        output_stride: 32, for nothing is dilated.

    Returns:
        {2: [B, H/2, W/2, 128], 4: [.., 256], 8: [.., 512], 16: [.., 512], 32: [.., 512]}.
    """
    depths, norm = VARIANTS[name]
    x = ImageNetNormalize(name="normalize")(image)
    features, number = {}, 0
    for block, (count, channels) in enumerate(zip(depths, CHANNELS)):
        for _ in range(count):
            x = conv(x, channels, f"features_{number}", bias=True)
            if norm:
                number += 1
                x = batch_norm(x, f"features_{number}")
            x = layers.ReLU(name=f"features_{number + 1}")(x)
            number += 2
        if block:
            features[2**block] = x
        x = layers.MaxPooling2D(2, name=f"features_{number}")(x)
        number += 1
    features[32] = x
    return features
