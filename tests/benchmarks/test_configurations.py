"""Which configurations are measured: not those that are kept, and batches that fit."""

import json
from types import SimpleNamespace

import pytest

from benchmarks import configurations, record
from benchmarks.children import OUT_OF_MEMORY
from common.errors import UserError

SETTINGS = {"model": "unet", "size": [32, 64], "batch": 8, "precision": "float32", "backend": "jax"}
SETTINGS |= {"input": "synthetic", "ranks": 1}
SPREAD = {"min": 1.0, "median": 2.0, "max": 3.0}
FIGURES = {
    "device": "CPU",
    "load_seconds": 1.0,
    "first_call_seconds": 1.0,
    "warm_up": {"calls": 10, "seconds": 2.0, "steady": True},
    "calls": 9,
    "latency": {"p50": 1.0, "p90": 1.0, "p95": 1.0, "max": 1.0},
    "turns": [1.0, 1.0, 1.0],
    "pictures_per_second": SPREAD,
    "pictures_per_second_per_device": SPREAD,
    "noisy": False,
    "memory": {"peak_bytes": 1, "of": "process"},
    "split": dict.fromkeys(["forward", "backward", "optimizer", "all_reduce", "data_wait"]),
}
STARVED = {"failed": OUT_OF_MEMORY, "mistake": False}


class Machine:
    """Measures batches up to a limit, and notes which it was asked for."""

    def __init__(self, limit):
        self.limit, self.asked = limit, []

    def __call__(self, settings):
        self.asked.append(settings["batch"])
        return FIGURES if settings["batch"] <= self.limit else STARVED


def measure(machine, folder=None, batches=(8,), **options):
    """Measure and keep; the batches of the new records, and whether each failed."""
    options = SimpleNamespace(**{"save": folder, "proceed": False, "batch_back_off": False} | options)
    plans = [SETTINGS | {"batch": batch} for batch in batches]
    found = []
    for one in configurations.measure("train", plans, machine, options):
        found.append((one["settings"]["batch"], "failed" in one["results"]))
        if folder:
            record.write(record.make("train", one["settings"], one["results"]), folder, one["label"])
    return found


def test_a_batch_is_halved_until_it_fits():
    assert measure(Machine(3), batch_back_off=True) == [(8, True), (4, True), (2, False)]
    assert measure(Machine(3), batches=(8, 2)) == [(8, True), (2, False)]


def test_a_batch_that_never_fits_is_one_line(capsys):
    with pytest.raises(UserError, match="no batch of unet 32x64.* fits: 8 down to 1 run out of memory"):
        measure(Machine(0), batch_back_off=True)
    assert len(capsys.readouterr().out.splitlines()) == 1
    with pytest.raises(UserError, match="nothing was measured: out of memory"):
        measure(Machine(0))


def test_what_is_kept_is_passed_over(tmp_path, capsys):
    assert len(measure(Machine(3), tmp_path, batch_back_off=True)) == 3
    again = Machine(3)
    assert measure(again, tmp_path, (8, 1), batch_back_off=True, proceed=True) == [(1, False)]
    assert again.asked == [1]
    assert capsys.readouterr().out.count("measured already") == 3  # those that do not fit are known, too
    assert measure(Machine(9), tmp_path, proceed=True, batches=(2,)) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one["environment"]["git"].update(commit="0" * 40),
        lambda one: one["environment"]["git"].update(diff="0" * 12),
        lambda one: one["environment"].update(cpu="another"),
        lambda one: one["environment"]["packages"].update(keras="2.0"),
        lambda one: one["environment"].update(gpus=["NVIDIA H100, 550.54, 81559 MiB"]),
        lambda one: one.update(results={"failed": "ended by SIGSEGV", "mistake": False}),
        lambda one: one["settings"].update(precision="bfloat16"),
    ],
)
def test_what_was_measured_otherwise_is_measured_again(tmp_path, change):
    measure(Machine(9), tmp_path)
    (path,) = tmp_path.iterdir()
    one = json.loads(path.read_text())
    change(one)
    one["id"] = record.make_id("train", one["settings"])
    path.write_text(json.dumps(one))
    assert measure(Machine(9), proceed=True, folder=tmp_path / "none") == [(8, False)]
    machine = Machine(9)
    options = SimpleNamespace(save=tmp_path, proceed=True, batch_back_off=False)
    assert len(list(configurations.measure("train", [SETTINGS], machine, options))) == 1


def test_another_node_of_the_same_kind_is_as_good(tmp_path):
    measure(Machine(9), tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_text(path.read_text().replace('"host": "', '"host": "n7'))
    assert measure(Machine(9), tmp_path, proceed=True) == []


def test_going_on_needs_a_folder():
    with pytest.raises(UserError, match="add --save"):
        measure(Machine(9), proceed=True)


def test_what_the_user_got_wrong_is_not_kept():
    wrong = {"failed": "unet takes heights that ...", "mistake": True}
    options = SimpleNamespace(save=None, proceed=False)
    with pytest.raises(UserError, match="nothing was measured: unet takes heights"):
        assert list(configurations.measure("train", [SETTINGS], lambda _: wrong, options)) == []
