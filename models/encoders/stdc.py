"""STDC networks: Short-Term Dense Concatenate (Fan et al.; arXiv 2104.13188), as in mmsegmentation."""

from keras import layers

from models.encoders.imagenet_files import Published
from models.torch_layers import ImageNetNormalize, average_pool, conv_bn_relu, depthwise_bn

FOLDER = "https://download.openmmlab.com/mmsegmentation/v0.5/pretrain/stdc/"
IMAGENET = {
    name: Published(f"{name}_20220308-{digits}.pth", FOLDER, sha256=digits)
    for name, digits in (("stdc1", "5368626c"), ("stdc2", "7dbd9127"))
}
STEM = (32, 64)  # channels at 1/2 and 1/4
CHANNELS = (256, 512, 1024)  # of the stages at 1/8, 1/16 and 1/32
BLOCKS = {"stdc1": (2, 2, 2), "stdc2": (4, 5, 3)}  # of each stage, table 2


def build(name: str, image, output_stride: int = 32) -> dict[int, object]:
    """Features at 1/2 to 1/32.

    Args:
        name: a key of `BLOCKS`.
        image: RGB in 0..255, [B, H, W, 3].
        output_stride: 32, for nothing is dilated.

    Returns:
        {2: [B, H/2, W/2, 32], 4: [.., 64], 8: [.., 256], 16: [.., 512], 32: [.., 1024]}.
    """
    x = ImageNetNormalize(name="normalize")(image)
    features = {}
    for number, channels in enumerate(STEM):
        x = conv_bn_relu(x, channels, f"stages_{number}", stride=2)
        features[2 << number] = x
    for number, (channels, blocks) in enumerate(zip(CHANNELS, BLOCKS[name]), start=len(STEM)):
        for index in range(blocks):
            x = block(x, channels, f"stages_{number}_{index}", stride=2 if index == 0 else 1)
        features[2 << number] = x
    return features


def block(x, filters: int, name: str, stride: int):
    """Four convolutions in a row, joined: [B, h, w, C] -> [B, h/stride, w/stride, filters] (figure 3).

    The first is 1x1, of half of the channels, the others 3x3, of a quarter, an eighth and an eighth.
    """
    x = conv_bn_relu(x, filters // 2, f"{name}_layers_0", 1)
    outputs = [x]
    if stride > 1:
        outputs = [average_pool(x, f"{name}_skip")]  # [B, h/2, w/2, filters/2]
        x = depthwise_bn(x, f"{name}_downsample", stride=stride)
    for number, share in enumerate((4, 8, 8), start=1):
        x = conv_bn_relu(x, filters // share, f"{name}_layers_{number}")
        outputs.append(x)
    return layers.Concatenate(name=f"{name}_concat")(outputs)
