"""Every command of README and docs/commands.md runs, and README's Python; `make` is run by people and CI."""

import importlib.util
import re
import shlex
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from processes import run_script
from tiny import REPO, tiny_dataset

COSTLY = "some fifty commands, each as a user types it"

TEXTS = [(REPO / name).read_text() for name in ("README.md", "docs/commands.md")]
BLOCKS = [block for text in TEXTS for block in re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)]
LINES = list(dict.fromkeys(line.split("#")[0].strip() for block in BLOCKS for line in block.splitlines()))
COMMANDS = [line for line in LINES if line.startswith("python ")]
(PYTHON,) = re.findall(r"```python\n(.*?)```", TEXTS[0], flags=re.DOTALL)
SINET = "SINet.pth" if importlib.util.find_spec("torch") else "SINet.safetensors"  # .pth needs .[torch]
SMALL = {  # options to append; the last of an option's values counts
    "train.py": "-t 64,128 -b 2 -e 1",
    "train.py --resume": "-e 2",
    "train.py --backbone": "-t 64,128 -b 2 -e 1 --backbone mobilenetv2",
    "train.py --remat": "-t 64,128 -b 2 -e 1 --width 4",
    "train.py -f": "-t 64,128 -b 2",
    "train.py --doctor": "",
    "convert_weights.py": "--size 64,128",
    "convert_weights.py --list": "",
    "convert_to_onnx.py --int8": "--min-agreement 0",
    "benchmark.py train-step": "-m toy -t 64,128 --rounds 1",
    "benchmark.py train": "-m toy -t 32,64 --turns 3 --seconds 0.05",
    "benchmark.py sweep": "--count",
    "benchmark.py scaling": "-m toy -t 64,128 --ranks 1 --rounds 3 --seconds 0.05",
    "benchmark.py inference": "-m toy -t 64,128 --turns 3 --seconds 0.05",
    "benchmark.py pipeline": "-t 64,128 --rounds 1 --pictures 4",
    "benchmark.py video": "-t 64,128 --frames 10 --rounds 1",
    "benchmark.py summary": "-t 64,128 -m toy",
    "benchmark.py summary --all": "-t 64,128 --encoder resnet18",
    "benchmark.py scores": "--size 64,128 --rounds 1 --pictures 1",
}


def test_the_other_lines_are_known():
    assert {line for line in LINES if line and line not in COMMANDS} == {
        "make benchmark",
        "make demo",
        "make test",
        "make horovod",
        "horovodrun -np 8 python train.py -m fastscnn --mixed-precision",
        "sbatch slurm/train.sh -m fastscnn --mixed-precision",
        "sbatch --array=0-20 slurm/train.sh --mixed-precision",
        "source .venv/bin/activate",
        "export CITYSCAPES_DATASET=/data/cityscapes",
        "pip install -c constraints.txt -e .[torch]",
    }


def test_readme_is_short():
    assert len(TEXTS[0].splitlines()) <= 120


@pytest.mark.slow
def test_the_lines_of_python_run_as_they_are_written(tmp_path, monkeypatch):
    of_pytorch(tmp_path / SINET, "sinet")
    cv2.imwrite(str(tmp_path / "street.png"), np.zeros((64, 128, 3), np.uint8))
    monkeypatch.chdir(tmp_path)
    exec(compile(PYTHON.replace("SINet.pth", SINET), "README.md", "exec"), {})
    assert cv2.imread("classes.png").shape == (512, 1024, 3)


def whole_cityscapes(root):
    """A tiny data set with coarse labels and a test split as well."""
    tiny_dataset(root, train=3, val=2)
    shutil.copytree(root / "leftImg8bit" / "val", root / "leftImg8bit" / "test")
    for label in root.glob("gtFine/*/*/*_labelIds.png"):
        coarse = Path(str(label).replace("gtFine", "gtCoarse"))
        coarse.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(label, coarse)


def of_pytorch(path, model, **options):
    """A file as PyTorch's packages and authors write one, of fresh weights."""
    import models
    from models.weights import native, torch_export

    network = models.build(model, (64, 128, 3), 19, **options)
    origin = native.Origin(model, 19, (64, 128), options)
    torch_export.write(path, torch_export.export(network, origin))


@pytest.mark.slow
def test_every_command_runs(tmp_path):
    data = tmp_path / "cityscapes"
    whole_cityscapes(data)
    of_pytorch(tmp_path / "segformer.safetensors", "segformer", encoder="mit_b0", preset="hub")
    of_pytorch(tmp_path / SINET, "sinet")
    cv2.imwrite(str(tmp_path / "street.png"), np.zeros((64, 128, 3), np.uint8))
    for command in COMMANDS:
        _, script, *arguments = shlex.split(command)
        # the only trained model here, which has dropout as well
        arguments = [re.sub("fastscnn|bayes_segnet", "toy", word) for word in arguments]
        arguments = [word.replace("SINet.pth", SINET) for word in arguments]
        runs = sorted(tmp_path.glob("logs/toy/*"))
        arguments = [word.replace("RUN", runs[0].name) if "RUN" in word else word for word in arguments]
        arguments = [
            word.replace("$CITYSCAPES_DATASET", str(data)).replace(
                "benchmarks/sweeps", str(REPO / "benchmarks" / "sweeps")
            )
            for word in arguments
        ]
        words = [script, *arguments]
        fitting = [name for name in SMALL if set(name.split()) <= set(words)]
        arguments += SMALL[fitting[-1]].split() if fitting else []
        done = run_script(script, *arguments, folder=tmp_path, CITYSCAPES_DATASET=data)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def test_the_commands_are_those_of_every_script():
    assert {shlex.split(command)[1] for command in COMMANDS} >= {
        "train.py",
        "predict.py",
        "evaluate.py",
        "prepare_data.py",
        "benchmark.py",
    }
