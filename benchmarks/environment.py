"""The machine and the software that a figure was measured with."""

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

PACKAGES = (
    "tensorflow",
    "keras",
    "numpy",
    "opencv-python-headless",
    "imagecodecs",
    "cityscapesscripts",
    "horovod",
    "jax",
    "torch",
)
ROOT = Path(__file__).parent.parent


def environment() -> dict:
    """CPU, GPUs, threads, versions and git state, as plain values."""
    return {
        "host": platform.node(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "cpu": cpu_name(),
        "cpus": len(os.sched_getaffinity(0)),
        "gpus": _lines("nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"),
        "packages": versions(),
        "git": git_state(),
    }


def versions() -> dict[str, str]:
    """Versions of the installed packages that matter."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def cpu_name() -> str:
    """The processor's name, as the kernel tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine()
    )


def git_state() -> dict:
    """Commit of this checkout and whether files differ from it; empty outside a checkout."""
    commit = _lines("git", "-C", str(ROOT), "rev-parse", "HEAD")
    if not commit:
        return {}
    return {
        "commit": commit[0],
        "dirty": bool(_lines("git", "-C", str(ROOT), "status", "--porcelain", "--untracked-files=no")),
    }


def _lines(*command: str) -> list[str]:
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.splitlines() if done.returncode == 0 else []
