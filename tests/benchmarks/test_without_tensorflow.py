"""inference, train and summary without TensorFlow, OpenCV and imagecodecs, in real processes."""

import importlib.util

import pytest

from benchmarks import record
from blocked import without
from processes import assert_one_line_error, run_script

pytestmark = pytest.mark.slow

SMALL = ["-m", "unet", "--width", 4, "-t", "32,64"]
QUICK = ["--turns", 3, "--seconds", 0.05]
MEASURED = {  # XLA takes twenty seconds for a training step of a real network
    "inference": ["benchmark.py", "inference", *SMALL, *QUICK],
    "train": ["tests/support/with_toy.py", "benchmark.py", "train", "-m", "toy", "-t", "32,64", *QUICK],
}


@pytest.fixture(params=["jax", "torch"])
def machine(request, tmp_path):
    """A backend, and the variables of a machine with nothing else."""
    if not importlib.util.find_spec(request.param):
        pytest.skip(f"{request.param} is not installed: pip install -c constraints.txt -e .[backends]")
    others = {"jax": "torch", "torch": "jax"}[request.param]
    blocked = without(tmp_path / "blocked", "tensorflow", "cv2", "imagecodecs", "onnxruntime", others)
    return request.param, blocked | {"OMP_NUM_THREADS": 1}


@pytest.mark.slow
@pytest.mark.parametrize("benchmark", MEASURED)
def test_it_measures(benchmark, machine, tmp_path):
    backend, variables = machine
    words = [*MEASURED[benchmark], "--backend", backend, "--save", tmp_path / "out"]
    done = run_script(*words, **variables)
    assert done.returncode == 0, done.stderr
    ((found,), left_out) = record.read_folder(tmp_path / "out")
    assert left_out == [] and found["settings"]["backend"] == backend
    results = found["results"]
    assert (results["runtimes"]["keras"] if benchmark == "inference" else results)["calls"] >= 3


def test_summary(machine, tmp_path):
    backend, variables = machine
    words = ["summary", *SMALL, "--save", tmp_path / "out"]
    done = run_script("benchmark.py", *words, KERAS_BACKEND=backend, **variables)
    assert done.returncode == 0, done.stderr
    ((found,), _) = record.read_folder(tmp_path / "out")
    assert found["results"]["models"][0]["parameters"] > 1000


def test_a_backend_that_is_missing_is_told_in_one_line(machine):
    _, variables = machine
    for benchmark in MEASURED:
        done = run_script("benchmark.py", benchmark, *SMALL, "--backend", "tensorflow", **variables)
        assert_one_line_error(done, "nothing was measured", "no backend 'tensorflow' here")
