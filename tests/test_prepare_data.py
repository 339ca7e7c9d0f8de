"""`prepare_data.py` as a user runs it: real processes, exit statuses, one line for each mistake."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

import damage
from data import datasets, png
from data.label_sets import CITYSCAPES
from processes import run_script
from tiny import REPO, camvid, tiny_dataset


def prepare_data(*arguments, **variables):
    return run_script("prepare_data.py", *arguments, **variables)


@pytest.fixture
def root(tmp_path):
    return tiny_dataset(tmp_path / "set", train=3, val=2, size=(32, 64))


def test_no_subcommand_is_status_2():
    done = prepare_data()
    assert done.returncode == 2 and "verify" in done.stderr


@pytest.mark.parametrize("command", ["verify", "stats"])
class TestPath:
    def test_no_path_names_both_ways_and_the_cure(self, command):
        done = prepare_data(command)
        assert done.returncode == 2 and done.stdout == ""
        assert len(done.stderr.splitlines()) == 1
        for part in ("-p/--path", "CITYSCAPES_DATASET", "prepare_data.py synthesize"):
            assert part in done.stderr

    def test_a_folder_that_does_not_exist(self, command, tmp_path):
        done = prepare_data(command, tmp_path / "missing")
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1 and str(tmp_path / "missing") in done.stderr

    def test_a_folder_that_is_no_data_set(self, command, tmp_path):
        done = prepare_data(command, tmp_path)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1 and f"{tmp_path}/leftImg8bit is missing" in done.stderr

    def test_word_option_and_variable_mean_the_same(self, command, root):
        runs = [
            prepare_data(command, root),
            prepare_data(command, "-p", root),
            prepare_data(command, "--path", root),
            prepare_data(command, CITYSCAPES_DATASET=root),
        ]
        assert [run.returncode for run in runs] == [0] * 4
        assert len({run.stdout.partition(" in ")[0] for run in runs}) == 1

    def test_word_and_option_together_are_refused(self, command, root):
        assert prepare_data(command, root, "-p", root).returncode == 2


def test_verify_a_whole_set(root):
    done = prepare_data("verify", root, "--workers", 2)
    assert done.returncode == 0
    assert done.stderr == ""  # no progress bar where stderr is no terminal
    *remarks, summary = done.stdout.splitlines()
    assert all(line.startswith("remark: ") for line in remarks)
    assert summary.startswith("verified 5 images in ") and summary.endswith(": 0 errors, 3 remarks")


def test_verify_a_damaged_set(root):
    first, second, third = datasets.opened(root).labelled("train")
    damage.truncate(first.image)
    png.write(second.label, np.full((32, 64), 200, np.uint8))
    third.label.unlink()
    done = prepare_data("verify", root)
    assert done.returncode == 1 and done.stderr == ""
    lines = done.stdout.splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    assert len(errors) == 3
    for path in (first.image, second.label, third.label):
        assert any(str(path) in line for line in errors)
    assert lines[-1].endswith(": 3 errors, 3 remarks")


def test_verify_coarse_looks_at_gtcoarse(root):
    assert prepare_data("verify", root).returncode == 0
    done = prepare_data("verify", root, "--coarse")
    assert done.returncode == 1 and "unpack gtCoarse" in done.stdout


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_verify_a_file_without_permission(root):
    image = datasets.opened(root).labelled("train")[0].image
    image.chmod(0)
    done = prepare_data("verify", root)
    assert done.returncode == 1 and f"cannot read {image}: Permission denied" in done.stdout


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_verify_a_folder_without_permission(root):
    folder = root / "leftImg8bit"
    folder.chmod(0)
    done = prepare_data("verify", root)
    folder.chmod(0o700)  # so that pytest can remove it
    assert done.returncode == 2 and f"cannot read {folder}: Permission denied" in done.stderr


def test_verify_into_a_closed_pipe_is_quiet(root):
    command = f"{sys.executable} {REPO / 'prepare_data.py'} verify {root} | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120)
    assert done.stderr == ""


def test_stats_prints_and_writes_the_same_numbers(root, tmp_path):
    done = prepare_data("stats", root, "--json", tmp_path / "stats.json")
    assert done.returncode == 0
    written = json.loads((tmp_path / "stats.json").read_text())
    assert written["split"] == "train" and written["labels"] == "fine" and written["pictures"] == 3
    rows = {line[:14].strip(): line[14:].split() for line in done.stdout.splitlines()}
    for name, pixels in zip(CITYSCAPES.names, written["pixels"], strict=True):
        assert rows[name][0] == f"{pixels:,}"
    assert sum(written["pixels"]) + written["ignored_pixels"] == 3 * 32 * 64


def test_stats_of_another_split_and_kind(root):
    assert "2 label maps of split 'val' (fine)" in prepare_data("stats", root, "--split", "val").stdout
    done = prepare_data("stats", root, "--coarse")
    assert done.returncode == 2 and "gtCoarse" in done.stderr


@pytest.mark.parametrize("target", ["missing/stats.json", "set"])
def test_stats_into_an_impossible_file_is_one_line(root, tmp_path, target):
    done = prepare_data("stats", root, "--json", tmp_path / target)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 and str(tmp_path / target) in done.stderr


def test_stats_of_a_damaged_label_is_one_line(root):
    label = datasets.opened(root).labelled("train")[1].label
    damage.flip_byte(label)
    done = prepare_data("stats", root)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 and str(label) in done.stderr


@pytest.mark.slow
def test_synthesize_makes_a_set_that_verifies(tmp_path):
    town = tmp_path / "a town"
    options = ["--train", 2, "--val", 1, "--size", "128x256", "--seed", 3]
    done = prepare_data("synthesize", town, *options, "--workers", 1)
    assert done.returncode == 0, done.stderr
    assert f"python train.py -m fastscnn -p '{town}' -t 128,256" in done.stdout
    verified = prepare_data("verify", town)
    assert verified.returncode == 0 and "verified 3 images" in verified.stdout
    image = datasets.opened(town).labelled("train")[0].image
    assert png.header(image).size == (128, 256)
    again = tmp_path / "again"
    prepare_data("synthesize", again, *options)
    for path in sorted(again.rglob("*.png")):
        assert path.read_bytes() == (town / path.relative_to(again)).read_bytes()


def test_synthesize_does_not_mix_with_another_set(root):
    before = sorted(root.rglob("*"))
    done = prepare_data("synthesize", root, "--train", 1, "--val", 1)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 and str(root) in done.stderr
    assert sorted(root.rglob("*")) == before


@pytest.mark.parametrize("option", [["--train", "0"], ["--size", "64"], ["--seed", "-1"], ["--workers", "x"]])
def test_synthesize_refuses_bad_options(tmp_path, option):
    done = prepare_data("synthesize", tmp_path / "town", *option)
    assert done.returncode == 2 and option[0] in done.stderr
    assert not (tmp_path / "town").exists()


def test_camvid_verifies():
    done = prepare_data("verify", camvid())
    assert done.returncode == 0, done.stdout
    assert "verified 235 images" in done.stdout and "no instanceIds for 51 images" in done.stdout


def test_camvid_statistics():
    done = prepare_data("stats", camvid())
    rows = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()}
    assert 0.25 < float(rows["road"][1].rstrip("%")) / 100 < 0.4  # the road fills a third of a street scene
    assert rows["rider"][-2:] == ["absent", "absent"]


def test_a_damaged_copy_of_camvid_is_found(tmp_path):
    shutil.copytree(camvid(), tmp_path / "camvid", copy_function=shutil.copyfile)  # writable, whatever it was
    sample = datasets.opened(tmp_path / "camvid").labelled("val")[7]
    damage.flip_byte(sample.image)
    damage.truncate(sample.label)
    done = prepare_data("verify", tmp_path / "camvid")
    assert done.returncode == 1 and ": 2 errors, " in done.stdout
    assert str(sample.image) in done.stdout and str(sample.label) in done.stdout
