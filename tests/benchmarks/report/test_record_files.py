"""Record files: what is read, and what is named and left out."""

import json

import pytest

import reports
from benchmarks.report import record_files
from benchmarks.report.reported import gather
from common.errors import UserError


def test_broken_and_foreign_files_are_named_and_left_out(tmp_path):
    good = reports.summary()
    reports.save(tmp_path, [good])
    contents = {
        "cut.json": json.dumps(good)[:-20],
        "list.json": "[1, 2]",
        "foreign.json": '{"name": "package", "version": 1}',
        "newer.json": json.dumps(good | {"version": 99}),
        "shape.json": json.dumps(good | {"settings": []}),
        "nan.json": json.dumps(good).replace('"batch": 1', '"batch": NaN'),
        "deep.json": "[" * 100_000,
        "bytes.json": b"\xff\xfe\x00",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    (tmp_path / "notes.txt").write_text("no record, and none of our business")
    records, left_out = record_files.read([tmp_path])
    assert [record["file"] for record in records] == ["0.json"]
    reasons = {path.rpartition("/")[2]: reason for path, reason in left_out}
    assert reasons.keys() == contents.keys()
    assert "version 99" in reasons["newer.json"] and "NaN" in reasons["nan.json"]
    assert all("\n" not in reason for reason in reasons.values())


@pytest.mark.parametrize(
    "damage",
    [
        lambda record: record["results"].clear(),
        lambda record: record["settings"].update(size=[1]),
        lambda record: record["settings"].update(size=["a", 2]),
        lambda record: record["settings"].update(batch=-1),
        lambda record: record["settings"].update(size=[10**400, 2]),
        lambda record: record["results"]["runtimes"]["keras"]["latency"].update(p50=1e306),
        lambda record: record["results"]["runtimes"]["keras"]["latency"].update(p50=1e-306),
        lambda record: record["results"]["runtimes"]["keras"].update(turns="fast"),
        lambda record: record["results"]["runtimes"].update(keras=[]),
        lambda record: record["results"]["runtimes"]["keras"].pop("latency"),
        lambda record: record["environment"].pop("cpu"),
        lambda record: record["results"].update(speed={"over": "nobody"}),
    ],
)
def test_damaged_records_are_named_and_left_out(tmp_path, damage):
    damaged = reports.inference("unet", {"keras": reports.figures(2)})
    damage(damaged)
    found = gather([reports.save(tmp_path, [damaged, reports.summary()])])
    ((name, reason),) = found.left_out
    assert name.endswith("0.json") and reason and "\n" not in reason
    assert not found.speeds and not found.runtime_ratios and len(found.costs) == 3


def test_a_file_larger_than_any_record_is_left_out(tmp_path, monkeypatch):
    reports.save(tmp_path, [reports.summary()])
    (tmp_path / "long.json").write_text("{}" + " " * 2_000_000)
    monkeypatch.setattr(record_files, "MOST_BYTES", 1_000_000)
    records, ((name, reason),) = record_files.read([tmp_path])
    assert len(records) == 1 and name.endswith("long.json") and reason == "larger than 0 MiB"


def test_nothing_at_all_is_one_line(tmp_path):
    with pytest.raises(UserError, match="no record in"):
        record_files.read([tmp_path])
    with pytest.raises(UserError, match="no folder"):
        record_files.read([tmp_path / "nowhere"])


def test_only_damaged_records_are_one_line(tmp_path):
    damaged = reports.inference("unet", {"keras": reports.figures(2)})
    damaged["results"].update(speed={"over": "nobody"})
    with pytest.raises(UserError, match="0.json"):
        gather([reports.save(tmp_path, [damaged])])


def test_control_characters_are_replaced(tmp_path):
    records = [reports.inference("a\x00b\x1b[31m", {"keras": reports.figures(2)})]
    (record,), _ = record_files.read([reports.save(tmp_path, records)])
    assert record["settings"]["model"] == "a\ufffdb\ufffd[31m"


def test_the_committed_records_are_all_read():
    from benchmarks.record import RESULTS

    found = gather([RESULTS])
    assert found.left_out == [] and len(found.records) == len(list(RESULTS.glob("*.json")))
