"""A process that has imported TensorFlow and starts scripts as forks of itself, three seconds sooner.

    python warm.py SOCKET    # the number of an open socket

A request is JSON (`words`: script and arguments, `environments` of one process each, `folder`) with two open
files for stdout and stderr. It is answered by the numbers of the processes, then by their exit statuses and
their processor time in seconds.
Nothing may calculate here: TensorFlow's threads would be missing in a fork.
"""

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import socket
import sys
import threading
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("common", "data", "models", "training", "inference", "evaluation", "deploy")
OF_JAX = "models.jax_kernels"  # JAX is not everywhere, and a process that has it should not fork
MISSING = ("tensorrt", "pycuda", "wandb", "mlflow", "horovod")  # not everywhere


def imported() -> None:
    """Import what scripts import."""
    from common import startup

    startup.tensorflow()
    importlib.import_module("matplotlib.figure")
    for room in ROOMS:
        modules = pkgutil.walk_packages([str(ROOT / room)], f"{room}.")
        for name in (module.name for module in modules if module.name != OF_JAX):
            try:
                importlib.import_module(name)
            except ImportError as error:
                if error.name not in MISSING:
                    raise
    gc.set_threshold(100_000, 20, 20)  # as in conftest.py
    import toy

    toy.register()
    toy.reach_children()


def serve(requests: socket.socket) -> list[str]:
    """Answer requests; returns in each fork, the words of its script."""
    while True:
        message, files, _, _ = socket.recv_fds(requests, 2**20, 2)
        if not message:
            os._exit(0)  # the tests are over
        request = json.loads(message)
        processes = []
        for environment in request["environments"]:
            process = os.fork()
            if not process:
                become(environment, request["folder"], files)
                return request["words"]
            processes.append(process)
        for file in files:
            os.close(file)
        tell(requests, processes)
        ends = [os.wait4(process, 0) for process in processes]
        seconds = sum(used.ru_utime + used.ru_stime for *_, used in ends)
        tell(requests, [[os.waitstatus_to_exitcode(status) for _, status, _ in ends], seconds])


def tell(requests: socket.socket, answer) -> None:
    requests.send(json.dumps(answer).encode())


def become(environment: dict[str, str], folder: str, files: list[int]) -> None:
    """Make this fork what a new process would be."""
    for number, file in enumerate(files, start=1):
        os.dup2(file, number)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    importlib.import_module("numpy").random.seed()


def run(words: list[str]) -> None:
    """Run a script in this fork, and end with its status.

    What Python does at its end is done here; then the fork ends at once, because libraries would wait for
    threads that it does not have.
    """
    sys.argv = words
    sys.path.insert(0, str(Path(words[0]).parent))
    status = 0
    try:
        runpy.run_path(words[0], run_name="__main__")
    except SystemExit as ended:
        status = ended.code or 0
        if isinstance(status, str):  # Python prints it
            print(status, file=sys.stderr)
            status = 1
    except BaseException:
        traceback.print_exc()
        status = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]
    imported()
    with socket.socket(fileno=int(sys.argv[1])) as requests:
        words = serve(requests)
    run(words)
