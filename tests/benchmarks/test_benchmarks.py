"""Each benchmark runs, small, in a real process, and keeps its record."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import children, memory
from common.errors import UserError
from tiny import tiny_dataset

REPOSITORY = Path(__file__).parents[2]


def run(folder, *arguments):
    """What a benchmark prints and its record; it knows the network of `toy.py`."""
    words = [REPOSITORY / "tests" / "support" / "with_toy.py", "benchmark.py", *arguments, "--save", folder]
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        capture_output=True,
        text=True,
        check=True,
    )
    (path,) = folder.glob("*.json")
    return done.stdout, json.loads(path.read_text())


@pytest.mark.slow
def test_pipeline(tmp_path):
    tiny_dataset(tmp_path / "town", train=3, val=1, size=(64, 128))
    out, kept = run(
        tmp_path / "out", "pipeline", "-p", tmp_path / "town", "-t", "32,64", "--pictures", 8, "--rounds", 2
    )
    rates = kept["results"]["pictures_per_second"]
    assert set(rates) == {"decode alone", "decode and augment", "from PNG", "memory cache", "folder cache"}
    assert all(rate > 0 for rate in rates.values())
    assert all(name in out for name in rates)


@pytest.mark.slow
def test_train_step(tmp_path):
    out, kept = run(tmp_path / "out", "train-step", "-m", "toy", "-t", "64,128", "-b", 1, "--rounds", 2)
    assert set(kept["results"]["speedup_over_stock"]) == {"stock Keras", "fused batch norm", "this suite"}
    assert "this suite" in out


@pytest.mark.slow
def test_video(tmp_path):
    out, kept = run(tmp_path / "out", "video", "-t", "64,128", "--frames", 24, "--rounds", 2)
    seconds, ratio = kept["results"]["seconds"], kept["results"]["ratio_by_round"]
    assert set(seconds) == {"overlapped", "one after the other"}
    assert 0 < ratio["min"] <= ratio["max"] and f"{ratio['median']:.2f} times as fast" in out
    for name, busy in kept["results"]["busy_in_last_round"].items():
        stages = [busy["reading"], busy["inference"], busy["writing"]]
        assert min(stages) > 0
        assert max(stages) <= busy["seconds"] and (name == "overlapped" or sum(stages) <= busy["seconds"])


def test_memory_that_a_model_lacks_is_a_result_and_a_mistake_is_told(monkeypatch):
    def end(status, errors):
        def run(*words):
            raise children.Ended(status, errors)

        monkeypatch.setattr(memory.children, "run", run)

    end(-9, "")
    assert memory.line(memory.measured({})) == "out of memory"
    end(2, "memory_of_steps: error: unet has no option 'depth'")
    with pytest.raises(UserError, match="unet has no option 'depth'"):
        memory.measured({})


@pytest.mark.slow
def test_memory(tmp_path):
    words = ("memory", "-m", "toy", "-t", "64,128", "--steps", 1, "--precision", "bfloat16")
    out, kept = run(tmp_path / "out", *words)
    assert kept["settings"]["precision"] == "bfloat16"
    for name in ("kept", "recomputed"):
        found = kept["results"][name]
        assert found["peak"] > found["before"] > 2**25 and found["device"] == "CPU" and name in out


@pytest.mark.slow
def test_the_stock_network_computes_the_same_logits():
    import numpy as np

    import models
    from benchmarks.train_step import stock

    ours = models.build("fastscnn", (64, 96, 3), 19)
    for variable in ours.weights:  # statistics and scales away from their initial 0 and 1
        variable.assign(variable + np.random.default_rng(0).uniform(0, 0.5, variable.shape))
    image = np.random.default_rng(1).integers(0, 256, (1, 64, 96, 3), np.uint8)
    np.testing.assert_allclose(stock(ours)(image), ours(image), rtol=1e-3, atol=1e-3)
