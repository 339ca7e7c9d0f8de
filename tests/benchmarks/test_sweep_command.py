"""Sweep files as a user runs them: multiplied, one at a time, stopped and gone on with."""

import resource
import subprocess
import sys

import pytest

import toy
from benchmarks import record, sweep_command
from models import registry
from processes import assert_one_line_error, run_script
from tiny import REPO

TWO = """
[[sweep]]
benchmark = "summary"
model = "fastscnn"
target-size = ["32,64", "64,128"]
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "two.toml"
    path.write_text(TWO)
    return path


def test_lists_are_multiplied(tmp_path):
    path = tmp_path / "many.toml"
    path.write_text(
        '[[sweep]]\nbenchmark = "inference"\nmodel = ["unet", "fastscnn"]\nbatch = [1, 2]\nseconds = 0.5\n'
        'runtimes = ["keras", "onnx"]\nbatch-back-off = true\nprecision = "float32"\n'
        '[[sweep]]\nbenchmark = "summary"\nlayers = false\n'
    )
    *first, last = sweep_command.read(path)
    assert last == ["summary"]
    common = ["--seconds", "0.5", "--runtimes", "keras,onnx", "--batch-back-off", "--precision", "float32"]
    assert first == [
        ["inference", "--model", model, "--batch", batch, *common]
        for model in ("unet", "fastscnn")
        for batch in ("1", "2")
    ]


@pytest.mark.parametrize(
    "path", sorted((REPO / "benchmarks" / "sweeps").glob("*.toml")), ids=lambda p: p.stem
)
def test_committed_sweeps_are_sound(path):
    done = run_script("benchmark.py", "sweep", path, "--count")
    assert done.returncode == 0, done.stderr
    assert (
        int(done.stdout)
        == len(sweep_command.read(path))
        >= len(set(registry.names(refining=False)) - {toy.NAME})
    )


@pytest.mark.slow
def test_a_sweep_goes_on_where_it_stopped(file, tmp_path):
    folder = tmp_path / "records"
    one = run_script("benchmark.py", "sweep", file, "--only", 1, "--save", folder)
    assert one.returncode == 0 and "[2/2] benchmark.py summary" in one.stdout
    assert [found["settings"]["size"] for found in record.read_folder(folder)[0]] == [[64, 128]]
    rest = run_script("benchmark.py", "sweep", file, "--save", folder)
    assert rest.returncode == 0 and rest.stdout.count("measured already") == 1
    assert len(record.read_folder(folder)[0]) == 2
    again = run_script("benchmark.py", "sweep", file, "--save", folder)
    assert again.stdout.count("measured already") == 2 and len(record.read_folder(folder)[0]) == 2


@pytest.mark.slow
def test_one_that_does_not_fit_is_recorded_and_the_sweep_goes_on(tmp_path):
    """40 GB of images in 8 GB of address space."""

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (2**33, 2**33))

    path, folder = tmp_path / "large.toml", tmp_path / "records"
    path.write_text(
        '[[sweep]]\nbenchmark = "train"\nmodel = "unet"\nwidth = 4\ntarget-size = "256,512"\nbatch = 100000\n'
        '[[sweep]]\nbenchmark = "summary"\nmodel = "unet"\ntarget-size = "32,64"\n'
    )
    done = subprocess.run(
        [sys.executable, REPO / "benchmark.py", "sweep", path, "--save", folder],
        preexec_fn=limit,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    (summary, train), _ = record.read_folder(folder)
    assert train["results"] == {"failed": "out of memory", "mistake": False}
    assert summary["results"]["models"][0]["model"] == "unet"


@pytest.mark.parametrize(
    "text, message",
    [
        ("{}", "is no TOML"),
        ("a = 1", "it needs tables [[sweep]]"),
        ("[[sweep]]\nmodel = 'unet'", "needs its benchmark"),
        ("[[sweep]]\nbenchmark = 'coffee'", "configuration 0: argument BENCHMARK: invalid choice: 'coffee'"),
        ("[[sweep]]\nbenchmark = 'train'\nmodel = ['unet', 'vgg']", "configuration 1: argument -m/--model"),
        ("[[sweep]]\nbenchmark = 'summary'\nturns = 3", "configuration 0: unrecognized arguments: --turns 3"),
        (TWO, "two.toml has configurations 0 to 1"),
    ],
)
def test_mistakes_are_one_line(file, text, message):
    file.write_text(text)
    assert_one_line_error(run_script("benchmark.py", "sweep", file, "--only", 9), message)


def test_a_file_that_is_missing_is_named():
    assert_one_line_error(
        run_script("benchmark.py", "sweep", "/nowhere.toml"), "cannot read", "/nowhere.toml"
    )
