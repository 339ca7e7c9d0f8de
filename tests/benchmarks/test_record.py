"""Records are whole, named by what was measured, and never overwritten; others are named and left out."""

import hashlib
import json
import re
import time

import fastjsonschema
import pytest

import benchmark
from benchmarks import record
from common.errors import UserError

SETTINGS = {"size": [64, 128], "batch": 1}
MODEL = {"model": "fastscnn", "options": {}, "parameters": 10, "macs": 20}
MODEL |= dict.fromkeys(("weight_bytes", "inference_bytes", "training_bytes"), 4)


def summary(**changed):
    return record.make("summary", SETTINGS, {"models": [MODEL | changed]})


def test_committed_records_are_readable():
    records, left_out = record.read_folder(record.RESULTS)
    assert left_out == [] and len(records) >= 12
    assert {found["version"] for found in records} >= {1}
    assert all(re.fullmatch("[0-9a-f]{12}", found["id"]) for found in records)


def test_what_is_written_is_read(tmp_path):
    made = summary()
    path = record.write(made, tmp_path / "new", "fastscnn-64x128")
    assert re.fullmatch(rf"summary-fastscnn-64x128-{made['id']}-\d{{8}}T\d{{6}}Z.json", path.name)
    assert record.read(path) == made and record.read_folder(path.parent) == ([made], [])
    with pytest.raises(FileExistsError):
        record.write(made, path.parent, "fastscnn-64x128")


def test_an_id_is_the_hash_of_benchmark_and_settings():
    text = b'["summary",{"batch":1,"size":[64,128]}]'
    assert summary()["id"] == hashlib.sha256(text).hexdigest()[:12] == summary(macs=30)["id"]
    assert record.make("summary", SETTINGS | {"batch": 2}, {"models": []})["id"] != summary()["id"]


def test_what_is_not_whole_is_not_written(tmp_path):
    for made, message in (
        (summary(macs=-1), "macs must be bigger than or equal to 1"),
        (record.make("train", SETTINGS, {"failed": "out of memory"}), "settings must contain"),
        (summary() | {"benchmark": "coffee"}, "benchmark must be one of"),
        (record.make("summary", SETTINGS, {}), "results must contain"),
    ):
        with pytest.raises(ValueError, match=message):
            record.write(made, tmp_path)
    with pytest.raises(ValueError, match="not JSON compliant"):
        record.write(summary(macs=float("nan")), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_broken_and_foreign_files_are_named_and_left_out(tmp_path):
    kept = record.write(summary(), tmp_path)
    whole = kept.read_text()
    inference = json.loads(min(record.RESULTS.glob("inference-*")).read_text())
    runtime, timed = next(iter(inference["results"]["runtimes"].items()))
    del timed["latency"]["p50"]
    reasons = {
        "a.json": (whole[:100], "is no JSON"),
        "b.json": ("[1, 2]", "is no record of a benchmark"),
        "c.json": ('{"model": "fastscnn"}', "is no record of a benchmark"),
        "d.json": (
            whole.replace('"version": 2', '"version": 9'),
            "is of version 9; this suite reads up to 2",
        ),
        "e.json": (whole.replace('"macs": 20', '"macs": NaN'), "NaN is no number"),
        "f.json": (whole.replace('"id"', '"ID"'), "must"),
        "g.json": (json.dumps(inference), f"{runtime}.latency must contain"),
        "h.json": ("", "is no JSON"),
    }
    for name, (text, _) in reasons.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "notes.txt").write_text("no record, and not called one")
    records, left_out = record.read_folder(tmp_path)
    assert [found["id"] for found in records] == [summary()["id"]]
    assert [path.name for path, _ in left_out] == sorted(reasons)
    for path, reason in left_out:
        assert reasons[path.name][1] in reason and "\n" not in reason and len(reason) < 250
        with pytest.raises(UserError, match=path.name):
            record.read(path)


def test_a_folder_that_is_missing_is_the_users_mistake(tmp_path):
    with pytest.raises(UserError, match="no folder of records at"):
        record.read_folder(tmp_path / "nowhere")


def test_the_schema_is_one_and_knows_every_benchmark():
    schema = json.loads(record.SCHEMA.read_text())
    fastjsonschema.compile(schema)
    assert set(benchmark.BENCHMARKS) <= set(schema["properties"]["benchmark"]["enum"])
    date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(0))
    assert re.fullmatch(schema["properties"]["date"]["pattern"], date)
