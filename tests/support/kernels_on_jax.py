"""Calculates by `models.jax_kernels`, in a process of its own: one that has used JAX should not fork.

    python kernels_on_jax.py FILE

FILE, an .npz, gets `depthwise 0` and so on for `CONVOLUTIONS`, `enlarge 0` and so on for `FACTORS`, and a
convolution of bfloat16, `half`.
"""

import sys

import numpy as np

# (height, width), taps, stride, dilation, padding
CONVOLUTIONS = [
    ((13, 16), 3, 1, 1, "SAME"),
    ((12, 17), 3, 2, 1, "SAME"),
    ((16, 16), 3, 1, 4, "SAME"),
    ((16, 16), 2, 1, 1, "SAME"),
    ((16, 15), 3, 2, 1, "VALID"),
    ((9, 9), 5, 1, 2, "VALID"),
]
FACTORS = [(2, 2), (8, 8), (4, 1), (3, 5)]


def random(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def main():
    import jax.numpy as jnp

    from models import jax_kernels

    found = {}
    for number, (size, taps, stride, dilation, padding) in enumerate(CONVOLUTIONS):
        x, kernel = random(2, *size, 5), random(taps, taps, 5, 1)
        steps = (stride, stride), (dilation, dilation)
        found[f"depthwise {number}"] = jax_kernels.depthwise(x, kernel, *steps, padding == "SAME")
    for number, factors in enumerate(FACTORS):
        found[f"enlarge {number}"] = jax_kernels.enlarge(jnp.asarray(random(2, 5, 7, 3)), factors)
    x = jnp.ones((1, 3, 3, 1), "bfloat16").at[0, 0, 0, 0].set(256)  # to which bfloat16 cannot add 1
    half = jax_kernels.depthwise(x, jnp.ones((3, 3, 1, 1), "bfloat16"), (1, 1), (1, 1), same=False)
    assert half.dtype == "bfloat16"
    np.savez(sys.argv[1], half=half.astype("float32"), **found)


if __name__ == "__main__":
    main()
