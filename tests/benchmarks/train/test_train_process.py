"""How many steps of a network are taken, and what is printed meanwhile, on a clock that the steps turn."""

import functools
import json
import sys

import pytest

from benchmarks import latency
from benchmarks.backend_devices import Device
from benchmarks.train import train_process
from benchmarks.train.steps import Steps


class Network:
    """Steps that take seconds of a clock of their own.

    Args:
        seconds: of the whole steps, one after the other, the last for ever; forward takes a quarter,
            forward and backward three.
    """

    def __init__(self, *seconds):
        self.now, self._seconds, self.calls = 0.0, list(seconds), {}

    def steps(self) -> Steps:
        return Steps(self._part("forward", 0.25), self._part("gradients", 0.75), self._part("step", 1.0))

    def _part(self, name, share):
        def call():
            self.calls[name] = self.calls.get(name, 0) + 1
            whole = name == "step" and len(self._seconds) > 1
            self.now += share * (self._seconds.pop(0) if whole else self._seconds[0])
            return 0.5

        return call


@pytest.fixture
def measured(monkeypatch, capsys):
    """Function of a network, and settings -> what the process sent: (progress, figures, split)."""

    def run(network, **settings):
        settings = {"batch": 2, "turns": 5, "seconds": 2.0, "all_turns": False} | settings
        monkeypatch.setattr(sys, "argv", ["train_process", json.dumps(settings)])
        monkeypatch.setattr(train_process, "die_first", lambda: None)
        device = Device("CPU", False, lambda: None)
        monkeypatch.setattr(train_process, "load", lambda _: (network.steps(), device))
        for name in ("warm_up", "take_turn"):
            function = functools.partial(getattr(latency, name), now=lambda: network.now)
            monkeypatch.setattr(latency, name, function)
        assert train_process.main() == 0
        sent = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        *others, figures, split = [one for one in sent if "progress" not in one]
        assert not others
        return [one["progress"] for one in sent if "progress" in one], figures, split

    return run


def test_a_slow_network_takes_few_steps(measured):
    network = Network(30.0, 8.0)
    others, figures, split = measured(network)
    # the first, two to warm up, three turns, two rounds of the parts; two of these are compiled first
    assert network.calls == {"forward": 1 + 2, "gradients": 1 + 2, "step": 1 + 2 + 3 + 2}
    assert figures["warm_up"] == {"calls": 2, "seconds": 16.0, "steady": True}
    assert figures["turns"] == [8.0] * 3 and figures["calls"] == 3 and not figures["noisy"]
    assert figures["pictures_per_second"] == {"min": 0.25, "median": 0.25, "max": 0.25}
    assert {name: part["seconds"] for name, part in split.items()} == {
        "forward": 2.0,
        "backward": 4.0,
        "optimizer": 2.0,
    }
    assert others[0] == "building" and "first step, with compilation" in others[1] and "warm-up" in others[2]
    assert others[3:6] == [f"turn {number} of at most 5: 0.25 images/s" for number in (1, 2, 3)]
    assert others[6:] == [
        "parts of a step: compilation",
        "parts of a step: round 1 of at most 3",
        "parts of a step: round 2 of at most 3",
    ]


def test_turns_that_were_asked_for_are_taken(measured):
    others, figures, _ = measured(Network(30.0, 8.0), turns=4, all_turns=True)
    assert len(figures["turns"]) == 4 and others[3] == "turn 1 of 4: 0.25 images/s"


def test_a_slow_network_whose_turns_differ_takes_all(measured):
    network = Network(30.0, 8.0, 8.0, 8.0, 10.0, 8.0)
    _, figures, _ = measured(network)
    assert figures["turns"] == [8.0, 10.0, 8.0, 8.0, 8.0] and figures["noisy"]


def test_a_fast_network_takes_as_many_as_before(measured):
    network = Network(3.0, 0.25)
    _, figures, _ = measured(network)
    assert figures["warm_up"]["calls"] == 10 and figures["turns"] == [0.25] * 5
    assert figures["calls"] == 5 * 8
