"""The network that CONTRIBUTING.md adds trains, resumes, scores, predicts, exports and is benchmarked.

With weights of the original in docs/adding-a-model.md it gives the original's logits.
"""

import os
import re
import shutil
import subprocess
import sys
import types

import pytest

from models import networks
from tiny import REPO, tiny_dataset

DIFF = re.search(r"```diff\n(.*?)```", (REPO / "CONTRIBUTING.md").read_text(), re.DOTALL)[1]
ROOMS = ("benchmarks", "common", "data", "deploy", "evaluation", "inference", "models", "training")
# in one process, which imports TensorFlow once
PROGRAM = """
import runpy, sys
from glob import glob

def call(script, *words):
    sys.argv = [script, *words]
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as ended:
        assert not ended.code, f"{sys.argv}: {ended.code}"

data = ("-p", "town", "-t", "32,64")
call("train.py", "-m", "three_layers", *data, "-b", "2", "-e", "1", "--logs", "logs")
(run,) = glob("logs/three_layers/*")
call("train.py", "--resume", run, "-e", "2", "-p", "town")
call("evaluate.py", "-w", run, *data, "-r", "scores")
call("predict.py", "-w", run, *data, "-r", "predictions")
call("convert_to_onnx.py", "-w", run, "-o", "toy.onnx")
call("benchmark.py", "summary", "-m", "three_layers", "-t", "64,128")
call("benchmark.py", "inference", "-w", "toy.onnx", "--runtimes", "onnx", "--turns", "3", "--seconds", "0.01")
"""


@pytest.mark.slow
def test_the_diff_is_the_whole_of_it(tmp_path):
    for name in (*ROOMS, "tests/support/cases.py", *(path.name for path in REPO.glob("*.py"))):
        copy = shutil.copytree if (REPO / name).is_dir() else shutil.copy
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        copy(REPO / name, tmp_path / name)
    subprocess.run(["git", "apply", "--unsafe-paths", "-"], input=DIFF, text=True, cwd=tmp_path, check=True)
    assert len(DIFF.splitlines()) <= 50  # one screen
    tiny_dataset(tmp_path / "town", train=4, val=2, size=(32, 64))
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    log = (next((tmp_path / "logs" / "three_layers").iterdir()) / "csv" / "log.csv").read_text()
    assert len(log.splitlines()) == 3  # a heading and two epochs
    assert len(list((tmp_path / "predictions" / "labelIds").rglob("*.png"))) == 2
    assert (tmp_path / "scores" / "scores.json").is_file() and (tmp_path / "toy.onnx").is_file()


def test_the_original_of_the_guide_gives_the_same_logits(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    guide = (REPO / "docs" / "adding-a-model.md").read_text()
    added = re.search(r"three_layers\.py\n@@.*?\n(.*?)^---", DIFF, re.DOTALL | re.MULTILINE)[1]
    module = types.ModuleType("models.networks.three_layers")
    exec("\n".join(line[1:] for line in added.splitlines()), module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(networks, "three_layers", module, raising=False)
    told = {}
    exec("\n".join(re.findall(r"```python\n(.*?)```", guide, re.DOTALL)), told)
    assert told["difference"] < 1e-5
