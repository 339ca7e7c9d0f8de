"""Several ranks under Horovod, each with a GPU of its own: how they start, find each other and exchange.

The only file that knows Horovod, or the variables of those who launch it. One process needs no Horovod; a
rank may also have several GPUs (`training.ranks.mirrored`).
"""

import itertools
import json
import os
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import contextmanager

from common import cli
from common.errors import EXIT_USER_ERROR, UserError
from training.ranks.ranks import Ranks

# where a launcher tells how many processes it has started -> the launcher's name
LAUNCHERS = {
    "HOROVOD_SIZE": "horovodrun",
    "OMPI_COMM_WORLD_SIZE": "mpirun",
    "PMI_SIZE": "the MPI launcher",
    "SLURM_NTASKS": "SLURM",
}
XLA_OPERATIONS = "HOROVOD_ENABLE_XLA_OPS"  # read as Horovod is imported: register the all-reduce for XLA
ADVICE = (
    "is every rank running, and do HOROVOD_GLOO_IFACE and NCCL_SOCKET_IFNAME name the network between the "
    "nodes?"
)
JOIN_TIMEOUT = 120.0  # seconds until a rank that waits for others to join gives up
PAUSE = 24 * 3600  # seconds that ranks may stand still, as a job does that SLURM suspends


class Horovod(Ranks):
    """Several processes; every method has to be called by all of them, in the same order.

    Args:
        compression: of gradients on their way, one of `COMPRESSIONS`.
    """

    def __init__(self, compression: str = "none"):
        import horovod.tensorflow as hvd

        self._hvd = hvd
        self._compression = getattr(hvd.Compression, compression)
        self._by_xla, self._numbers = False, itertools.count()
        self.rank, self.size, self.local_rank = hvd.rank(), hvd.size(), hvd.local_rank()

    def sums(self, tensors: list) -> list:
        return self._sums(tensors, self._hvd.Compression.none)

    def sum_gradients(self, gradients: list) -> list:
        return self._sums(gradients, self._compression)

    def _sums(self, tensors: list, compression) -> list:
        if not self._by_xla:
            return self._hvd.grouped_allreduce(tensors, op=self._hvd.Sum, compression=compression)
        # of Horovod's operations XLA knows the all-reduce of one tensor alone, which needs a name of its own
        options = {"compression": compression, "name": f"exchange_{next(self._numbers)}"}
        return in_one(tensors, lambda numbers: self._hvd.allreduce(numbers, op=self._hvd.Sum, **options))

    def without_xla(self) -> str:
        self._by_xla = True
        failure = next(filter(None, self.gather(failure_of_xla(self.sums))), "")
        self._by_xla = not failure
        if self._by_xla:
            return ""
        if not (self._hvd.cuda_built() or self._hvd.rocm_built()):
            return "Horovod was built without CUDA: `make horovod` where the CUDA and NCCL modules are"
        if (asked := os.environ.get(XLA_OPERATIONS)) != "1":
            return f"{XLA_OPERATIONS} is {asked}: set it to 1, or unset it"
        return f"it does not know Horovod's all-reduce ({failure}): build Horovod anew for this TensorFlow"

    def broadcast(self, variables: list) -> None:
        self._hvd.broadcast_variables([variable.value for variable in variables], root_rank=0)

    def agree(self, value):
        return self._hvd.broadcast_object(value, root_rank=0)

    def gather(self, value) -> list:
        return self._hvd.allgather_object(value)

    def total(self, values):
        return self._hvd.allreduce(values, op=self._hvd.Sum).numpy()


def in_one(tensors: list, exchange: Callable) -> list:
    """Tensors of one type, whose shapes are known, after `exchange` of all their numbers in a vector."""
    import tensorflow as tf

    if not tensors:
        return []
    exchanged = exchange(tf.concat([tf.reshape(tensor, [-1]) for tensor in tensors], axis=0))
    parts = tf.split(exchanged, [tensor.shape.num_elements() for tensor in tensors])
    return [tf.reshape(part, tensor.shape) for part, tensor in zip(parts, tensors)]


def failure_of_xla(sums: Callable) -> str:
    """Why XLA cannot compile the sums of tensors; "" where it can. Nothing is exchanged."""
    import tensorflow as tf

    compiled = tf.function(lambda tensor: sums([tensor]), autograph=False, jit_compile=True)
    try:
        compiled.experimental_get_compiler_ir(tf.ones(1))(stage="optimized_hlo")
    except (ValueError, tf.errors.OpError) as error:
        return str(error).partition("\n")[0]
    return ""


