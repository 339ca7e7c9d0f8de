"""Several ranks on this machine, as a user starts them."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tiny import REPO


def require_horovod() -> None:
    """Skip the test where Horovod is not installed."""
    if not importlib.util.find_spec("horovod"):
        pytest.skip("Horovod is not installed: make horovod")


def command_of(number: int, *words) -> list[str]:
    """A Python program of the repository on so many ranks under horovodrun, by Gloo."""
    require_horovod()
    launcher = Path(sys.executable).with_name("horovodrun")
    return [str(word) for word in (launcher, "--gloo", "-np", number, sys.executable, *words)]


def launch(number: int, *words, timeout: float = 400) -> subprocess.CompletedProcess:
    """Run such a program to its end."""
    return subprocess.run(
        command_of(number, *words),
        cwd=REPO,
        env=os.environ | {"PYTHONPATH": f"{REPO}:{REPO / 'tests'}"},
        capture_output=True,
        text=True,
        timeout=timeout,
    )
