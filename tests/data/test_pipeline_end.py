"""A program that leaves a pipeline under way comes to its end, with its own status."""

import subprocess
import sys

import pytest

from tiny import REPO

LEFT_MID_EPOCH = """
from pathlib import Path

import numpy as np

from data.cityscapes import CityscapesSample
from data.pipeline import Batches


class Grey:
    def load(self, sample):
        return np.full((16, 32, 3), 128, np.uint8), np.zeros((16, 32), np.uint8)


samples = [CityscapesSample(Path("a.png"), Path("a_gtFine_labelIds.png"))] * 200
batches = Batches(samples, (16, 32), 1, Grey(), workers=2).training(seed=0, epoch=0)
next(batches)
"""


@pytest.mark.slow
@pytest.mark.parametrize("end, status", [("", 0), ("raise KeyError", 1), ("raise SystemExit(3)", 3)])
def test_a_program_ends_that_leaves_an_epoch_under_way(end, status):
    command = [sys.executable, "-c", LEFT_MID_EPOCH + end]
    assert subprocess.run(command, cwd=REPO, stderr=subprocess.DEVNULL, timeout=60).returncode == status
