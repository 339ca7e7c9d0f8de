"""The repository's scripts as a user runs them: real processes."""

import os
import subprocess
import sys

from tiny import REPO

# What the tests set to silence TensorFlow is taken back: a script has to see to that itself.
UNSET = ("CITYSCAPES_DATASET", "TF_CPP_MIN_LOG_LEVEL", "KERAS_BACKEND")


def run_script(script, *arguments, **variables):
    """Run `script` of the repository with environment `variables`, no data set among them unless given.

    Returns:
        subprocess.CompletedProcess with returncode, stdout and stderr.
    """
    environment = {name: value for name, value in os.environ.items() if name not in UNSET}
    environment |= {name: str(value) for name, value in variables.items()}
    command = [sys.executable, str(REPO / script), *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
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
