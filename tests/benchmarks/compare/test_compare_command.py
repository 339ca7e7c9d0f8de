"""`benchmark.py compare`: exit statuses, what is compared, and that sides take turns."""

import sys

import pytest

import reports
from benchmarks.compare import rounds
from common.errors import UserError
from processes import assert_one_line_error, run_script
from tiny import REPO


def folder(path, *records):
    return reports.save(path, records)


def compare(*arguments):
    return run_script("benchmark.py", "compare", *arguments)


def test_a_regression_has_status_1(tmp_path):
    old = folder(tmp_path / "old", reports.inference("unet", {"keras": reports.figures(10)}))
    slow = folder(tmp_path / "slow", reports.inference("unet", {"keras": reports.figures(8)}))
    done = compare(old, slow, "--fail-below", 0.95)
    assert done.returncode == 1 and " 0.800 " in done.stdout and "BELOW" in done.stdout
    assert compare(old, slow).returncode == 0
    assert compare(old, slow, "--fail-below", 0.7).returncode == 0
    assert compare(slow, old, "--fail-below", 0.95).returncode == 0
    single = compare(old / "0.json", slow / "0.json", "--fail-below", 0.95)
    assert single.returncode == 1


def test_noise_is_no_regression(tmp_path):
    old = folder(tmp_path / "old", reports.inference("unet", {"keras": reports.figures(10, noisy=True)}))
    new = folder(tmp_path / "new", reports.inference("unet", {"keras": reports.figures(9, noisy=True)}))
    done = compare(old, new, "--fail-below", 0.95)
    assert done.returncode == 0 and "cannot tell" in done.stdout


def test_a_failure_is_a_regression(tmp_path):
    both = {"keras": reports.figures(10), "onnx": reports.figures(10)}
    old = folder(tmp_path / "old", reports.inference("unet", both))
    new = folder(tmp_path / "new", reports.inference("unet", both | {"onnx": {"failed": "out of memory"}}))
    done = compare(old, new, "--fail-below", 0.5)
    assert done.returncode == 1 and "out of memory" in done.stdout


def test_training_and_several_configurations(tmp_path):
    turns = {"turns": [0.1, 0.11, 0.1, 0.105]}
    old, new = reports.train("unet", 40.0), reports.train("unet", 80.0)
    old["results"] |= turns
    new["results"] |= {"turns": [value / 2 for value in turns["turns"]]}
    rest = [reports.inference("fastscnn", {"keras": reports.figures(rate)}) for rate in (10, 20)]
    first, second = (folder(tmp_path / name, *records) for name, records in zip("ab", zip((old, new), rest)))
    done = compare(first, second)
    assert done.returncode == 0 and "geometric mean of 2" in done.stdout
    assert done.stdout.count(" 2.000 ") == 3


def test_other_devices_have_nothing_in_common(tmp_path):
    runtimes = {"keras": reports.figures(10)}
    one = folder(tmp_path / "one", reports.inference("unet", runtimes))
    fewer = reports.CPU | {"cpus": 2}
    other = folder(tmp_path / "other", reports.inference("unet", runtimes, environment=fewer))
    assert_one_line_error(compare(one, other), "8 cores", "2 cores")


def test_commands_take_turns(tmp_path):
    log = tmp_path / "log"
    pair = [
        f"{sys.executable} -c \"import time; time.sleep({seconds}); open('{log}', 'a').write('{letter}')\""
        for letter, seconds in (("A", 0.05), ("B", 1.0))  # apart on a busy machine as well
    ]
    done = compare("--commands", *pair, "--rounds", 3, "--fail-below", 0.9)
    assert done.returncode == 1, done.stdout + done.stderr
    assert log.read_text() == "AB" + "AB" * 3  # the first of each does not count


def test_commits_take_turns_and_leave_nothing(tmp_path):
    taken = []

    def measure(place, out):
        taken.append(place)
        return {"x": 1.0 + place, "gone": 1.0} if not place else {"x": 2.0}

    outcomes = rounds.in_turns(measure, 3)
    assert taken == [0, 1] * 3
    assert outcomes[0].interval.ratio == pytest.approx(2) and outcomes[1].interval is None
    with rounds.checkouts(["HEAD", "HEAD"]) as folders:
        assert all((place / "benchmark.py").is_file() for place in folders)
    assert not any(place.exists() for place in folders)
    listed = rounds._git("worktree", "list").stdout
    assert not any(str(place) in listed for place in folders)


@pytest.mark.slow
def test_two_commits_of_this_repository():
    line = "inference -t 64,128 --turns 3 --seconds 0.05"
    outcomes = rounds.commits(["HEAD", "HEAD"], line, 2)
    (found,) = outcomes
    assert found.name.startswith("Fast-SCNN pytorch, keras") and 0.2 < found.interval.ratio < 5


def test_mistakes_are_one_line(tmp_path):
    one = folder(tmp_path / "one", reports.summary())
    assert_one_line_error(compare(), "give two")
    assert_one_line_error(compare(one), "give two")
    assert_one_line_error(compare(one, one), "no record of inference")
    assert_one_line_error(compare("no-such-commit", "HEAD"), "no-such-commit")
    assert_one_line_error(compare("--commands", "false", "true"), "status 1")
    assert_one_line_error(compare("--commands", "no-such-program", "true"), "cannot run")
    assert_one_line_error(compare("--commands", "true", "true", "--rounds", 2), "--rounds 2")
    with pytest.raises(UserError):
        rounds.commit("--help")
    assert (REPO / "benchmark.py").is_file()
