"""Three stages in a row: order, overlap, bounded queues, and what happens when one of them fails."""

import threading
import time
from threading import Event

import pytest

from inference.video import stages


def run(frames, infer=lambda frame: frame, write=lambda result: None, stop=None):
    return stages.overlapped(frames, infer, write, stop or Event())


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = threading.active_count()
    yield
    assert threading.active_count() == before


def slow(items, seconds):
    for item in items:
        time.sleep(seconds)
        yield item


def test_results_come_in_order_and_inference_is_in_the_callers_thread():
    written, threads = [], set()

    def infer(frame):
        threads.add(threading.current_thread())
        return frame * 10

    outcome = run(iter(range(50)), infer, written.append)
    assert written == [10 * number for number in range(50)]
    assert threads == {threading.current_thread()} and outcome.error is None


@pytest.mark.parametrize("slowest", ["reading", "inference", "writing"])
def test_the_slowest_stage_sets_the_pace_and_is_named(slowest):
    seconds = {name: 0.03 if name == slowest else 0.015 for name in ("reading", "inference", "writing")}

    def work(name):
        return lambda item: time.sleep(seconds[name])

    frames = 20
    together = run(slow(range(frames), seconds["reading"]), work("inference"), work("writing")).busy
    alone = stages.one_after_the_other(
        slow(range(frames), seconds["reading"]), work("inference"), work("writing")
    )
    assert alone.seconds >= frames * 0.06
    assert together.seconds < 0.8 * alone.seconds  # 0.5, and a busy machine
    for busy in (together, alone):
        assert str(busy).endswith(f"slowest: {slowest}")
        for name, one in seconds.items():
            assert frames * one <= getattr(busy, name) < 3 * frames * one
    assert f"{slowest} {100 * getattr(together, slowest) / together.seconds:.0f} %" in str(together)


def test_no_stage_runs_far_ahead():
    read, written, ahead = [], [], []

    def frames():
        for number in range(60):
            read.append(number)
            yield number

    def write(result):
        time.sleep(0.002)
        written.append(result)
        ahead.append(len(read) - len(written))

    run(frames(), write=write)
    assert len(written) == 60 and max(ahead) <= 2 * stages.AHEAD + 3


def test_a_fault_of_the_frames_is_handed_back_once_the_others_are_written():
    def frames():
        yield from range(7)
        raise OSError("the film tears")

    written = []
    outcome = run(frames(), write=written.append)
    assert written == list(range(7)) and str(outcome.error) == "the film tears"


@pytest.mark.parametrize("stage", ["infer", "write"])
def test_a_fault_of_a_later_stage_ends_all(stage):
    seen = []

    def fail(item):
        seen.append(item)
        if len(seen) == 5:
            raise ZeroDivisionError("at five")

    with pytest.raises(ZeroDivisionError, match="at five"):
        run(iter(range(10**9)), **{stage: fail})
    assert len(seen) == 5


def test_stopping_writes_what_was_inferred():
    stop, inferred, written = Event(), [], []

    def infer(frame):
        inferred.append(frame)
        if frame == 12:
            stop.set()
        return frame

    run(iter(range(10**9)), infer, written.append, stop)
    assert written == inferred == list(range(13))


def test_no_frames():
    assert run(iter(())).error is None
