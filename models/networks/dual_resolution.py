"""Blocks that DDRNet (arXiv 2101.06085) and PIDNet (arXiv 2206.02066) are made of.

Both keep a branch of high resolution, at 1/8, beside one that goes down to 1/64. Layers are named after
mmsegmentation's modules, with underscores for dots. C, h and w are those of the block's input.
"""

from keras import layers

from models.layers import Resize
from models.torch_layers import average_pool, batch_norm, conv, conv_bn_relu

POOLS = ((5, 2), (9, 4), (17, 8))  # (window, stride) of pyramid pooling, padded by half a window


def stem(image, channels: int, blocks: int, bias: bool):
    """What the branches share: [B, H, W, 3] -> [B, H/8, W/8, 2 channels].

    Args:
        image: normalised.
        channels: at 1/2 and 1/4.
        blocks: residual ones at 1/4, and at 1/8.
        bias: of the two convolutions before them, which batch norm makes useless: for weights that have it.
    """
    x = conv_bn_relu(image, channels, "stem0", stride=2, bias=bias)  # [B, H/2, W/2, channels]
    x = conv_bn_relu(x, channels, "stem1", stride=2, bias=bias)  # [B, H/4, W/4, channels]
    x = relu(basic_stage(x, channels, blocks, "layer1"), "layer1_relu")
    return relu(basic_stage(x, 2 * channels, blocks, "layer2", stride=2), "layer2_relu")


def basic_stage(x, filters: int, blocks: int, name: str, stride: int = 1):
    """Blocks of two 3x3 convolutions, with ReLU between them: -> [B, h/stride, w/stride, filters]."""
    for index in range(blocks):
        last = index == blocks - 1
        x = basic(x, filters, f"{name}_{index}", 1 if index else stride, then_relu=not last)
    return x


def basic(x, filters: int, name: str, stride: int = 1, then_relu: bool = False):
    """Two 3x3 convolutions beside a shortcut: -> [B, h/stride, w/stride, filters]."""
    y = conv_bn_relu(x, filters, f"{name}_conv1", stride=stride)
    y = conv_bn_relu(y, filters, f"{name}_conv2", relu=False)
    y = add_shortcut(x, y, name, stride)
    return relu(y, f"{name}_relu") if then_relu else y


def bottleneck_stage(x, width: int, blocks: int, name: str, stride: int = 1):
    """Blocks of 1x1, 3x3 and 1x1 convolutions without ReLU behind: -> [B, h/stride, w/stride, 2 width]."""
    for index in range(blocks):
        x = bottleneck(x, width, f"{name}_{index}", 1 if index else stride)
    return x


def bottleneck(x, width: int, name: str, stride: int):
    """1x1, 3x3 and 1x1 convolutions beside a shortcut: -> [B, h/stride, w/stride, 2 width]."""
    y = conv_bn_relu(x, width, f"{name}_conv1", 1)
    y = conv_bn_relu(y, width, f"{name}_conv2", stride=stride)
    y = conv_bn_relu(y, 2 * width, f"{name}_conv3", 1, relu=False)
    return add_shortcut(x, y, name, stride)


def add_shortcut(x, y, name: str, stride: int):
    """y plus x, which a 1x1 convolution brings to y's shape where it has another."""
    if stride > 1 or x.shape[-1] != y.shape[-1]:
        x = conv_bn_relu(x, y.shape[-1], f"{name}_downsample", 1, relu=False, stride=stride)
    return layers.Add(name=f"{name}_add")([y, x])


def norm_relu_conv(x, filters: int, name: str, kernel: int = 1, groups: int = 1):
    """Batch norm `name_bn`, ReLU, convolution `name_conv`: -> [B, h, w, filters]."""
    x = batch_norm(x, f"{name}_bn", f"{name}_relu")
    return conv(x, filters, f"{name}_conv", kernel, groups=groups)


def scales(x, channels: int):
    """Averages over growing windows, each convolved: [B, h, w, C] -> five maps of `channels`.

    The first is of single pixels, [B, h, w, channels], the last of the whole map, [B, 1, 1, channels]. Zeros
    around the map count in averages, as in PyTorch.
    """
    maps = [norm_relu_conv(x, channels, "spp_scales_0")]
    for index, (window, stride) in enumerate(POOLS, start=1):
        name = f"spp_scales_{index}"
        pooled = average_pool(x, f"{name}_pool", window, stride, window // 2)
        maps.append(norm_relu_conv(pooled, channels, name))
    mean = layers.GlobalAveragePooling2D(keepdims=True, name="spp_scales_4_pool")(x)
    return [*maps, norm_relu_conv(mean, channels, "spp_scales_4")]


def enlarge_and_add(scale, x, name: str):
    """A map of `scales` at the size of x, and x: -> [B, h, w, channels]."""
    if scale.shape[1:3] != (1, 1):  # one value is added to all pixels as it is
        scale = Resize(*x.shape[1:3], name=f"{name}_resize")(scale)
    return layers.Add(name=f"{name}_add")([scale, x])


def deep_pyramid(x, channels: int, filters: int):
    """DAPPM, deep aggregation pyramid pooling (arXiv 2101.06085, section 3.3): -> [B, h, w, filters].

    Each of the `scales`, of `channels`, is added to the one before, and convolved.
    """
    maps = scales(x, channels)
    done = maps[:1]
    for index, scale in enumerate(maps[1:]):
        name = f"spp_processes_{index}"
        done.append(norm_relu_conv(enlarge_and_add(scale, done[-1], name), channels, name, 3))
    return compressed(x, done, filters)


def parallel_pyramid(x, channels: int, filters: int):
    """PAPPM, where the scales do not wait for one another (arXiv 2206.02066, section 3.2): -> as DAPPM."""
    first, *others = scales(x, channels)
    joined = [enlarge_and_add(scale, first, f"spp_scales_{i}") for i, scale in enumerate(others, start=1)]
    y = layers.Concatenate(name="spp_processes_concat")(joined)  # [B, h, w, 4 channels]
    y = norm_relu_conv(y, 4 * channels, "spp_processes", 3, groups=4)
    return compressed(x, [first, y], filters)


def compressed(x, maps: list, filters: int):
    """The end of either pyramid: all maps in one convolution, beside one of x."""
    y = layers.Concatenate(name="spp_concat")(maps)
    y = norm_relu_conv(y, filters, "spp_compression")
    return layers.Add(name="spp_add")([y, norm_relu_conv(x, filters, "spp_shortcut")])


def head(x, channels: int, outputs: int, name: str, enlarge: Resize):
    """Scores by a 3x3 and a 1x1 convolution, batch norm and ReLU before each, at the image's size.

    Args:
        x: [B, h, w, C].
        channels: of the 3x3 convolution.
        outputs: of the 1x1 convolution.
        name: what the layers' names begin with.
        enlarge: the last layer.

    Returns:
        [B, H, W, outputs].
    """
    x = norm_relu_conv(x, channels, name, 3)
    x = batch_norm(x, f"{name}_norm", f"{name}_norm_relu")
    return enlarge(conv(x, outputs, f"{name}_scores", 1, bias=True))


def relu(x, name: str):
    """A layer ReLU."""
    return layers.ReLU(name=name)(x)
