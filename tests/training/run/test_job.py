"""A batch job that is started again goes on with the run that it has saved."""

import shutil

import pytest

from models.weights import run_files
from runs import log, train_here
from tiny import tiny_dataset
from training import config
from training.run import run_folder

START = ("-m", "toy", "-t", "32,64", "-b", "2", "-l", "0.002", "--optimizer", "adam")


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    return tiny_dataset(tmp_path_factory.mktemp("town"), train=4, val=2, size=(32, 64), instances=False)


@pytest.mark.slow
def test_the_same_command_goes_on_with_the_jobs_own_run(town, tmp_path):
    def train(job, epochs):
        command = (*START, "-p", town, "--logs", tmp_path, "--job", job, "-e", epochs)
        assert train_here(*command) == 0

    train("c-1", 1)
    (run,) = (tmp_path / "toy").iterdir()
    train("c-2", 1)  # another job
    assert len(list((tmp_path / "toy").iterdir())) == 2
    train("c-1", 2)
    assert len(list((tmp_path / "toy").iterdir())) == 2
    assert [row["epoch"] for row in log(run)] == ["1", "2"]
    assert config.read(run / run_files.CONFIG).job == "c-1"

    shutil.rmtree(run / "checkpoints")  # as after a node's death before the first one: from the start
    (run / "checkpoints").mkdir()
    assert run_folder.of_job(tmp_path, "c-1") is None
    train("c-1", 1)
    assert len(list((tmp_path / "toy").iterdir())) == 3


def test_a_run_repeated_from_a_configuration_is_not_that_jobs(tmp_path):
    saved = config.new({"model": "toy", "job": "c-1"}, tmp_path)
    assert config.repeated(saved, {}, tmp_path).job is None
    assert config.resumed(saved, {}, None).job == "c-1"
    assert config.resumed(saved, {"job": "c-2"}, None).job == "c-2"


def test_what_is_no_run_is_passed_over(tmp_path):
    assert run_folder.of_job(tmp_path, "c-1") is None
    folder = tmp_path / "toy" / "20260101-000000"
    folder.mkdir(parents=True)
    (folder / run_files.CONFIG).write_text("{ half")
    assert run_folder.of_job(tmp_path, "c-1") is None
