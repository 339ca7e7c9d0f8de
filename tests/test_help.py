"""Every script, and every subcommand of one, answers `--help` without importing what is slow."""

import re

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
def test_help_answers_and_imports_nothing_slow(script):
    for command in commands(script):
        done = run_script(script, *command, "--help", fresh=True, PYTHONPROFILEIMPORTTIME=1)
        assert done.returncode == 0 and done.stdout.startswith(" ".join([f"usage: {script}", *command]))
        assert all(line.startswith("import time:") for line in done.stderr.splitlines())
        imported = set(re.findall(r"\|\s*(\w+)[\w.]*$", done.stderr, re.MULTILINE))
        assert "argparse" in imported
        assert not SLOW_MODULES & imported
