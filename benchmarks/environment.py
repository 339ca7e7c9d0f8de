"""The machine and the software that a figure was measured with."""

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

PACKAGES = (
    "tensorflow",
    "keras",
    "onnx",
    "onnxruntime",
    "onnxruntime-gpu",
    "tf2onnx",
    "tensorrt",
    "numpy",
    "opencv-python-headless",
    "imagecodecs",
    "cityscapesscripts",
    "horovod",
    "jax",
    "torch",
    "nvidia-cuda-runtime-cu12",
    "nvidia-cudnn-cu12",
    "nvidia-nccl-cu12",
)
CPU_FEATURES = (
    "avx2",
    "avx512f",
    "avx_vnni",
    "avx512_vnni",
    "avx512_bf16",
    "amx_int8",
    "amx_bf16",
    "asimddp",
)
THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
GPU = "name,driver_version,memory.total,clocks.sm,clocks.max.sm,power.limit,temperature.gpu"
ROOT = Path(__file__).parent.parent


def environment() -> dict:
    """CPU, GPUs, threads, load, power mode, versions and git state, as plain values.

    GPUs are lines of nvidia-smi (`GPU`); a Jetson's clocks and watts follow from `power_mode`.
    """
    return {
        "host": platform.node(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "cpu": cpu_name(),
        "cpu_features": cpu_features(),
        "cpus": len(os.sched_getaffinity(0)),
        "threads": {name: os.environ[name] for name in THREADS if name in os.environ},
        "load": os.getloadavg()[0],
        "gpus": _lines("nvidia-smi", f"--query-gpu={GPU}", "--format=csv,noheader"),
        "power_mode": _lines("nvpmodel", "-q"),
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


def cpu_features() -> list[str]:
    """Which of the instructions that decide the speed of networks the processor has."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []
    flags = next((line.split(":")[1].split() for line in lines if line.startswith(("flags", "Features"))), [])
    return [name for name in CPU_FEATURES if name in flags]


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
