"""What engine to build, and how `trtexec` would be told the same."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError

ENGINE = ".engine"


@dataclass(frozen=True)
class Plan:
    """An engine to build from an ONNX file.

    Attributes:
        onnx: the file.
        folder: where the engine goes; None puts it beside the ONNX file.
        fp16: allow float16.
        int8: allow int8, by the file's QuantizeLinear nodes or by a calibration.
        calibration: images to calibrate on, a folder.
        cache: calibration cache, read if it exists, written after a calibration.
        dla: core of the deep learning accelerator; what it cannot do runs on the GPU.
        workspace: most MiB that a layer may use beside its tensors.
        timing_cache: file of measured layers, read if it exists, written afterwards: later builds are faster.
    """

    onnx: Path
    folder: Path | None = None
    fp16: bool = False
    int8: bool = False
    calibration: Path | None = None
    cache: Path | None = None
    dla: int | None = None
    workspace: int = 1024
    timing_cache: Path | None = None

    @property
    def precision(self) -> str:
        """fp32, fp16, int8, or int8-fp16, with the DLA's core: `fp16-dla0`."""
        parts = ["int8"] * self.int8 + ["fp16"] * self.fp16 or ["fp32"]
        return "-".join(parts + ([] if self.dla is None else [f"dla{self.dla}"]))


def require_sound(plan: Plan) -> None:
    """Raise UserError for a file that is no ONNX file, or for options that contradict each other."""
    if not plan.onnx.is_file() or not plan.onnx.stat().st_size:
        raise UserError(f"no ONNX file at {plan.onnx}; convert_to_onnx.py -w RUN writes one")
    if (plan.calibration or plan.cache) and not plan.int8:
        raise UserError("`calibration` and `cache` belong to `int8`; add it or leave them out")
    if plan.dla is not None and not (plan.fp16 or plan.int8):
        raise UserError("the DLA calculates in float16 or int8 only; add `fp16` or `int8`")
    if plan.folder and not plan.folder.is_dir():
        raise UserError(
            f"no folder at {plan.folder}; correct `folder`: the engine's name in it tells GPU and version"
        )
    for path in (plan.cache, plan.timing_cache):  # written after minutes of building
        if path and not path.parent.is_dir():
            raise UserError(f"{path} lies in no folder; make {path.parent} first")
    if plan.calibration and not images(plan.calibration):
        raise UserError(f"no images below {plan.calibration}; correct `calibration`")


def images(folder: Path) -> list[Path]:
    """The images below a folder, sorted."""
    suffixes = (".png", ".jpg", ".jpeg", ".bmp")
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in suffixes)


def engine_path(plan: Plan, gpu: str, version: str) -> Path:
    """Where the engine goes: `fastscnn-1024x2048.fp16.Xavier.trt8.5.2.2.engine`.

    Args:
        plan: what to build.
        gpu: the GPU's name.
        version: of TensorRT.
    """
    name = f"{plan.onnx.stem}.{plan.precision}.{plain(gpu)}.trt{version}{ENGINE}"
    return (plan.folder or plan.onnx.parent) / name


def label_set_path(engine: Path) -> Path:
    """The JSON file beside an engine, which holds no notes itself, that tells which classes it returns."""
    return engine.with_name(f"{engine.name}.label_set.json")


def require_same_machine(path: Path, gpu: str, version: str) -> None:
    """Raise UserError unless an engine's file name names this GPU and version of TensorRT."""
    found = re.search(r"\.([\w-]+)\.trt(\d[\w.]*)\.engine$", path.name)
    if not found:
        raise UserError(
            f"{path} does not name its GPU and version (NAME.GPU.trtVERSION{ENGINE}); build it anew"
        )
    if found.groups() != (plain(gpu), version):
        theirs = f"{found[1]} and TensorRT {found[2]}"
        raise UserError(f"{path} is for {theirs}, this is {plain(gpu)} and TensorRT {version}; build it here")


def dla_core(path: Path) -> int | None:
    """The core of the deep learning accelerator that an engine's file name tells, if it runs on one."""
    found = re.search(r"-dla(\d+)\.[\w-]+\.trt", path.name)
    return int(found[1]) if found else None


def plain(gpu: str) -> str:
    """A GPU's name as part of a file name."""
    return re.sub(r"[^\w]+", "-", gpu).strip("-") or "GPU"


def trtexec(plan: Plan) -> str:
    """The command line of TensorRT's own tool that builds the same engine.

    Write the machine's own for GPU and VERSION in the engine's name.
    """
    words = ["trtexec", f"--onnx={plan.onnx}", f"--saveEngine={engine_path(plan, 'GPU', 'VERSION')}"]
    words += ["--fp16"] * plan.fp16 + ["--int8"] * plan.int8
    words += [f"--calib={plan.cache}"] if plan.cache else []
    if plan.dla is not None:
        words += [f"--useDLACore={plan.dla}", "--allowGPUFallback"]
    words += [f"--memPoolSize=workspace:{plan.workspace}"]
    words += [f"--timingCacheFile={plan.timing_cache}"] if plan.timing_cache else []
    return " ".join(shlex.quote(word) for word in words)
