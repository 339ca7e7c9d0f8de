"""Which device TensorFlow uses, and what suits it."""

import sys

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
    """Take this rank's GPUs, and tell whether to compile by XLA; see `xla`.

    Where steps on GPUs are not compiled, the first rank prints why.

    Args:
        deterministic: only operations that give the same bits each time; TensorFlow refuses others.
        ranks: the processes of the run; each has to call this.
    """
    import tensorflow as tf

    if deterministic:
        tf.config.experimental.enable_op_determinism()
    take_gpus(ranks)
    compiled, reason = xla(ranks)
    if reason and ranks.first:
        print(f"{cli.program()}: steps run without XLA: {reason}", file=sys.stderr, flush=True)
    return compiled


def take_gpus(ranks: Ranks) -> None:
    """Have TensorFlow see this rank's GPUs alone, and allocate their memory as needed."""
    import tensorflow as tf

    if gpus := tf.config.list_physical_devices("GPU"):
        mine = ranks.own(gpus)
        tf.config.set_visible_devices(mine, "GPU")
        for gpu in mine:
            tf.config.experimental.set_memory_growth(gpu, True)


def xla(ranks: Ranks) -> tuple[bool, str]:
    """Whether XLA compiles the steps; where it does not on GPUs, why, with the cure.

    XLA fuses these models' operations on a GPU, but makes them ten times slower on a CPU. All ranks have to
    ask, once they have taken their GPUs.
    """
    with_gpu = sum(ranks.gather(has_gpu()))
    if not with_gpu:
        return False, ""
    reason = ranks.without_xla() if with_gpu == ranks.size else "only some of the ranks have GPUs"
    return not reason, reason
