"""Many runs from one file."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import train
from common.errors import UserError
from runs import train_here
from tiny import REPO, tiny_dataset
from training import command_line, sweep

FILE = """
[common]
model = "toy"
image-size = "32,64"
batch = 2
epochs = 1

[[run]]
name = "plain"
seed = [0, 1]

[[run]]
name = "wide"
width = 24
flip = false
"""
# train.py that knows the toy network
SCRIPT = f"""
import sys
sys.path[:0] = [{str(REPO)!r}, {str(REPO / "tests" / "support")!r}]
import toy
toy.register()
import train
from common import cli
cli.run(train.main)
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "few.toml"
    path.write_text(FILE)
    return path


def test_lists_are_multiplied_and_names_tell_which(file):
    runs = sweep.read(file)
    assert [run.name for run in runs] == ["plain-seed0", "plain-seed1", "wide"]
    assert runs[1].words == ("--model", "toy", "--image-size", "32,64", "--batch", "2", "--epochs", "1",
                             "--seed", "1")  # fmt: skip
    assert runs[2].words[-3:] == ("--width", "24", "--no-flip") and runs[2].job == "few:wide"


def test_runs_are_chosen_by_number_name_and_model(file):
    runs = sweep.read(file)
    assert sweep.chosen(runs, None) == runs == sweep.chosen(runs, "toy")
    assert sweep.chosen(runs, "2") == sweep.chosen(runs, "wide") == runs[2:]
    with pytest.raises(UserError, match="`only` 3 is no run of the sweep; there are 0 to 2: plain-seed0"):
        sweep.chosen(runs, "3")


def test_other_options_are_for_all_runs():
    words = ["-p", "town", "--sweep", "a.toml", "-b", "2", "--only", "wide", "--sweep=b.toml"]
    assert sweep.words_of_others(words) == ["-p", "town", "-b", "2"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("run = ", "cannot read the sweep file"),
        ("[common]\nmodel = 'toy'", r"needs tables \[\[run\]\]"),
        ("[[run]]\nmodel = 'toy'", 'needs its name = "NAME"'),
        ("[[run]]\nname = 'a'", "run 'a' needs its model"),
        ("[[run]]\nname = 'a'\nmodel = 'toy'\nseed = []", "run 'a' has no value of seed; fill the list"),
        ("[[run]]\nname = 'a'\nmodel = 'toy'\n[[run]]\nname = 'a'\nmodel = 'toy'", "two runs 'a'"),
    ],
)
def test_mistakes_in_a_file_are_one_line(tmp_path, content, message):
    (tmp_path / "a.toml").write_text(content)
    with pytest.raises(UserError, match=message):
        sweep.read(tmp_path / "a.toml")


def test_a_mistake_in_one_run_is_told_before_any_is_trained(file, tmp_path):
    file.write_text(FILE + '\n[[run]]\nname = "odd"\nspeed = 3\n')
    with pytest.raises(UserError, match="run 'odd': unrecognized arguments: --speed 3"):
        train_here("--sweep", file, "-p", tmp_path, "--logs", tmp_path)
    with pytest.raises(UserError, match="--only chooses a run of a sweep; add --sweep"):
        train_here("--only", "wide")


def test_a_runs_length_replaces_the_common_one_in_other_units(file):
    file.write_text(FILE + '\n[[run]]\nname = "long"\nsteps = 30\n')
    words = {run.name: " ".join(run.words) for run in sweep.read(file)}
    assert "--steps 30" in words["long"] and "--epochs" not in words["long"]
    assert "--epochs 1" in words["wide"]


def test_runs_go_on_by_their_own_names(file):
    (run, *_) = sweep.read(file)
    assert train.read_run(file, run, ["-p", "town", "--job", "slurm-7_0"]).job == run.job
    with pytest.raises(UserError, match="--resume goes on with one run; leave it out"):
        train_here("--sweep", file, "--resume")


@pytest.mark.parametrize(
    ("given", "length"), [((), (1, None)), (("-e", 4), (4, None)), (("--steps", 9), (None, 9))]
)
def test_a_length_on_the_command_line_replaces_that_of_the_file(file, given, length):
    words = list(map(str, ("--sweep", file, "--only", "wide", *given)))
    options, _ = train.of_sweep(command_line.arguments("", words), words)
    assert (options.epochs, options.steps) == length and options.width == 24


def test_several_processes_train_one_run(file, monkeypatch):
    monkeypatch.setattr(train, "launched", lambda: ("horovodrun", 2))
    with pytest.raises(UserError, match="started 2 processes, for one run: name it with --only"):
        train_here("--sweep", file)


@pytest.mark.parametrize(("statuses", "status", "started"), [((0, 1), 1, 2), ((75, 0), 75, 1)])
def test_an_interruption_ends_a_sweep_and_a_failure_does_not(
    file, tmp_path, capsys, statuses, status, started
):
    """A script in place of train.py, which ends with one status after the other."""
    script, runs = tmp_path / "script.py", sweep.read(file)[:2]
    script.write_text(
        "import sys\nfrom pathlib import Path\n"
        f"log = Path({str(tmp_path / 'log')!r})\n"
        "before = log.read_text().splitlines() if log.exists() else []\n"
        "log.write_text('\\n'.join([*before, ' '.join(sys.argv[1:])]))\n"
        f"sys.exit({statuses}[len(before)])\n"
    )
    assert sweep.run_all(str(script), file, runs, ["-p", "town"], tmp_path / "logs") == status
    called = (tmp_path / "log").read_text().splitlines()
    assert called == [f"--sweep {file} --only plain-seed{number} -p town" for number in range(started)]
    printed = capsys.readouterr()
    if status == 1:
        assert printed.out.count("no validated epoch") == 2
    else:
        assert "the same command goes on with this run" in printed.err


@pytest.mark.slow
def test_a_sweep_that_is_started_again_goes_on(file, tmp_path):
    town = tiny_dataset(tmp_path / "town", train=4, val=2, size=(32, 64))
    script, logs = tmp_path / "train.py", tmp_path / "logs"
    script.write_text(SCRIPT)
    words = [sys.executable, script, "--sweep", file, "-p", town, "--logs", logs]
    options = {"capture_output": True, "text": True, "env": os.environ | {"PYTHONPATH": str(REPO)}}
    first = subprocess.run([*words, "--only", "wide"], check=True, **options)
    assert "run folder" in first.stdout and len(list(logs.glob("toy/*"))) == 1
    done = subprocess.run(words, check=True, **options)
    assert len(list(logs.glob("toy/*"))) == 3 and "[3/3] wide" in done.stdout
    rows = [line.split() for line in done.stdout.splitlines()[-3:]]
    assert [row[0] for row in rows] == ["plain-seed0", "plain-seed1", "wide"]
    for name, best, _, _, epochs, folder in rows:
        assert 0 <= float(best) <= 1 and epochs == "1" and Path(folder).is_dir(), name


@pytest.mark.parametrize("path", sorted((REPO / "training" / "sweeps").glob("*.toml")), ids=lambda p: p.stem)
def test_the_files_that_come_along_are_sound(path):
    for run in sweep.read(path):
        assert train.read_run(path, run, ["-p", "town"]).job == run.job
