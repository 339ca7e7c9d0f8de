"""Waiting for other ranks comes to an end, with a line that tells in what."""

import os
import sys
import threading
from contextlib import contextmanager

from common import cli
from common.errors import EXIT_USER_ERROR

ADVICE = (
    "is every rank running, and do HOROVOD_GLOO_IFACE and NCCL_SOCKET_IFNAME name the network between the "
    "nodes?"
)


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
