"""The log of a training in a checkpoint of mmengine, which is passed over: nothing of it is made or called.

Such a checkpoint, as mmsegmentation 1.x publishes it, keeps each loss of each step beside its tensors, as an
object of mmengine around arrays of NumPy.
"""

import pickletools
from contextlib import AbstractContextManager

MOST_BYTES = 2**26  # of a log; 120,000 steps have some 25 million
LONG = 2**10  # characters of a text that is data


class Passed:
    """Stands for any object of a log, and keeps nothing."""

    def __new__(cls, *arguments):
        return super().__new__(cls)

    def __init__(self, *arguments):
        pass

    def __setstate__(self, state):
        pass


NAMES = (
    "mmengine.logging.history_buffer.HistoryBuffer",
    *(f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
    "numpy.ndarray",
    "numpy.dtype",
    "builtins.getattr",
    "builtins.bytes",
)


def passed_over() -> AbstractContextManager:
    """A context in which `torch.load(weights_only=True)` makes `Passed` of what a log consists of."""
    import torch

    return torch.serialization.safe_globals([(Passed, name) for name in NAMES])


def is_log(pickled, size: int, most: int) -> bool:
    """Whether a pickle is long by texts alone, as which arrays are written; makes no objects.

    Args:
        pickled: file, open for reading.
        size: of it in bytes.
        most: bytes that it may have beside long texts.
    """
    if size > MOST_BYTES:
        return False
    texts = 0
    try:
        for operation, argument, position in pickletools.genops(pickled):
            if position - texts > most:
                return False
            if operation.name == "BINUNICODE" and len(argument) > LONG:
                texts += len(argument.encode(errors="surrogatepass"))
    except ValueError:
        return False
    return True
