"""The processes of a run, "ranks": one alone, or several under Horovod, each with a GPU of its own.

The only file that knows Horovod, or the variables of those who launch it. What crosses ranks is sums:
of gradients, of losses' parts, of confusion matrices, of votes. One process needs no Horovod.
"""

import os

import numpy as np

from common.errors import UserError

# where a launcher tells how many processes it has started -> the launcher's name
LAUNCHERS = {
    "HOROVOD_SIZE": "horovodrun",
    "OMPI_COMM_WORLD_SIZE": "mpirun",
    "PMI_SIZE": "the MPI launcher",
    "SLURM_NTASKS": "SLURM",
}
COMPRESSIONS = ("none", "fp16")


class Ranks:
    """One process, which has nothing to exchange; see `Horovod` for several.

    Attributes:
        rank: number of this process, from 0.
        size: number of processes.
        local_rank: number of this process on its machine.
    """

    rank, size, local_rank = 0, 1, 0

    @property
    def ready_for_xla(self) -> bool:
        """Whether XLA can compile the exchange: Horovod offers that for GPUs, where it is asked to."""
        return self.size == 1 or os.environ.get("HOROVOD_ENABLE_XLA_OPS") == "1"

    @property
    def first(self) -> bool:
        """Whether this process writes and prints for all."""
        return self.rank == 0

    def sums(self, tensors: list) -> list:
        """Each tensor's sum over all ranks, in one exchange."""
        return tensors

    def sum_gradients(self, gradients: list) -> list:
        """The same for gradients, compressed on their way if that was asked for."""
        return gradients

    def across(self, sums: tuple) -> tuple:
        """For `training.losses.total.Loss`: sums over all ranks, with the gradient of this rank's part."""
        return sums

    def broadcast(self, variables: list) -> None:
        """Give every rank the first one's values."""

    def agree(self, value):
        """The first rank's value, of any kind that can be pickled between processes of one run."""
        return value

    def gather(self, value) -> list:
        """Every rank's value, in the order of the ranks."""
        return [value]

    def total(self, values: np.ndarray) -> np.ndarray:
        """Sum of an array over all ranks, outside of TensorFlow's graphs."""
        return values

    def any(self, flag: bool) -> bool:
        """Whether it holds on any rank; all ranks have to ask."""
        return bool(self.total(np.array([flag], np.int32))[0])


ALONE = Ranks()


class Horovod(Ranks):
    """Several processes; every method has to be called by all of them, in the same order.

    Args:
        compression: of gradients on their way, one of `COMPRESSIONS`.
    """

    def __init__(self, compression: str = "none"):
        import horovod.tensorflow as hvd

        self._hvd = hvd
        self._compression = getattr(hvd.Compression, compression)
        self.rank, self.size, self.local_rank = hvd.rank(), hvd.size(), hvd.local_rank()

    def sums(self, tensors: list) -> list:
        return self._hvd.grouped_allreduce(tensors, op=self._hvd.Sum)

    def sum_gradients(self, gradients: list) -> list:
        return self._hvd.grouped_allreduce(gradients, op=self._hvd.Sum, compression=self._compression)

    def across(self, sums: tuple) -> tuple:
        import tensorflow as tf

        @tf.custom_gradient
        def exchanged(*own):  # own + stop_gradient(total - own) would be rounded differently on each rank
            return self.sums(list(own)), lambda *upstream: upstream

        return tuple(exchanged(*sums))

    def broadcast(self, variables: list) -> None:
        self._hvd.broadcast_variables([variable.value for variable in variables], root_rank=0)

    def agree(self, value):
        return self._hvd.broadcast_object(value, root_rank=0)

    def gather(self, value) -> list:
        return self._hvd.allgather_object(value)

    def total(self, values: np.ndarray) -> np.ndarray:
        return self._hvd.allreduce(values, op=self._hvd.Sum).numpy()


def start(compression: str = "none") -> Ranks:
    """Join the other processes of the run, if a launcher has started several.

    Raises:
        UserError: several were started, but Horovod is not there, or does not see the others.
    """
    launcher, expected = launched()
    if expected == 1:
        return Ranks()
    try:
        import horovod.tensorflow as hvd
    except ImportError as error:
        raise UserError(
            f"{launcher} has started {expected} processes, but Horovod is not installed: `make horovod`, "
            "or start one process"
        ) from error
    hvd.init()
    if hvd.size() == 1:
        raise UserError(
            f"{launcher} has {expected} tasks, but this process is alone: {expected} separate trainings "
            "would run; start it by slurm/train.sh, mpirun or horovodrun, or ask for one task"
        )
    return Horovod(compression)


def lost(error: Exception) -> bool:
    """Whether an error says no more than that another rank has ended."""
    return "Horovod" in str(error)


def launched() -> tuple[str, int]:
    """(launcher, number of processes that it says to have started); ("", 1) without one."""
    for variable, name in LAUNCHERS.items():
        text = os.environ.get(variable, "")
        if text.isdigit() and int(text) > 1:
            return name, int(text)
    return "", 1
