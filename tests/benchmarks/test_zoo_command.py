"""`benchmark.py zoo`: published weights fetched, checked, scored and timed; it goes on where it stopped."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest

from benchmarks import record
from benchmarks.zoo import answer, zoo_command
from common.errors import UserError
from models.weights import catalogue
from processes import assert_one_line_error, run_script
from tiny import REPO, tiny_dataset

NAME = "sinet-cityscapes"  # the smallest
FILES = REPO.parent / "shared" / "published"
COSTLY = "every step of an entry is a process: fetching, counting, timing each runtime, scoring"
ANSWERED = [name for name, one in catalogue.published().items() if one.answer]


@pytest.fixture
def cache(tmp_path):
    """A cache with one file, and nothing to fetch others from."""
    one = catalogue.published()[NAME]
    found = list(FILES.glob(f"*/{one.path.name}"))
    if not found:
        pytest.skip(f"no {one.path.name} at {FILES}")
    pytest.importorskip("torch")  # which reads it
    folder = tmp_path / "cache" / NAME
    folder.mkdir(parents=True)
    shutil.copy(found[0], folder)
    return {"WEIGHTS_CACHE": tmp_path / "cache", "WEIGHTS_MIRROR": "http://127.0.0.1:9/"}


def zoo(*words, **variables):
    return run_script("benchmark.py", "zoo", *words, **variables)


@pytest.mark.slow
def test_an_entry_is_checked_scored_timed_and_counted_once(cache, tmp_path):
    data = tiny_dataset(tmp_path / "town", train=1, val=2, size=(64, 128))
    words = ["--only", NAME, "pidnet-s-cityscapes", "-p", data, "--images", 1, "--save", tmp_path / "records"]
    words += ["-t", "64,128", "--runtimes", "onnx", "--seconds", 0.02]
    done = zoo(*words, **cache)
    assert done.returncode == 0, done.stderr
    assert "golden answer: logits differ by" in done.stdout
    assert "passed over: cannot fetch" in done.stdout and "1 of 2 measured completely" in done.stdout
    records, _ = record.read_folder(tmp_path / "records")
    assert sorted(one["benchmark"] for one in records) == ["accuracy", "inference", "summary"]
    found = {one["benchmark"]: one for one in records}
    hashes = {found[name]["settings"]["weights"]["sha256"] for name in ("accuracy", "inference")}
    assert hashes == {catalogue.published()[NAME].sha256}
    assert found["accuracy"]["results"]["pictures"] == found["accuracy"]["settings"]["images"] == 1
    assert found["summary"]["settings"]["options"] == found["inference"]["settings"]["options"]
    again = zoo(*words, **cache)
    assert again.returncode == 0 and again.stdout.count("measured already") == 3, again.stdout
    assert len(list((tmp_path / "records").iterdir())) == 3


def test_mistakes_are_told_in_one_line(tmp_path):
    for words, message in (
        (("--only", "pidnet-s"), "no published weights 'pidnet-s' (did you mean pidnet-"),
        (("--only", "999"), "numbered from 0 to"),
        ((), "add --save"),
        (("--images", "2", "--save", tmp_path), "add -p/--path"),
        (("--random", "--images", "2", "--save", tmp_path), "--random scores nothing"),
        (("-p", tmp_path / "nowhere", "--save", tmp_path), "the folder does not exist"),
    ):
        assert_one_line_error(zoo(*words), message)


def test_records_that_cannot_be_kept_are_told_before_anything_is_measured(tmp_path):
    (tmp_path / "file").touch()
    done = zoo("--only", NAME, "--random", "--save", tmp_path / "file" / "records")
    assert_one_line_error(done, f"the results folder {tmp_path}/file/records", "give another --save")
    assert not done.stdout


def test_entries_have_names_and_numbers():
    first, *_, last = catalogue.published().values()
    assert zoo_command.entry("0") is zoo_command.entry(first.name) is first
    assert zoo_command.entry(str(len(catalogue.published()) - 1)) is last


def test_the_quick_commands_come_first():
    options = SimpleNamespace(
        target_size=[(64, 128), (128, 256)], seconds=1.0, images=3, random=False, only=None
    )
    one = catalogue.published()["pspnet-r50-d8-cityscapes"]
    commands = list(zoo_command.steps(one, options, Path("data"), [["--runtimes", "onnx"]]))
    assert [words[0] for words in commands] == ["summary", "summary", "inference", "inference", "accuracy"]
    assert commands[-1] == ["accuracy", "-w", one.name, "-p", "data", "-t", "1024,2048", "--images", "3"]
    assert commands[2] == f"inference -w {one.name} -t 64,128 --runtimes onnx --seconds 1.0".split()


@pytest.mark.parametrize(
    ("providers", "gpus", "expected"),
    [
        (["CPU"], [], ["keras,onnx,onnx-int8"]),
        (["CPU"], ["NVIDIA H200"], ["keras", "keras"]),  # not the graphs on the processor beside it
        (["CUDA", "CPU"], [], ["keras,onnx,onnx-fp16", "keras"]),  # a Jetson
        (
            ["Tensorrt", "CUDA", "CPU"],
            ["NVIDIA H200"],
            ["keras,onnx,onnx-fp16", "keras", "onnx,onnx-fp16,onnx-int8"],
        ),
    ],
)
def test_what_is_timed_is_on_the_best_device(monkeypatch, providers, gpus, expected):
    names = [f"{name}ExecutionProvider" for name in providers]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: names)
    monkeypatch.setattr(zoo_command, "gpus", lambda: gpus)
    found = zoo_command.timings_here()
    assert [words[1] for words in found] == expected
    assert [tuple(words[2:]) == ("--precision", "bfloat16") for words in found].count(True) == (
        len(expected) > 1
    )


@pytest.mark.slow
def test_without_weights_networks_are_counted_and_timed_once(tmp_path):
    words = [
        "--random",
        "--only",
        "sinet-cityscapes",
        "segformer-b0-cityscapes",
        "segformer-b0-nvidia-cityscapes",
    ]
    words += ["--save", tmp_path, "-t", "64,128", "--runtimes", "keras", "--seconds", 0.02]
    done = zoo(*words)
    assert done.returncode == 0, done.stderr
    assert "2 of 2 measured completely" in done.stdout
    records, _ = record.read_folder(tmp_path)
    assert sorted(one["benchmark"] for one in records) == ["inference"] * 2 + ["summary"] * 2
    options = [one["settings"]["options"] for one in records if one["benchmark"] == "inference"]
    assert {"encoder": "mit_b0", "preset": "mmseg"} in options


def test_an_answer_is_compared_with_its_largest_logit():
    found = answer.compared(np.array([2.0, -4.0, 1.0]), [2.0, -4.0, 1.002])
    assert found["difference"] == pytest.approx(0.0005) and found["difference"] < found["allowed"]
    assert answer.compared(np.array([np.nan]), [1.0])["difference"] != 0.0


def test_an_answer_that_is_another_or_none_at_all_is_told(monkeypatch, capsys):
    with_answer = catalogue.published()[ANSWERED[0]]
    answers = iter([{"difference": 1e-7, "allowed": 1e-3}, {"difference": 0.25, "allowed": 1e-3}])
    monkeypatch.setattr(zoo_command.children, "run", lambda *words: json.dumps(next(answers)))
    zoo_command.check(with_answer)
    assert "logits differ by 1.0e-07 of the largest" in capsys.readouterr().out
    with pytest.raises(UserError, match="its logits differ by 2.5e-01 of the largest from the golden answer"):
        zoo_command.check(with_answer)

    def end(*words):
        raise zoo_command.children.Ended(-9, "")

    monkeypatch.setattr(zoo_command.children, "run", end)
    with pytest.raises(UserError, match="its golden answer could not be calculated: out of memory"):
        zoo_command.check(with_answer)


def test_answers_are_of_weights_that_can_be_told_by_their_hash():
    assert ANSWERED and all(len(catalogue.published()[name].sha256) == 64 for name in ANSWERED)
