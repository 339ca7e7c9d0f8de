"""Every script, and every subcommand of one, answers `--help` at once."""

import re
import time

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


def test_the_scripts_are_found():
    assert {"benchmark.py", "evaluate.py", "predict.py", "prepare_data.py", "train.py"} <= set(SCRIPTS)
    assert ["verify"] in commands("prepare_data.py") and ["scores"] in commands("benchmark.py")
    assert commands("train.py") == [[]]


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_answers_at_once(script):
    for command in commands(script):
        seconds = []
        for _ in range(3):  # the best of three, because the machine may be busy
            start = time.perf_counter()
            done = run_script(script, *command, "--help", fresh=True)
            seconds.append(time.perf_counter() - start)
        assert done.returncode == 0 and done.stderr == ""
        assert done.stdout.startswith(" ".join([f"usage: {script}", *command]))
        assert min(seconds) < 0.5


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_imports_nothing_slow(script):
    for command in commands(script):
        report = run_script(script, *command, "--help", PYTHONPROFILEIMPORTTIME=1).stderr
        imported = set(re.findall(r"\|\s*(\w+)[\w.]*$", report, re.MULTILINE))
        assert "argparse" in imported
        assert not SLOW_MODULES & imported
