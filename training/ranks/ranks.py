"""The processes of a run, "ranks": what they exchange, and one process alone, which exchanges nothing.

What crosses ranks is sums: of gradients, of losses' parts, of confusion matrices, of votes.
"""

from collections.abc import Callable
from contextlib import nullcontext

COMPRESSIONS = ("none", "fp16")
STRATEGIES = ("horovod", "mirrored")


class Ranks:
    """One process, which has nothing to exchange; see `training.ranks.distributed.Horovod` for several.

    Attributes:
        rank: number of this process, from 0.
        size: number of processes.
        local_rank: number of this process on its machine.
        gpus_here: number of GPUs that this process trains on; a CPU counts as one.
        kind: what those who share the work are called.
    """

    rank, size, local_rank, gpus_here = 0, 1, 0, 1
    kind = "ranks"

    @property
    def gpus(self) -> int:
        """Number of GPUs of all processes."""
        return self.size * self.gpus_here

    @property
    def first(self) -> bool:
        """Whether this process writes and prints for all."""
        return self.rank == 0

    def own(self, gpus: list) -> list:
        """Those of the visible GPUs that are this process's."""
        return [gpus[self.local_rank % len(gpus)]]  # where each process is shown one GPU alone, that one

    def scope(self):
        """A context to make variables in, which exist on all GPUs of this process."""
        return nullcontext()

    def on_gpus(self, compute: Callable, *values):
        """The results of `compute(*values)` on each GPU of this process; see `share` and `parts`."""
        return compute(*values)

    def share(self, batch):
        """Inside of that function: the images of this process's batch that are this GPU's."""
        return batch

    def parts(self, value) -> list:
        """Of a result of `on_gpus`, or of a variable: what is on each GPU of this process."""
        return [value]

    def sums(self, tensors: list) -> list:
        """Each tensor's sum over all GPUs, in one exchange."""
        return tensors

    def sum_gradients(self, gradients: list) -> list:
        """The same for gradients, compressed on their way if that was asked for."""
        return gradients

    def across(self, sums: tuple) -> tuple:
        """For `training.losses.total.Loss`: sums over all GPUs, with the gradient of this one's part."""
        if self.gpus == 1:
            return sums
        import tensorflow as tf

        @tf.custom_gradient
        def exchanged(*own):  # own + stop_gradient(total - own) would be rounded differently on each rank
            return self.sums(list(own)), lambda *upstream: upstream

        return tuple(exchanged(*sums))

    def without_xla(self) -> str:
        """Why XLA cannot compile what the GPUs exchange, with the cure; "" where it can, from then on.

        All ranks have to ask, once they have their GPUs.
        """
        return ""

    def broadcast(self, variables: list) -> None:
        """Give every rank the first one's values."""

    def agree(self, value):
        """The first rank's value, of any kind that can be pickled between processes of one run."""
        return value

    def gather(self, value) -> list:
        """Every rank's value, in the order of the ranks."""
        return [value]

    def total(self, values):
        """Sum of a NumPy array over all ranks, outside of TensorFlow's graphs."""
        return values

    def any(self, flag: bool) -> bool:
        """Whether it holds on any rank; all ranks have to ask."""
        import numpy as np  # slow, and every --help comes by here

        return bool(self.total(np.array([flag], np.int32))[0])


ALONE = Ranks()
