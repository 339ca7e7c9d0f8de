"""Which device TensorFlow uses, and which precision suits it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from common import startup


def precision(kind: str) -> str:
    """Keras's dtype policy for mixed precision in float16, bfloat16, or auto.

    auto takes float16 on a GPU of compute capability below 8, which lacks bfloat16, else bfloat16.
    """
    if kind != "auto":
        return f"mixed_{kind}"
    startup.tensorflow()
    import tensorflow as tf

    details = [
        tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")
    ]
    old = any(detail.get("compute_capability", (0, 0)) < (8, 0) for detail in details)
    return "mixed_float16" if old else "mixed_bfloat16"


def has_gpu() -> bool:
    """Whether TensorFlow calculates on a GPU here, compiled by XLA or not."""
    import tensorflow as tf

    return bool(tf.config.get_visible_devices("GPU"))


@contextmanager
def as_traced() -> Iterator[None]:
    """Within it TensorFlow calls functions as they were traced, with the bits of eager calls.

    Else it first looks for what could be left out, joined or moved, for seconds in a training step.
    """
    import tensorflow as tf

    option = "disable_meta_optimizer"
    before = tf.config.optimizer.get_experimental_options()[option]
    tf.config.optimizer.set_experimental_options({option: True})
    try:
        yield
    finally:
        # None takes it out again; with False there, functions called before would be optimized anew
        tf.config.optimizer.set_experimental_options({option: before or None})


def prepare() -> bool:
    """Have TensorFlow see the first GPU alone, for a process that has no others beside it.

    Returns:
        Whether there is one, where XLA should compile: it fuses these models' operations on a GPU, but makes
        them ten times slower on a CPU.
    """
    see_gpus(lambda gpus: gpus[:1])
    return has_gpu()


def see_gpus(choose: Callable[[list], list]) -> None:
    """Have TensorFlow see those GPUs alone that `choose` takes of all, and allocate memory as needed."""
    import tensorflow as tf

    if gpus := tf.config.list_physical_devices("GPU"):
        chosen = choose(gpus)
        tf.config.set_visible_devices(chosen, "GPU")
        for gpu in chosen:
            tf.config.experimental.set_memory_growth(gpu, True)
