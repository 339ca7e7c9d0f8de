"""What docs/jetson.md has copied to a Jetson needs NumPy and OpenCV alone, and Python 3.8."""

import ast
import builtins
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from processes import assert_one_line_error
from tiny import REPO

COPIED = re.search(
    r"^rsync -aR (.*?) xavier:", (REPO / "docs/jetson.md").read_text(), re.DOTALL | re.MULTILINE
)
NAMES = COPIED[1].replace("\\\n", " ").split()
VERSION = ["-c", "import sys; print(sys.version_info[:2])"]


@pytest.fixture(scope="module")
def jetson(tmp_path_factory):
    """A folder with nothing but the files that are copied, and an ONNX file."""
    folder = tmp_path_factory.mktemp("jetson")
    for name in NAMES:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (REPO / name).is_dir() else shutil.copy
        copy(REPO / name, target)
    (folder / "net.onnx").write_bytes(b"graph")
    return folder


def this_python(folder: Path) -> Path:
    """A virtual environment with the two packages of this one, and no other."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=60)
    (site,) = folder.glob("lib/python*/site-packages")
    for package in (np, cv2):
        source = Path(package.__file__).parent
        beside = (f"{source.name}.libs", "opencv*.libs")
        for path in (source, *(found for name in beside for found in source.parent.glob(name))):
            if not (site / path.name).exists():
                os.symlink(path, site / path.name)
    return folder / "bin" / "python"


def python_3_8(folder: Path) -> Path:
    """A virtual environment of Python 3.8 with the two packages as docs/jetson.md has them installed."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for found in (shutil.which("python3.8"), *sorted(pyenv.glob("3.8*/bin/python"))):
        if found and subprocess.run([found, *VERSION], capture_output=True, check=False).returncode == 0:
            break
    else:
        pytest.skip("no Python 3.8 here")
    subprocess.run([found, "-m", "venv", folder], check=True, timeout=60)
    pip = [folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    done = subprocess.run(
        [*pip, "numpy", "opencv-python-headless<4.11"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"pip installs nothing here: {done.stderr.strip().splitlines()[-1]}")
    return folder / "bin" / "python"


@pytest.fixture(scope="module", params=[this_python, pytest.param(python_3_8, marks=pytest.mark.slow)])
def run(request, jetson, tmp_path_factory):
    """Runs Python of such an environment in the folder; returns the completed process."""
    python = request.param(tmp_path_factory.mktemp("bare") / "venv")

    def start(*arguments):
        return subprocess.run(
            [python, *map(str, arguments)],
            cwd=jetson,
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return start


def test_nothing_else_is_there(run):
    for name in ("tensorflow", "keras", "onnx", "onnxruntime", "h5py"):
        assert run("-c", f"import {name}").returncode == 1
    assert run("-c", "import numpy, cv2").returncode == 0


def test_every_module_can_be_imported(run, jetson):
    rooms = ("common", "deploy/tensorrt", "inference/tensorrt")
    modules = [
        f"{room.replace('/', '.')}.{path.stem}" for room in rooms for path in (jetson / room).glob("*.py")
    ]
    assert {"inference.tensorrt.runtime", "deploy.tensorrt.calibration", "common.files"} <= set(modules)
    done = run("-c", f"import convert_to_onnx, {', '.join(sorted(modules))}")
    assert done.returncode == 0, done.stderr


def test_the_command_says_what_to_install_and_what_trtexec_would_do(run):
    done = run("convert_to_onnx.py", "--tensorrt", "--onnx", "net.onnx", "--fp16", "--dla-core", "0")
    assert_one_line_error(done, "no TensorRT here", "python3-libnvinfer")
    assert done.stdout.startswith("the same by TensorRT's own tool: trtexec --onnx=net.onnx ")
    assert " --fp16 --useDLACore=0 --allowGPUFallback " in done.stdout
    done = run("convert_to_onnx.py", "--tensorrt", "--onnx", "no.onnx")
    assert_one_line_error(done, "no ONNX file at no.onnx")


def test_help_and_converting_answer(run):
    assert run("convert_to_onnx.py", "--help").returncode == 0
    assert_one_line_error(
        run("convert_to_onnx.py", "-w", "run"), "needs onnx, onnxruntime, tf2onnx, tensorflow"
    )


def test_calibration_images_are_read(run, jetson):
    code = (
        "import cv2, numpy, pathlib; from deploy.tensorrt.calibration import arranged; "
        "cv2.imwrite('a.png', numpy.full((8, 8, 3), (1, 2, 3), 'uint8')); "
        "print(arranged(pathlib.Path('a.png'), (1, 3, 4, 4), 'float32')[0, :, 0, 0].tolist())"
    )
    assert run("-c", code).stdout.strip() == "[3.0, 2.0, 1.0]"


def test_logits_are_resized_before_the_arg_max(run):
    code = (
        "import numpy; from inference.resizing import labels_at; "
        "scores = numpy.array([[[3, 0], [0, 1]]], 'float32'); print(labels_at(scores, (1, 4)).tolist())"
    )
    assert run("-c", code).stdout.strip() == "[[0, 0, 0, 1]]"  # 3, 2.25, 0.75, 0 against 0, 0.25, 0.75, 1


def test_the_syntax_is_that_of_python_3_8(jetson):
    """And no annotation of a later one is evaluated."""
    files = [path for path in jetson.glob("**/*.py") if "__pycache__" not in path.parts]
    assert len(files) >= 15
    for path in files:
        tree = ast.parse(path.read_text(), str(path), feature_version=(3, 8))
        later = any(needs_a_later_python(annotation) for annotation in annotations(tree))
        assert not later or "from __future__ import annotations" in path.read_text(), path


def annotations(tree: ast.AST) -> Iterator[ast.AST]:
    """Those of variables, arguments and results."""
    for node in ast.walk(tree):
        of_node = (getattr(node, "annotation", None), getattr(node, "returns", None))
        yield from (annotation for annotation in of_node if annotation)


def needs_a_later_python(annotation: ast.AST) -> bool:
    """`int | None` needs Python 3.10, and `list[int]` 3.9."""
    parts = list(ast.walk(annotation))
    union = any(isinstance(part, ast.BinOp) for part in parts)
    names = [part.value.id for part in parts if isinstance(part, ast.Subscript) and hasattr(part.value, "id")]
    return union or any(hasattr(builtins, name) for name in names)


def test_later_annotations_are_recognised():
    """A `|` between two flags is none."""
    code = "def f(x: {}) -> None:\n    return os.R_OK | os.W_OK"
    found = {
        form: any(map(needs_a_later_python, annotations(ast.parse(code.format(form)))))
        for form in ("int", "int | None", "list[int]", "Tuple[int]", "Dict[str, list[int]]")
    }
    assert found == {
        "int": False,
        "int | None": True,
        "list[int]": True,
        "Tuple[int]": False,
        "Dict[str, list[int]]": True,
    }
