"""Weights are drawn at once on every backend."""

from contextlib import contextmanager


@contextmanager
def quick_compilation():
    """A context in which JAX compiles without most optimizations; other backends are not touched.

    It makes a program for each shape that it draws numbers for, which takes a second each: 26 s for a small
    U-Net, of which 4 are left.
    """
    import keras

    if keras.backend.backend() != "jax":
        yield
        return
    import jax

    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    try:
        yield
    finally:
        jax.config.update("jax_disable_most_optimizations", before)
