"""The machine and the software that a figure was measured with."""

import hashlib
import os
import platform
import select
import subprocess
from pathlib import Path

from common import libraries

PACKAGES = (
    "tensorflow",
    "keras",
    "onnx",
    "onnxruntime",
    "onnxruntime-gpu",
    "tf2onnx",
    "openvino",
    "tensorrt",
    "numpy",
    "opencv-python-headless",
    "imagecodecs",
    "cityscapesscripts",
    "horovod",
    "jax",
    "jaxlib",
    "torch",
    "torchvision",
    "segmentation-models-pytorch",
    "timm",
    "transformers",
    "mmsegmentation",
    "triton",
    "nvidia-cuda-runtime",
    "nvidia-cuda-runtime-cu12",
    "nvidia-cudnn-cu12",
    "nvidia-cudnn-cu13",
    "nvidia-nccl-cu12",
    "nvidia-nccl-cu13",
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
SECONDS_TO_ANSWER = 10
THREADS = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
GPU = "name,driver_version,memory.total,clocks.sm,clocks.max.sm,power.limit,temperature.gpu"
ROOT = Path(__file__).parent.parent


def environment() -> dict:
    """CPU, GPUs, threads, load, clocks, temperatures, power mode, versions and git state, as plain values.

    GPUs are lines of nvidia-smi (`GPU`); a Jetson's are told by `power_mode` and `tegrastats`.
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
        "cpu_clock": cpu_clock(),
        "temperatures": temperatures(),
        "gpus": gpus(),
        "power_mode": lines_of("nvpmodel", "-q"),
        "tegrastats": first_line("tegrastats", "--interval", "100"),
        "packages": versions(),
        "libraries": libraries.versions(),
        "horovod_built_with": libraries.horovod_parts(),
        "git": git_state(),
    }


def gpus() -> list[str]:
    """A line of nvidia-smi on each GPU, of `GPU`'s values now."""
    return lines_of("nvidia-smi", f"--query-gpu={GPU}", "--format=csv,noheader")


def versions() -> dict[str, str]:
    """Versions of the installed packages that matter."""
    import importlib.metadata  # slow, and every --help comes by here

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


def cpu_clock() -> dict:
    """Governor and megahertz of the first processor, where the kernel tells them."""
    folder = Path("/sys/devices/system/cpu/cpu0/cpufreq")
    found = {"governor": _text(folder / "scaling_governor"), "khz": _text(folder / "scaling_cur_freq")}
    values = {"governor": found["governor"], "mhz": int(found["khz"]) / 1000 if found["khz"] else None}
    return {name: value for name, value in values.items() if value}


def temperatures() -> dict[str, float]:
    """Degrees Celsius of the zones that the kernel knows, a Jetson's GPU among them."""
    found = {}
    for zone in sorted(Path("/sys/class/thermal").glob("thermal_zone*")):
        name, value = _text(zone / "type"), _text(zone / "temp")
        if name and value:
            found[f"{zone.name} {name}"] = int(value) / 1000
    return found


def git_state() -> dict:
    """Commit of this checkout, whether files differ from it, and a hash of how; empty outside a checkout."""
    git = ("git", "-C", str(ROOT))
    commit = lines_of(*git, "rev-parse", "HEAD")
    if not commit:
        return {}
    difference = "\n".join(lines_of(*git, "diff", "HEAD", "--binary", "--", ":!benchmarks/results"))
    state = {"commit": commit[0], "dirty": bool(difference)}
    return state | ({"diff": hashlib.sha256(difference.encode()).hexdigest()[:12]} if difference else {})


def first_line(*command: str) -> str | None:
    """The first line of a program that goes on for ever; None where there is none."""
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except OSError:
        return None
    try:
        ready, _, _ = select.select([process.stdout], [], [], SECONDS_TO_ANSWER)
        return process.stdout.readline().decode(errors="replace").strip() or None if ready else None
    finally:
        process.kill()
        process.communicate()


def _text(path: Path) -> str | None:
    try:
        return path.read_text().strip() or None
    except OSError:  # also where a sensor is there but asleep
        return None


def lines_of(*command: str) -> list[str]:
    """What a command prints; nothing where it is missing or fails."""
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=SECONDS_TO_ANSWER, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.splitlines() if done.returncode == 0 else []
