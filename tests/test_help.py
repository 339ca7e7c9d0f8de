"""Every script, and every subcommand of one, answers `--help` at once."""

import re
import resource

import pytest

from processes import run_script
from tiny import REPO

SLOW_MODULES = {"tensorflow", "keras", "numpy", "cv2"}
SCRIPTS = sorted(path.name for path in REPO.glob("*.py") if "cli.run(main)" in path.read_text())


def commands(script):
    """The bare script, then each subcommand, as the script lists them to someone who mistypes one."""
    mistake = run_script(script, "nonsense").stderr
    listed = re.search(r"invalid choice: 'nonsense' \(choose from (.*?)\)", mistake)
    return [[], *([name.strip("' ")] for name in (listed[1].split(",") if listed else []))]


def children_seconds():
    """Processor time of this process's children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_the_scripts_are_found():
    assert {"benchmark.py", "evaluate.py", "predict.py", "prepare_data.py", "train.py"} <= set(SCRIPTS)
    assert ["verify"] in commands("prepare_data.py") and ["scores"] in commands("benchmark.py")
    assert commands("train.py") == [[]]


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_answers_at_once(script):
    for command in commands(script):
        before = children_seconds()
        done = run_script(script, *command, "--help", fresh=True)
        assert children_seconds() - before < 0.5  # of a processor, however busy
        assert done.returncode == 0 and done.stderr == ""
        assert done.stdout.startswith(" ".join([f"usage: {script}", *command]))


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_imports_nothing_slow(script):
    for command in commands(script):
        report = run_script(script, *command, "--help", PYTHONPROFILEIMPORTTIME=1).stderr
        imported = set(re.findall(r"\|\s*(\w+)[\w.]*$", report, re.MULTILINE))
        assert "argparse" in imported
        assert not SLOW_MODULES & imported