def start(
    compression: str = "none",
    strategy: str = "horovod",
    timeout: float = JOIN_TIMEOUT,
    synchronizes: Callable[[int], bool] = lambda processes: False,
) -> Ranks:
    """Join the other processes of the run, if a launcher has started several.

    Args:
        compression: see `Horovod`.
        strategy: one of `STRATEGIES`; mirrored is one process with all GPUs of its machine.
        timeout: seconds until this process ends with status 2, unless all have joined.
        synchronizes: whether batch norm exchanges statistics among so many processes, in each layer.

    Raises:
        UserError: several were started, but Horovod is not there, or does not see the others, or the
            strategy is for one.
    """
    launcher, expected = launched()
    if strategy == "mirrored":
        require_one_process(launcher, expected)
        from training.ranks.mirrored import Mirrored

        return Mirrored()
    if expected == 1:
        return Ranks()
    fit_horovod_to_the_device(synchronizes(expected))
    try:
        import horovod.tensorflow as hvd
    except ImportError as error:
        raise UserError(
            f"{launcher} has started {expected} processes, but Horovod is not installed: `make horovod`, "
            "or start one process"
        ) from error
    leave_hangs_to_the_watchdog()
    with at_most(timeout, host(), "joining the other ranks"):
        hvd.init()
    if hvd.size() == 1:
        raise UserError(
            f"{launcher} has {expected} tasks, but this process is alone: {expected} separate trainings "
            "would run; start it by slurm/train.sh, mpirun or horovodrun, or ask for one task"
        )
    return Horovod(compression)


@contextmanager
def at_most(seconds: float, where: str, what: str):
    """Inside, this process waits for others; it ends with status 2 when that takes longer.

    Args:
        seconds: until then.
        where: name of this machine.
        what: it is waiting in.
    """

    def give_up():
        place = f"process {os.getpid()} on {where}"
        print(
            f"{cli.program()}: error: {place} has waited {seconds:.0f} s in: {what}; {ADVICE}",
            file=sys.stderr,
            flush=True,
        )
        os._exit(EXIT_USER_ERROR)

    timer = threading.Timer(seconds, give_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def fit_horovod_to_the_device(exchanges_in_layers: bool = False) -> None:
    """Before Horovod is imported: on GPUs ask for XLA, without them leave the processors to the steps.

    There Horovod's threads share processors with the steps, and so look less often and yield: two ranks on
    two cores took 0.76 s for the computation of a step that takes one rank 0.47 s. Where each layer waits
    for an exchange, looking less often costs more than it gains (docs/hpc.md).
    """
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        os.environ.setdefault(XLA_OPERATIONS, "1")
    else:
        if not exchanges_in_layers:
            os.environ.setdefault("HOROVOD_CYCLE_TIME", "5")  # milliseconds, of 1
        os.environ.setdefault("OMPI_MCA_mpi_yield_when_idle", "1")


def leave_hangs_to_the_watchdog() -> None:
    """Have Gloo wait; it would end all ranks 30 s after one stands still, without naming that one."""
    os.environ["HOROVOD_GLOO_TIMEOUT_SECONDS"] = str(PAUSE)


def require_one_process(launcher: str, expected: int) -> None:
    """Refuse several processes where one has all GPUs of a machine.

    Raises:
        UserError: a launcher has started several, or `TF_CONFIG` names several workers.
    """
    if expected > 1:
        raise UserError(
            f"{launcher} has started {expected} processes, but `strategy` mirrored is one process with all "
            "its GPUs: start one, or use `strategy` horovod"
        )
    workers = tensorflow_workers()
    if workers > 1:
        raise UserError(
            f"TF_CONFIG names {workers} workers, but `strategy` mirrored stays on one machine: unset "
            "TF_CONFIG, or start several machines by Horovod (docs/hpc.md)"
        )


def tensorflow_workers() -> int:
    """Number of processes that `TF_CONFIG` has for `tf.distribute`; 0 without one."""
    try:
        cluster = json.loads(os.environ.get("TF_CONFIG", "{}")).get("cluster", {})
        return sum(len(cluster.get(job, ())) for job in ("chief", "worker"))
    except (ValueError, AttributeError, TypeError):
        return 0  # TensorFlow would say what is wrong with it, where it were used


def host() -> str:
    """The name of this rank's machine; of two of SLURM's nodes on one machine, the node's."""
    return os.environ.get("SLURMD_NODENAME") or socket.gethostname()


def build() -> dict:
    """What Horovod was built with, and what connects the ranks."""
    import horovod.tensorflow as hvd

    built = {"NCCL": hvd.nccl_built(), "MPI": hvd.mpi_built(), "Gloo": hvd.gloo_built()}
    return {
        "operations": [name for name, has in built.items() if has],
        "controller": "MPI" if hvd.mpi_enabled() else "Gloo",
    }


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
