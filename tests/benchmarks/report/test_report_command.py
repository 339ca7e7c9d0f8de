"""`benchmark.py report` as people run it."""

import re
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest

import reports
from benchmarks.report.page_parts import significant
from processes import assert_one_line_error, run_script
from tiny import tiny_dataset

SIGNATURE = b"\x89PNG\r\n\x1a\n"


@pytest.mark.slow
def test_everything_is_written(tmp_path):
    records = reports.save(tmp_path / "records", reports.everything())
    (records / "broken.json").write_text("{")
    town = tiny_dataset(tmp_path / "town", val=2)
    run = reports.run(tmp_path / "fastscnn" / "20260102-030405")
    images = f"truth={town / 'gtFine' / 'val'}"
    done = run_script(
        "benchmark.py", "report", records, "--runs", run, "--pictures", images, "-o", tmp_path / "out"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"report: {tmp_path / 'out' / 'index.html'}\n"
    assert "broken.json: " in done.stderr
    page, text = ((tmp_path / "out" / name).read_text() for name in ("index.html", "report.md"))
    assert "broken.json" in page and "broken.json" in text
    assert not re.search(r"(src|href)=\"(?!data:|#)", page) and "@import" not in page and "url(h" not in page
    charts = sorted((tmp_path / "out" / "charts").iterdir())
    for kind in ("tradeoff", "latency", "throughput", "memory", "split", "scaling", "curve"):
        assert any(chart.name.startswith(kind) for chart in charts)
    for chart in charts:
        if chart.suffix == ".svg":
            assert ElementTree.parse(chart).getroot().tag.endswith("svg")
        else:
            assert chart.read_bytes().startswith(SIGNATURE)
    for name in re.findall(r"\]\(([^)]*)\)", text):
        assert (tmp_path / "out" / name).is_file()
    shown = cv2.imread(str(tmp_path / "out" / "pictures" / "pictures-0-0.jpg"))
    assert shown.shape == (64, 128, 3) and len(np.unique(shown)) > 5
    assert "Not measured yet" not in page


def test_what_is_lacking_names_its_command(tmp_path):
    records = reports.save(tmp_path / "records", [reports.summary()])
    done = run_script("benchmark.py", "report", records, "-o", tmp_path / "out")
    page = (tmp_path / "out" / "index.html").read_text()
    assert done.returncode == 0 and not list((tmp_path / "out").glob("charts/*"))
    listed = re.search("<h2>Not measured yet</h2>.*?</section>", page, re.DOTALL)[0]
    for command in ("inference", "accuracy", "train", "scaling", "memory", "peers", "report --runs"):
        assert f"benchmark.py {command}" in listed


def test_mistakes_are_one_line(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    records = reports.save(tmp_path / "records", [reports.summary()])
    out = tmp_path / "out"
    assert_one_line_error(run_script("benchmark.py", "report", empty, "-o", out), empty, "no record")
    assert_one_line_error(run_script("benchmark.py", "report", tmp_path / "none", "-o", out), "none")
    broken = run_script("benchmark.py", "report", records, "--runs", empty, "-o", out)
    assert_one_line_error(broken, empty, "--runs")
    bare = run_script("benchmark.py", "report", records, "--pictures", empty, "-o", out)
    assert_one_line_error(bare, empty, "no PNG images")
    (tmp_path / "file").write_text("")
    assert_one_line_error(run_script("benchmark.py", "report", records, "-o", tmp_path / "file"), "-o")
    assert not out.exists()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.6, "0.600"),
        (0.01264, "0.0126"),
        (7.439, "7.44"),
        (9.996, "10.0"),
        (99.96, "100"),
        (18.58, "18.6"),
        (1302.18, "1,302"),
        (29446035, "29,446,035"),
    ],
)
def test_significant_digits(value, text):
    assert significant(value) == text
