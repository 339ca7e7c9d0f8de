"""`make demo`, smaller: two trained networks beat both baselines, and all that it names is there."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from data import png
from tiny import REPO

COSTLY = "two networks learn until they are better than both baselines"


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_demo(tmp_path):
    demo = tmp_path / "demo"
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))
    }
    done = subprocess.run(
        ["make", "demo", "EPOCHS=5", "SIZE=128x256", "TURN=0.1", f"DEMO={demo}", f"VENV={Path(sys.prefix)}"],
        cwd=REPO,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    scores = {
        name: json.loads((demo / name / "scores.json").read_text())["averageScoreClasses"]
        for name in ("majority", "colour", "fastscnn", "separable_unet")
    }
    assert scores["fastscnn"] > scores["colour"] > 1.5 * scores["majority"]
    assert scores["separable_unet"] > scores["colour"]
    for value in scores.values():
        assert f"{value:.3f}" in done.stdout
    for name in ("fastscnn", "separable_unet"):
        (run,) = (demo / "logs" / name).iterdir()
        assert (run / "curves.png").is_file()
    assert f"report: {demo / 'report' / 'index.html'}" in done.stdout
    page = (demo / "report" / "index.html").read_text()
    for section in ("tradeoff", "inference", "latency", "curves", "classes", "pictures"):
        assert f'<section id="{section}">' in page
    overlays = sorted((demo / "predictions" / "overlay").rglob("*.png"))
    assert len(overlays) == 24
    assert png.header(overlays[0]).size == (128, 256)
