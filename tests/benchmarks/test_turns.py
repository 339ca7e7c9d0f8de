"""How many turns runtimes take, and what is printed meanwhile, without their processes."""

import pytest

from benchmarks import turns
from benchmarks.latency import Turn

MODULE = "a.process"


@pytest.fixture
def taken(monkeypatch, capsys):
    """Function of name -> seconds of each of its turns' calls, and options -> (figures, lines printed)."""

    def measure(seconds, **options):
        class Runtime:
            def __init__(self, module, settings, _):
                assert module == MODULE
                self._seconds = list(seconds[settings["name"]])
                self.about = {"batch": 2, "warm_up": {"calls": 2, "seconds": 2 * self._seconds[0]}}

            slow = turns.Runtime.slow

            def turn(self, _):
                return Turn([now := self._seconds.pop(0)], now, [{}])

            def finish(self):
                return {"memory": {}}

            def close(self):
                pass

        monkeypatch.setattr(turns, "Runtime", Runtime)
        found = turns.measure(MODULE, {name: {"name": name} for name in seconds}, 5, 2.0, {}, **options)
        return {name: result["turns"] for name, result in found.items()}, capsys.readouterr().out.splitlines()

    return measure


def test_slow_runtimes_that_agree_stop_after_three(taken):
    found, said = taken({"keras": [4.0] * 5, "onnx": [0.5] * 5}, all_turns=False)
    assert found == {"keras": [4.0] * 3, "onnx": [0.5] * 3}
    assert said == [f"  turn {turn} of at most 5: keras 0.5, onnx 4 images/s" for turn in (1, 2, 3)]


@pytest.mark.parametrize(
    "seconds, all_turns",
    [
        ([4.0] * 5, True),
        ([0.5] * 5, False),  # fast
        ([4.0, 5.0, 4.0, 4.0, 4.0], False),  # noisy
    ],
)
def test_others_take_all(taken, seconds, all_turns):
    found, said = taken({"keras": seconds}, all_turns=all_turns)
    assert found == {"keras": seconds} and len(said) == 5
