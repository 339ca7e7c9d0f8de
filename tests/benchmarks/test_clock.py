"""Clocks and records."""

import json
import time

import pytest

from benchmarks import clock, record


def test_functions_take_turns_after_the_warm_up():
    calls = []
    times = clock.take_turns(
        {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, rounds=3, warmup=2
    )
    assert "".join(calls) == "aabb" + "ababab"
    assert {name: len(seconds) for name, seconds in times.items()} == {"a": 3, "b": 3}


def test_a_known_sleep_is_measured():
    times = clock.take_turns({"sleep": lambda: time.sleep(0.05)}, rounds=3, warmup=0)
    assert 0.05 <= clock.summary(times["sleep"])["min"] < 0.06


def test_ratios_are_taken_round_by_round():
    # a machine twice as slow in the second round: the ratio does not notice
    assert clock.ratios([2.0, 4.0, 2.0], [1.0, 2.0, 1.0]) == {"min": 2.0, "median": 2.0, "max": 2.0}


def test_a_record_names_machine_and_versions_and_overwrites_nothing(tmp_path):
    made = record.make("pipeline", {"batch": 2}, {"seconds": 1.0})
    first = record.write(made, tmp_path)
    content = json.loads(first.read_text())
    assert content["settings"] == {"batch": 2}
    assert content["environment"]["packages"]["keras"]
    assert content["environment"]["cpu"]
    with pytest.raises(FileExistsError):
        record.write(made, tmp_path)
