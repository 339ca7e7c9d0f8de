"""Turns the strides of any Keras functional network into dilation: finer features from the same weights.

Where a network would pass the wanted output stride, the layer's stride becomes 1 and every later kernel is
spread by the factor that was saved ("atrous convolution", arXiv 1606.00915, section 3.1). The features are
then those of the strided network, evaluated at every position instead of every second or fourth one; names
and shapes of the weights stay, so that weights of the strided network fit.

Padding decides whether that is exact. A kernel of size k and stride s that has p pixels of padding before
its input reads from s*i - p on; spread by d and made dense it must read from j - d*(p + a) on, and gives the
strided network's output i at j = d*(s*i + a). The phase `a` is ours to choose, once for all layers that lose
their stride side by side (a branch and its shortcut must stay aligned): the one that centres the kernels, as
far as the smallest of them, often a 1x1 shortcut, has room for it.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import keras
from keras import layers

from models.layers import BN_MOMENTUM, BatchNorm
from models.pooling import DilatedMaxPooling2D

CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D)
POOLINGS = (layers.MaxPooling2D, layers.AveragePooling2D)
KEPT = MappingProxyType({})  # no other initializers than the network's


@dataclass
class Kernel:
    """What one convolution or pooling layer does to positions, the same along both axes."""

    size: int
    stride: int
    before: int  # pixels of padding before the first one
    dilation: int  # of its input, by strides that are gone
    keeps_stride: bool
    padding_layer: str | None  # the ZeroPadding2D in front of it
    phase: int = 0

    @property
    def dense(self) -> bool:
        """Whether it is changed at all."""
        return self.dilation > 1 or not self.keeps_stride

    @property
    def padding(self) -> tuple[int, int]:
        """Pixels before and after that keep the size where the stride is 1."""
        before = self.dilation * (self.before + self.phase)
        return before, self.dilation * (self.size - 1) - before


def dilate(
    network: keras.Model, image, output_stride: int, initializers: Mapping[str, Callable] = KEPT
) -> keras.Model:
    """Rebuild a network on `image` with features no coarser than `output_stride`, with fresh weights.

    Sizes become exact: 'valid' convolutions without a padding layer before them are padded, so that every
    stride halves. 'Same' padding is that of even sizes whatever the size, because weights trained at one
    size must mean the same at another. Batch normalisation becomes `models.layers.BatchNorm`.

    Args:
        network: a functional model of one tensor, with strides of 1 and 2, each layer used once.
        image: Keras tensor [B, H, W, C] of static size, H and W multiples of `output_stride`.
        output_stride: a power of two; at the network's own stride or above, no stride is changed.
        initializers: by their argument of Keras's layers, such as `depthwise_initializer`, functions that
            make them; those that are not given stay the network's.

    Returns:
        A model with the layers' names and the weights' shapes of `network`.

    Raises:
        ValueError: a layer whose stride cannot be turned into dilation.
    """
    kernels = plan(network, output_stride)
    paddings = {kernel.padding_layer: kernel for kernel in kernels.values() if kernel.padding_layer}

    def rebuild(layer):
        if layer.name in paddings and paddings[layer.name].dense:
            return layers.ZeroPadding2D((paddings[layer.name].padding,) * 2, name=layer.name)
        if layer.name in kernels:
            return rebuilt_kernel(layer, kernels[layer.name], initializers)
        config = layer.get_config()
        if isinstance(layer, layers.BatchNormalization):
            # ImageNet's 0.99 or 0.999 would follow the weights too slowly for runs of a few hundred steps.
            return BatchNorm.from_config(config | {"momentum": BN_MOMENTUM})
        return type(layer).from_config(config)

    def call(layer, *inputs, **options):
        kernel = kernels.get(layer.name)
        if kernel and needs_padding(layer, kernel):
            pad = layers.ZeroPadding2D((kernel.padding,) * 2, name=f"{layer.name}_pad")
            inputs = (pad(*inputs),)
        return layer(*inputs, **options)

    return keras.models.clone_model(network, input_tensors=image, clone_function=rebuild, call_function=call)


def plan(network: keras.Model, output_stride: int) -> dict[str, Kernel]:
    """What becomes of each convolution and pooling, by the layer's name."""
    kernels, strides, phases = {}, {}, defaultdict(list)
    for layer in network.layers:
        parents = [tensor._keras_history.operation for tensor in keras.tree.flatten(layer.input)]
        stride = max((strides[parent.name] for parent in parents if parent.name in strides), default=1)
        if isinstance(layer, (*CONVOLUTIONS, *POOLINGS)):
            kernel = _kernel(layer, parents[0], stride, output_stride)
            kernels[layer.name] = kernel
            stride *= kernel.stride
            if not kernel.keeps_stride:
                phases[stride].append(kernel)
        strides[layer.name] = stride
    for side_by_side in phases.values():
        phase = min((kernel.size - 1) // 2 - kernel.before for kernel in side_by_side)
        for kernel in side_by_side:
            kernel.phase = phase
    return kernels


def _kernel(layer, parent, stride: int, output_stride: int) -> Kernel:
    pooling = isinstance(layer, POOLINGS)
    (size, width) = layer.pool_size if pooling else layer.kernel_size
    own, across = layer.strides
    dilation = max(stride // output_stride, 1)
    keeps_stride = own == 1 or stride * own <= output_stride
    padded = isinstance(parent, layers.ZeroPadding2D) and layer.padding == "valid"
    before = parent.padding[0][0] if padded else max(size - own, 0) // 2
    name = parent.name if padded else None
    kernel = Kernel(size, own, before, dilation, keeps_stride, name)
    if (size, own) != (width, across) or own > 2:
        raise ValueError(f"'{layer.name}' is not square or has a stride above 2; it cannot be dilated")
    if kernel.dense and isinstance(layer, layers.AveragePooling2D):
        raise ValueError(f"'{layer.name}' averages beyond stride {output_stride}; it cannot be dilated")
    return kernel


def rebuilt_kernel(layer, kernel: Kernel, initializers: Mapping[str, Callable] = KEPT):
    """The layer anew, with its stride, dilation and padding after the plan, and with other initializers."""
    config = layer.get_config()
    config |= {argument: make() for argument, make in initializers.items() if argument in config}
    if not kernel.padding_layer:
        config["padding"] = "same"
    if not kernel.dense:
        return type(layer).from_config(config)
    if isinstance(layer, layers.MaxPooling2D):
        padding = (0, 0) if kernel.padding_layer else kernel.padding
        return DilatedMaxPooling2D(
            kernel.size, kernel.dilation, padding, name=layer.name, dtype=layer.dtype_policy
        )
    dilation = layer.dilation_rate[0] * kernel.dilation if kernel.size > 1 else 1
    changes = {"strides": kernel.stride if kernel.keeps_stride else 1, "dilation_rate": dilation}
    if needs_padding(layer, kernel):
        changes["padding"] = "valid"
    return type(layer).from_config(config | changes)


def needs_padding(layer, kernel: Kernel) -> bool:
    """Whether a dense convolution's padding is neither a layer of the network nor that of 'same'."""
    before, after = kernel.padding
    pools = isinstance(layer, (*POOLINGS, DilatedMaxPooling2D))
    return kernel.dense and not kernel.padding_layer and before != after and not pools
