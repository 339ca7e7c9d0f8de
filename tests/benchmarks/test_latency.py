"""Percentiles, throughput, noise and warm-up against hand calculations, on a clock that the test turns."""

import pytest

from benchmarks import latency
from benchmarks.latency import Turn


class Clock:
    """Stands still but for calls, which take the given seconds one after the other, the last for ever."""

    def __init__(self, *seconds):
        self.now, self.calls, self._seconds = 100.0, 0, seconds

    def __call__(self):
        return self.now

    def call(self):
        self.now += self._seconds[min(self.calls, len(self._seconds) - 1)]
        self.calls += 1


def test_percentiles_are_values_that_were_measured():
    tens = [100, 10, 90, 20, 80, 30, 70, 40, 60, 50]
    found = [latency.percentile(tens, share) for share in (10, 11, 50, 90, 95, 99, 100)]
    assert found == [10, 20, 50, 90, 100, 100, 100]
    assert latency.percentile([7.0], 50) == latency.percentile([7.0], 99) == 7.0


def test_throughput_is_images_over_wall_time():
    turns = [Turn([1.0, 3.0], 4.0), Turn([1.0, 1.0, 1.0], 3.0), Turn([2.0, 2.0], 5.0)]
    found = latency.figures(turns, batch=2)
    # the mean of the first turn's rates would be 1.33
    assert found["pictures_per_second"] == {"min": 0.8, "median": 1.0, "max": 2.0}
    assert found["calls"] == 7 and found["turns"] == [2.0, 1.0, 2.0]
    assert found["latency"] == {"p50": 1.0, "p90": 3.0, "p95": 3.0, "max": 3.0}


@pytest.mark.parametrize("calls, stated", [(333, False), (334, True)])
def test_no_99th_percentile_of_less_than_1000_calls(calls, stated):
    turn = Turn([1.0] * calls, float(calls))
    assert ("p99" in latency.figures([turn] * 3, 1)["latency"]) == stated


@pytest.mark.parametrize("last, noisy", [(1.09, False), (0.91, False), (1.11, True), (0.89, True)])
def test_turns_that_differ_by_a_tenth_are_noisy(last, noisy):
    turns = [Turn([value] * 3, 3 * value) for value in (1.0, 1.0, last)]
    assert latency.figures(turns, 1)["noisy"] is noisy


def test_stages_have_medians_and_shares():
    calls = [{"decode": 1.0, "infer": 4.0}, {"decode": 3.0, "infer": 4.0}, {"decode": 2.0, "infer": 6.0}]
    found = latency.figures([Turn([5.0, 7.0, 8.0], 20.0, calls)], 1)["stages"]
    assert found == {"decode": {"p50": 2.0, "share": 0.3}, "infer": {"p50": 4.0, "share": 0.7}}
    assert "stages" not in latency.figures([Turn([1.0], 1.0, [{}])], 1)


class TestWarmUp:
    def test_lasts_two_seconds_if_calls_are_steady_at_once(self):
        clock = Clock(0.25)
        found = latency.warm_up(clock.call, clock)
        # ten calls make two windows: 2.5 s
        assert found == {"calls": 10, "seconds": 2.5, "steady": True}
        clock = Clock(0.125)
        assert latency.warm_up(clock.call, clock) == {"calls": 16, "seconds": 2.0, "steady": True}

    def test_waits_until_the_rolling_median_is_steady(self):
        # from the 15th call on even the five calls before the last five have the median 1/16
        clock = Clock(0.5, 0.4375, 0.375, 0.3125, 0.25, 0.1875, 0.125, 0.0625)
        found = latency.warm_up(clock.call, clock)
        assert found == {"calls": 15, "seconds": 2.1875 + 8 * 0.0625, "steady": True}

    def test_ends_after_a_minute_and_says_so(self):
        clock = Clock(*[2.0**-i for i in range(3)], *[1.1**i for i in range(60)])
        found = latency.warm_up(clock.call, clock)
        assert found["seconds"] >= 60 and found["steady"] is False

    @pytest.mark.parametrize("second, steady", [(8.0, True), (7.75, True), (4.0, False)])
    def test_of_slow_calls_is_two(self, second, steady):
        clock = Clock(8.0, second)
        found = latency.warm_up(clock.call, clock)
        assert found == {"calls": 2, "seconds": 8.0 + second, "steady": steady} and latency.is_slow(found)

    def test_of_calls_that_are_only_slow_at_first_goes_on(self):
        clock = Clock(8.0, 0.5)
        found = latency.warm_up(clock.call, clock)
        assert found == {"calls": 10, "seconds": 8.0 + 9 * 0.5, "steady": True}


@pytest.mark.parametrize("seconds, slow", [(19.9, False), (20.0, True)])
def test_calls_of_a_second_are_slow(seconds, slow):
    assert latency.is_slow({"calls": 20, "seconds": seconds, "steady": False}) is slow


class TestTurn:
    def test_does_not_count_its_first_call(self):
        clock = Clock(9.0, 0.5)
        turn = latency.take_turn(clock.call, 2.0, now=clock)
        assert turn.seconds == [0.5] * 4 and turn.wall == 2.0 and clock.calls == 5

    def test_has_three_calls_at_least(self):
        clock = Clock(10.0)
        assert latency.take_turn(clock.call, 2.0, now=clock) == Turn([10.0] * 3, 30.0, [{}] * 3)

    @pytest.mark.parametrize("seconds, calls", [(10.0, 1), (1.25, 2), (0.5, 4)])
    def test_of_slow_calls_is_one_and_lasts_as_long_as_others(self, seconds, calls):
        clock = Clock(seconds)
        turn = latency.take_turn(clock.call, 2.0, slow=True, now=clock)
        assert turn == Turn([seconds] * calls, seconds * calls, [{}] * calls) and clock.calls == calls


@pytest.mark.parametrize(
    "taken, settled",
    [
        ([[1.0, 1.05, 1.09], [9.0, 9.0, 9.0]], True),
        ([[1.0, 1.05, 1.09], [9.0, 9.0, 11.0]], False),
        ([[1.0, 1.0]], False),
        ([[1.0, 1.2, 1.0, 1.0]], False),
    ],
)
def test_turns_are_settled_if_each_lists_agree(taken, settled):
    turns = [[Turn([value], value) for value in values] for values in taken]
    assert latency.settled(turns) is settled
