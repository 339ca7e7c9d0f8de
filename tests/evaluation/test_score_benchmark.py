"""The benchmark of the scores runs, and its two sides agree."""

import argparse
import json

import numpy as np
import pytest

from benchmarks import label_maps
from benchmarks import scoring as benchmark

pytestmark = pytest.mark.filterwarnings("ignore:`in1d` is deprecated")  # called by the official script


def test_small_run(capsys):
    parser = argparse.ArgumentParser()
    benchmark.add_arguments(parser)
    options = ["--pictures", "2", "--size", "96,192", "--objects", "12", "--rounds", "1"]
    measured = benchmark.run(parser.parse_args(options))
    assert json.loads(json.dumps(measured))["settings"]["size"] == [96, 192]
    results = measured["results"]
    assert results["largest_difference"] <= 1e-9
    assert set(results["seconds"]) == {"decode alone", "one thread", "all threads", "official"}
    assert results["speedup_over_official"]["official"]["median"] == 1
    assert "official" in capsys.readouterr().out


def test_images_have_objects_groups_and_mistakes():
    truth, instances, prediction = label_maps.make_image(np.random.default_rng(1), (256, 512), 40)
    assert truth.dtype == prediction.dtype == np.uint8 and instances.dtype == np.uint16
    assert 20 < np.unique(instances[instances > 1000]).size <= 36
    assert ((instances < 1000) & (truth >= 24)).any()
    assert 0.02 < (truth != prediction).mean() < 0.3
