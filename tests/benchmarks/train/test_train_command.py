"""`benchmark.py train` as a user runs it, small."""

import pytest

from benchmarks import record
from processes import assert_one_line_error, run_script

SMALL = ["-m", "toy", "--width", 4, "-t", "32,64", "--turns", 3, "--seconds", 0.05]


@pytest.mark.slow
def test_precisions_of_the_suites_own_step(tmp_path):
    words = [*SMALL, "-b", 2, "--precision", "float32", "bfloat16", "--save", tmp_path]
    done = run_script("benchmark.py", "train", *words)
    assert done.returncode == 0, done.stderr
    kept, left_out = record.read_folder(tmp_path)
    assert left_out == [] and {one["settings"]["precision"] for one in kept} == {"float32", "bfloat16"}
    for one in kept:
        settings, results = one["settings"], one["results"]
        assert (settings["model"], settings["size"], settings["batch"]) == ("toy", [32, 64], 2)
        assert settings["input"] == "synthetic" and settings["ranks"] == 1
        assert settings["options"] == {"width": 4}
        assert len(results["turns"]) == 3 and results["calls"] >= 3
        rate = results["pictures_per_second"]
        assert results["pictures_per_second_per_device"] == rate
        assert rate["median"] == pytest.approx(2 / results["latency"]["p50"], rel=0.5)
        assert results["memory"]["of"] == "process" and results["memory"]["peak_bytes"] > 2**25
        split = results["split"]
        assert split["all_reduce"] is None and split["data_wait"] is None
        assert sum(split[name]["share"] for name in ("forward", "backward", "optimizer")) > 0.5
        assert f"{rate['median']:.2f} images/s" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    "words, message",
    [
        (["--turns", 2], "--turns 2 are too few for a spread"),
        (["-m", "unet", "fastscnn", "--width", 4], "are for one model"),
        (["--continue"], "add --save"),
        (["-m", "fastscnn", "-t", "33,64"], "multiples of 32, not 33,64; nearest: 32,64"),
    ],
)
def test_mistakes_are_one_line(words, message):
    assert_one_line_error(run_script("benchmark.py", "train", *words), message)


def test_an_unknown_model_is_told_with_the_valid_ones():
    done = run_script("benchmark.py", "train", "-m", "vgg")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert "invalid choice: 'vgg' (choose from 'bayes_segnet'" in done.stderr
