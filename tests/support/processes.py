"""The repository's scripts as a user runs them: real processes."""

import functools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import processor_time
from tiny import REPO

# What the tests set to silence TensorFlow is taken back: a script has to see to that itself.
UNSET = ("CITYSCAPES_DATASET", "TF_CPP_MIN_LOG_LEVEL", "KERAS_BACKEND")
# read when they are needed, and not by libraries as they are imported
LATE = {"CITYSCAPES_DATASET", "WEIGHTS_CACHE", "WEIGHTS_MIRROR"}
SECONDS = 300  # that a script may take


class Warm:
    """The process of `warm.py`; ends with this one."""

    def __init__(self):
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, Path(__file__).with_name("warm.py"), str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )

    def run(self, words: list[str], environments: list[dict], folder: Path) -> subprocess.CompletedProcess:
        """Run a script to its end, in a process for each environment, beside each other.

        Returns:
            All that they print, and the first status that is not 0.
        """
        request = json.dumps({"words": words, "environments": environments, "folder": str(folder)})
        with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
            socket.send_fds(self._requests, [request.encode()], [output.fileno(), errors.fileno()])
            self._requests.settimeout(SECONDS)
            processes = self._answer()  # the first comes after TensorFlow's import
            try:
                statuses, used = self._answer()
            except TimeoutError:
                for process in processes:
                    os.kill(process, signal.SIGKILL)
                self._answer()
                raise subprocess.TimeoutExpired(words, SECONDS) from None
            processor_time.add(used)
            for file in (output, errors):
                file.seek(0)
            status = next(filter(None, statuses), 0)
            return subprocess.CompletedProcess([sys.executable, *words], status, output.read(), errors.read())

    def _answer(self):
        return json.loads(self._requests.recv(2**10))


@functools.cache
def warm() -> Warm:
    """This process's own, started when it is first asked for."""
    return Warm()


def run_script(script, *arguments, folder=REPO, fresh=False, **variables):
    """Run `script` of the repository with environment `variables`, no data set among them unless given.

    It is a fork of a process that has imported TensorFlow; a new process if `fresh`, or with variables other
    than those of LATE, which libraries may read when they are imported.

    Returns:
        subprocess.CompletedProcess with returncode, stdout and stderr.
    """
    environment = {name: value for name, value in os.environ.items() if name not in UNSET}
    environment |= {name: str(value) for name, value in variables.items()}
    words = [str(REPO / script), *map(str, arguments)]
    if LATE.issuperset(variables) and not fresh:
        done = warm().run(words, [environment], folder)
    else:
        done = subprocess.run(
            [sys.executable, *words],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def assert_one_line_error(done, *fragments):
    """Status 2 and nothing on stderr but `SCRIPT: error: ...` in one line, which holds all `fragments`."""
    assert done.returncode == 2, done.stderr
    script = os.path.basename(done.args[1])
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith(f"{script}: error: "), done.stderr
    for fragment in fragments:
        assert str(fragment) in lines[0]
    assert "error" not in done.stdout.lower()
