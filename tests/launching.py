"""Several processes of this machine under horovodrun."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tiny import REPO


def command_of(number, *words):
    """A command on several ranks of this machine."""
    if not importlib.util.find_spec("horovod"):
        pytest.skip("Horovod is not installed: make horovod")
    launcher = str(Path(sys.executable).with_name("horovodrun"))
    return [launcher, "--gloo", "-np", str(number), sys.executable, *map(str, words)]


def launch(number, *words):
    """Run such a command to its end."""
    environment = os.environ | {"PYTHONPATH": f"{REPO}:{REPO / 'tests'}"}
    return subprocess.run(
        command_of(number, *words), cwd=REPO, env=environment, capture_output=True, text=True, timeout=400
    )
