"""Each rank's GPUs, and whether XLA compiles the steps on them."""

import sys

from common import cli, devices
from common.arguments import as_options
from training.ranks.ranks import ALONE, Ranks


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
    devices.see_gpus(ranks.own)
    compiled, reason = xla(ranks)
    if reason and ranks.first:
        message = as_options(f"steps run without XLA: {reason}")
        print(f"{cli.program()}: {message}", file=sys.stderr, flush=True)
    return compiled


def xla(ranks: Ranks) -> tuple[bool, str]:
    """Whether XLA compiles the steps; where it does not on GPUs, why, with the cure.

    XLA fuses these models' operations on a GPU, but makes them ten times slower on a CPU. All ranks have to
    ask, once they have taken their GPUs.
    """
    with_gpu = sum(ranks.gather(devices.has_gpu()))
    if not with_gpu:
        return False, ""
    reason = ranks.without_xla() if with_gpu == ranks.size else "only some of the ranks have GPUs"
    return not reason, reason
