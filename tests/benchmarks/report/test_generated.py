"""Tables of README.md and docs/: as the records say, and checked."""

import shutil

import pytest

import reports
from benchmarks.report import generated
from benchmarks.report.markdown import escape
from benchmarks.report.reported import gather
from common.errors import UserError
from processes import run_script
from tiny import REPO

MARKER = "before\n\n<!-- table: {}, by `make results` -->\n{}<!-- end of table -->\nafter\n"


def test_the_documents_agree_with_the_records():
    done = run_script("benchmark.py", "report", "--check", fresh=True)  # without networks that are for tests
    assert done.returncode == 0, done.stdout


def test_writes_what_it_checks(tmp_path, capsys):
    records = reports.save(tmp_path / "records", [reports.summary()])
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text(MARKER.format("costs", "| old |\n"))
    (tmp_path / "docs" / "other.md").write_text("no table")
    assert generated.run([records], check=True, root=tmp_path) == 1
    assert "README.md" in capsys.readouterr().out
    assert "| old |" in (tmp_path / "README.md").read_text()  # a check writes nothing
    assert generated.run([records], check=False, root=tmp_path) == 0
    assert generated.run([records], check=True, root=tmp_path) == 0
    text = (tmp_path / "README.md").read_text()
    assert "| U-Net | 1,000,000 | 10.0 | 64.0 | 64.0 | 64.0 |" in text
    assert text.startswith("before\n") and text.endswith("<!-- end of table -->\nafter\n")
    assert (tmp_path / "docs" / "other.md").read_text() == "no table"


def test_unknown_and_empty_tables_are_named(tmp_path):
    reported = gather([reports.save(tmp_path, [reports.summary()])])
    with pytest.raises(UserError, match="no table 'nonsense'"):
        generated.filled(MARKER.format("nonsense", ""), reported, "README.md")
    with pytest.raises(UserError, match="no record for the table 'inference'"):
        generated.filled(MARKER.format("inference", ""), reported, "README.md")


def test_every_table_can_be_made(tmp_path):
    shutil.copytree(REPO / "benchmarks" / "results", tmp_path / "results")
    reports.save(tmp_path / "made-up", reports.everything())
    reported = gather([tmp_path])
    for name in generated.TABLES:
        assert "\n| --- |" in generated.filled(MARKER.format(name, ""), reported, "README.md")


def test_words_stay_words_in_markdown():
    assert escape("a|b *c* <i> `d` [e](f) g_h") == r"a\|b \*c\* &lt;i&gt; \`d\` \[e\](f) g\_h"


def test_peers_stand_beside_the_original(tmp_path):
    records = [reports.peers(), reports.peers(date="2026-01-01T00:00:00Z")]
    text = generated.filled(
        MARKER.format("peers", ""), gather([reports.save(tmp_path, records)]), "README.md"
    )
    rows = [line.split(" | ")[2:] for line in text.splitlines() if line.startswith("| U-Net ResNet-50 smp")]
    assert "**inference, 512x1024, batch 1, float32, Imaginary 9000, 8 cores**" in text
    dash, day = "\N{EN DASH}", "2026-01-02 |"
    assert rows == [
        ["pytorch", "1", dash, "1,000", "1,000", dash, day],
        ["pytorch-compiled", "no compiler", "", "", "", "", day],
        ["keras (tensorflow)", "1.25", f"1.15{dash}1.35", "800", "500", "1e-06", day],
        ["onnx", "2.00", f"1.90{dash}2.10", "500", "500", "2e-06", day],
    ]
    assert "| U-Net ResNet-50 smp *noisy* | smp | onnx |" in text
