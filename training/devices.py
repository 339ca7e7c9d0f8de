"""Which device TensorFlow uses, and what suits it."""

from common import cli
from training.distributed import ALONE, Ranks


def precision(option: str) -> str:
    """Keras's dtype policy for `--mixed-precision`: float16, bfloat16, or auto.

    auto takes float16 on a GPU of compute capability below 8, which lacks bfloat16, else bfloat16.
    """
    if option != "auto":
        return f"mixed_{option}"
    cli.quiet_tensorflow()
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


def prepare(deterministic: bool = False, ranks: Ranks = ALONE) -> bool:
    """Take this rank's GPUs, let them allocate memory as needed, and tell whether to compile by XLA.

    XLA fuses these models' operations on a GPU, but makes them ten times slower on a CPU: steps are
    compiled by it exactly where this returns true.

    Args:
        deterministic: only operations that give the same bits each time; TensorFlow refuses others.
        ranks: the processes of the run. With several, Horovod's operations have to be ready for XLA.
    """
    import tensorflow as tf

    if deterministic:
        tf.config.experimental.enable_op_determinism()
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return False
    mine = ranks.own(gpus)
    tf.config.set_visible_devices(mine, "GPU")
    for gpu in mine:
        tf.config.experimental.set_memory_growth(gpu, True)
    return ranks.ready_for_xla
