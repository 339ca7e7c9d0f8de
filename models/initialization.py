"""Fresh weights: drawn at once on every backend, or not at all."""

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


@contextmanager
def shapes_alone():
    """A context in which variables have shapes and no values, which take nine tenths of building's time.

    What is built in it can be counted, not run. Keras's session is cleared at its end, or the variables would
    be drawn later.
    """
    import keras

    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        keras.utils.clear_session(free_memory=True)
