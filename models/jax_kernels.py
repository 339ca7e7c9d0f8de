"""Operations that XLA runs slowly in their usual form, written in ones that it fuses; the same numbers.

For Keras on JAX alone. A depthwise convolution is one group for each channel to XLA's libraries, and bilinear
resizing a product with dense matrices; as sums of shifted images both are one pass over memory.
"""

import jax.numpy as jnp
from jax import lax


def depthwise(x, kernel, strides: tuple[int, int], dilation: tuple[int, int], same: bool):
    """Depthwise convolution, summed in float32.

    Args:
        x: [B, H, W, C].
        kernel: [h, w, C, 1], one filter a channel.
        strides: along H and W.
        dilation: along H and W.
        same: pad with zeros as TensorFlow's "same", else not at all.

    Returns:
        [B, H', W', C] in the dtype of x.
    """
    taps = kernel.shape[:2]
    if same:
        x = jnp.pad(x, [(0, 0), *map(padding, x.shape[1:3], taps, strides, dilation), (0, 0)])
    spans = [
        (count - 1) * step for count, step in zip(taps, dilation)
    ]  # pixels from the first tap to the last
    batch, height, width, channels = x.shape
    total = 0.0
    for row in range(taps[0]):
        for column in range(taps[1]):
            top, left = row * dilation[0], column * dilation[1]
            shifted = lax.slice(
                x,
                (0, top, left, 0),
                (batch, top + height - spans[0], left + width - spans[1], channels),
                (1, *strides, 1),
            )
            total += shifted.astype("float32") * kernel[row, column, :, 0].astype("float32")
    return total.astype(x.dtype)


def padding(size: int, taps: int, stride: int, dilation: int) -> tuple[int, int]:
    """Zeros before and after `size` pixels, as TensorFlow's "same" has them."""
    outputs = -(-size // stride)
    missing = max((outputs - 1) * stride + (taps - 1) * dilation + 1 - size, 0)
    return missing // 2, missing - missing // 2


def enlarge(x, factors: tuple[int, int]):
    """Bilinear enlargement by whole factors, [B, H, W, C] -> [B, H f, W g, C]; pixel centres are aligned."""
    for axis, factor in zip((1, 2), factors):
        x = _enlarge_axis(x, axis, factor)
    return x


def _enlarge_axis(x, axis: int, factor: int):
    if factor == 1:
        return x
    count = x.shape[axis]
    edges = [(0, 0)] * x.ndim
    edges[axis] = (1, 1)
    padded = jnp.pad(x, edges, mode="edge")
    before, here, after = (
        jnp.expand_dims(lax.slice_in_dim(padded, start, start + count, axis=axis), axis + 1)
        for start in range(3)
    )  # each [..., count, 1, ...]: the neighbours of every pixel
    phase = (jnp.arange(factor, dtype=x.dtype) + 0.5) / factor - 0.5  # of the enlarged pixels, in pixels
    phase = phase.reshape(1, factor, *[1] * (x.ndim - axis - 1))
    left, right = jnp.maximum(-phase, 0), jnp.maximum(phase, 0)
    enlarged = here * (1 - left - right) + before * left + after * right  # [..., count, factor, ...]
    return enlarged.reshape(*x.shape[:axis], count * factor, *x.shape[axis + 1 :])
